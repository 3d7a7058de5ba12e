//! The attempts of an evaluation over time: each a bar on the same axis, beside what became of it.

use std::time::Duration;

use landmark_proto::evidence::{Attempt, Evidence, Outcome};
use landmark_proto::reference_server::place;

/// Units across the whole axis.
const WIDTH: f64 = 300.0;
/// The shortest bar that can be seen.
const THIN: f64 = 2.0;

/// All attempts, in the order of the list.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Drawing {
    pub(super) rows: Vec<Row>,
    /// What the axis ends with.
    pub(super) end: String,
    /// Where on the axis the verdict was given.
    pub(super) verdict: String,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// From 1, as people count.
    pub(super) number: usize,
    pub(super) place: String,
    pub(super) address: String,
    pub(super) outcome: String,
    /// What more is known of a failure.
    pub(super) detail: String,
    pub(super) is_answer: bool,
    pub(super) started: String,
    pub(super) took: String,
    pub(super) x: String,
    pub(super) width: String,
    pub(super) class: &'static str,
}

/// `None` where nothing had to be tried.
pub(super) fn drawing(evidence: &Evidence) -> Option<Drawing> {
    let ended = |attempt: &Attempt| attempt.started_after + attempt.took;
    let end =
        evidence.attempts.iter().map(ended).max()?.max(evidence.decided_in).max(Duration::from_millis(1));
    let at = |moment: Duration| moment.as_secs_f64() / end.as_secs_f64() * WIDTH;
    let rows = evidence.attempts.iter().map(|attempt| {
        let (x, width) = (at(attempt.started_after), at(attempt.took).max(THIN));
        Row {
            number: attempt.position + 1,
            place: place(&attempt.host, &[attempt.port]),
            address: attempt.address.map(|address| address.to_string()).unwrap_or_default(),
            outcome: attempt.outcome.to_string(),
            detail: attempt.tls_error.clone().unwrap_or_default(),
            is_answer: attempt.outcome == Outcome::Answered,
            started: milliseconds(attempt.started_after),
            took: milliseconds(attempt.took),
            x: format!("{:.1}", x.min(WIDTH - THIN)),
            width: format!("{:.1}", width.min(WIDTH - x.min(WIDTH - THIN))),
            class: class(attempt.outcome),
        }
    });
    Some(Drawing {
        rows: rows.collect(),
        end: milliseconds(end),
        verdict: format!("{:.1}", at(evidence.decided_in).min(WIDTH)),
    })
}

fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "answered",
        Outcome::Timeout | Outcome::NotNeeded => "silent",
        Outcome::Refused
        | Outcome::Unreachable
        | Outcome::NameNotFound
        | Outcome::ResolverFailed
        | Outcome::LocalError
        | Outcome::PinMismatch
        | Outcome::TlsFailed => "failed",
    }
}

/// `0.8 ms`, `23 ms`, `2.00 s`.
pub(super) fn milliseconds(span: Duration) -> String {
    let milliseconds = span.as_secs_f64() * 1_000.0;
    match milliseconds {
        ..10.0 => format!("{milliseconds:.1} ms"),
        ..1_000.0 => format!("{milliseconds:.0} ms"),
        _ => format!("{:.2} s", milliseconds / 1_000.0),
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use landmark_proto::ids::{BootId, EvaluationId};
    use landmark_proto::location::{Basis, LinkState, Location, Trigger, Verdict};

    use super::*;

    fn attempt(started_ms: u64, took_ms: u64, outcome: Outcome) -> Attempt {
        Attempt {
            position: 0,
            host: "10.1.1.5".parse().unwrap(),
            port: "443".parse().unwrap(),
            address: None,
            local_address: None,
            started_after: Duration::from_millis(started_ms),
            took: Duration::from_millis(took_ms),
            outcome,
            os_error: None,
            n_addresses: 0,
            interface: None,
            certificate: None,
            tls_error: None,
        }
    }

    fn evidence(attempts: Vec<Attempt>) -> Evidence {
        Evidence {
            evaluation: EvaluationId::new(1),
            boot_id: BootId::from_uuid(uuid::Uuid::from_u128(1)),
            started_at: SystemTime::UNIX_EPOCH,
            triggers: vec![Trigger::LinkLost],
            link: LinkState::Lost,
            held: None,
            attempts,
            default_routes: Vec::new(),
            standing: None,
            verdict: Verdict { location: Location::External, basis: Basis::NoneReachable { n_attempts: 2 } },
            decided_in: Duration::from_millis(1_000),
            settled_in: Duration::from_millis(2_000),
        }
    }

    #[test]
    fn bars_stand_where_attempts_began_and_are_as_long_as_they_took() {
        let evidence =
            evidence(vec![attempt(0, 2_000, Outcome::Timeout), attempt(1_000, 0, Outcome::Refused)]);
        let drawing = drawing(&evidence).unwrap();
        let bars: Vec<_> = drawing.rows.iter().map(|row| (&*row.x, &*row.width, row.class)).collect();
        assert_eq!(bars, [("0.0", "300.0", "silent"), ("150.0", "2.0", "failed")]);
        assert_eq!((&*drawing.verdict, &*drawing.end), ("150.0", "2.00 s"));
        assert_eq!((&*drawing.rows[0].place, &*drawing.rows[1].outcome), ("10.1.1.5:443", "refused"));
    }

    #[test]
    fn nothing_is_drawn_where_nothing_was_tried() {
        assert_eq!(drawing(&evidence(Vec::new())), None);
    }

    #[test]
    fn times_are_as_exact_as_they_are_of_use() {
        let told = |micros| milliseconds(Duration::from_micros(micros));
        assert_eq!(
            [told(800), told(23_400), told(2_000_000)],
            ["0.8 ms", "23 ms", "2.00 s"].map(str::to_owned)
        );
    }
}
