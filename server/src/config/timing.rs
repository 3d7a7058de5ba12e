//! How agents and server pace themselves.

use std::time::Duration;

use landmark_daemon::config::Reader;
use landmark_proto::message::{MAX_REPORT_BATCH, Tuning};

use super::{DAY, HOUR, MINUTE, SECOND};
use crate::fleet::FleetConfig;

/// Declares all of it.
pub(super) fn declare(r: &mut Reader) -> FleetConfig {
    let default = FleetConfig::default();
    FleetConfig {
        tuning: declare_tuning(r),
        apply_jitter: r.duration(
            "timing.apply-jitter",
            default.apply_jitter,
            Duration::ZERO..=10 * MINUTE,
            "After an assign, agents look for their location spread over this time. With 0s it is 0s below 5,000\n\
             connected agents and grows with their number above.",
        ),
        drain_spread: r.duration(
            "timing.drain-spread",
            default.drain_spread,
            Duration::ZERO..=HOUR,
            "At a planned stop every agent is told when to come back: spread over this time.",
        ),
        sessions_per_second: r.number(
            "limits.sessions-per-second",
            default.sessions_per_second,
            1..=1_000_000,
            "How many agents may come in a second, after a restart for example; the others are told to come a little\n\
             later.",
        ),
        session_burst: r.number(
            "limits.session-burst",
            default.session_burst,
            1..=1_000_000,
            "How many agents may come in at once before that limit counts.",
        ),
        ..default
    }
}

fn declare_tuning(r: &mut Reader) -> Tuning {
    let default = Tuning::default();
    Tuning {
        heartbeat_interval: r.duration(
            "timing.heartbeat",
            default.heartbeat_interval,
            10 * SECOND..=HOUR,
            "How often agent and server say that they are there, for the sake of proxies that ignore PING. A silent loss\n\
             is noticed within 20 s by TCP all the same.",
        ),
        reconnect_spread: r.duration(
            "timing.reconnect-spread",
            default.reconnect_spread,
            Duration::ZERO..=HOUR,
            "After an unplanned loss agents come back spread over this time. Raise it with the size of the fleet.",
        ),
        max_backoff: r.duration(
            "timing.max-backoff",
            default.max_backoff,
            SECOND..=HOUR,
            "The longest pause between two attempts of an agent to connect.",
        ),
        ping_interval: r.duration(
            "timing.ping",
            default.ping_interval,
            10 * SECOND..=HOUR,
            "How often an agent pings on an otherwise idle link.",
        ),
        report_batch: r.number(
            "timing.report-batch",
            default.report_batch,
            1..=MAX_REPORT_BATCH,
            "How many records of its history an agent sends at once.",
        ),
        evaluation_spread: r.duration(
            "timing.evaluation-spread",
            default.evaluation_spread,
            Duration::ZERO..=MINUTE,
            "After a lost link on an unchanged network, agents look for their location spread over this time, so that\n\
             they do not all come to the first reference server at once. With 0s it is 0s below 5,000 agents and grows with\n\
             the fleet above.",
        ),
        sweep_interval: declare_sweep_interval(r),
    }
}

fn declare_sweep_interval(r: &mut Reader) -> Option<Duration> {
    let key = "timing.sweep-interval";
    let default = FleetConfig::default().tuning.sweep_interval;
    let interval = r.duration(
        key,
        default.unwrap_or_default(),
        Duration::ZERO..=7 * DAY,
        "How often every agent tries all reference servers, beside any decision, so that the server can tell which ones\n\
         answer whom (landmarkctl servers health). At least 1m; with 0s never, except when someone asks.",
    );
    if !interval.is_zero() && interval < MINUTE {
        r.problem(key, "is too short (at least 1m, or 0s for never)".to_owned());
    }
    (!interval.is_zero()).then_some(interval)
}
