//! The criteria: what a location depends on, and how sure it must be.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use jiff::{Span, SpanRelativeTo};
use landmark_proto::convert::time::duration_to_wire;
use landmark_proto::wire;
use landmark_proto::wire::edit::{Kind, SetLocationRules};

use super::super::Console;
use super::super::fields::Fields;
use super::super::form::Errors;
use super::super::mount::Mount;
use super::super::problem::Problem;
use super::super::saving::Version;
use super::super::visit::Visit;
use super::super::wired;
use super::{Unsaved, here, refused, unreadable};

pub(super) fn mount(mount: Mount) -> Mount {
    mount.post("/location/rules", save)
}

/// The form as it was typed, or as the rules are saved.
#[derive(Clone, Debug, Default)]
pub(super) struct Typed {
    pub(super) is_gateway: bool,
    pub(super) connected_is_internal: bool,
    pub(super) ignores_tunnels: bool,
    pub(super) required_successes: String,
    pub(super) recheck_interval: String,
    pub(super) confirmations_to_internal: String,
    pub(super) confirmations_to_external: String,
    pub(super) minimum_dwell: String,
    pub(super) errors: Errors,
}

impl Typed {
    pub(super) const FIELDS: &[&str] = &[
        "required_successes",
        "recheck_interval",
        "confirmations_to_internal",
        "confirmations_to_external",
        "minimum_dwell",
    ];
    const RARE: &[&str] = &["confirmations_to_internal", "confirmations_to_external", "minimum_dwell"];

    /// As the rules are saved. What they do not say has the value that the contract gives it.
    pub(super) fn of(rules: &wire::LocationRules) -> Self {
        let count = |n: u32| n.max(1).to_string();
        Self {
            is_gateway: rules.criterion() == wire::LocationCriterion::Gateway,
            connected_is_internal: rules.server_connection() != wire::ServerConnection::SaysNothing,
            ignores_tunnels: rules.tunnels() == wire::Tunnels::Ignore,
            required_successes: count(rules.required_successes),
            recheck_interval: written(wired::duration(rules.recheck_interval)),
            confirmations_to_internal: count(rules.confirmations_to_internal),
            confirmations_to_external: count(rules.confirmations_to_external),
            minimum_dwell: written(wired::duration(rules.minimum_dwell)),
            errors: Errors::default(),
        }
    }

    fn read(fields: &Fields) -> Self {
        let text = |name: &str| fields.text(name).to_owned();
        Self {
            is_gateway: fields.text("criterion") == "gateway",
            connected_is_internal: fields.is_set("connected_is_internal"),
            ignores_tunnels: fields.is_set("ignores_tunnels"),
            required_successes: text("required_successes"),
            recheck_interval: text("recheck_interval"),
            confirmations_to_internal: text("confirmations_to_internal"),
            confirmations_to_external: text("confirmations_to_external"),
            minimum_dwell: text("minimum_dwell"),
            errors: Errors::default(),
        }
    }

    /// Whether the rules that most leave as they are stand open: one of them is not as it is from the start, or is wrong.
    pub(super) fn shows_rare(&self) -> bool {
        let is_usual = self.confirmations_to_internal == "1"
            && self.confirmations_to_external == "1"
            && self.minimum_dwell == "0 s"
            && !self.ignores_tunnels;
        !is_usual || Self::RARE.iter().any(|field| !self.errors.of(field).is_empty())
    }

    /// The edit; what cannot be read is noted.
    fn edit(&mut self) -> Option<SetLocationRules> {
        let errors = &mut self.errors;
        let mut count = |name: &str, text: &str| {
            text.parse().map_err(|_| errors.push(name, format!("{text:?} is not a number"))).ok()
        };
        let required_successes = count("required_successes", &self.required_successes);
        let confirmations_to_internal = count("confirmations_to_internal", &self.confirmations_to_internal);
        let confirmations_to_external = count("confirmations_to_external", &self.confirmations_to_external);
        let mut duration = |name: &str, text: &str| match read_duration(text) {
            Ok(duration) => Some(duration_to_wire(duration)),
            Err(message) => {
                errors.push(name, message);
                None
            }
        };
        let recheck_interval = duration("recheck_interval", &self.recheck_interval);
        let minimum_dwell = duration("minimum_dwell", &self.minimum_dwell);
        let criterion = if self.is_gateway {
            wire::LocationCriterion::Gateway
        } else {
            wire::LocationCriterion::ConnectionStatus
        };
        let server_connection = if self.connected_is_internal {
            wire::ServerConnection::MeansInternal
        } else {
            wire::ServerConnection::SaysNothing
        };
        let tunnels = if self.ignores_tunnels { wire::Tunnels::Ignore } else { wire::Tunnels::Count };
        self.errors.is_empty().then_some(SetLocationRules {
            server_connection: Some(server_connection.into()),
            recheck_interval,
            criterion: Some(criterion.into()),
            required_successes,
            tunnels: Some(tunnels.into()),
            confirmations_to_internal,
            confirmations_to_external,
            minimum_dwell,
        })
    }

    /// Every rule with its words.
    fn told(&self) -> [(&'static str, String); 8] {
        let word = |is: bool, yes: &str, no: &str| if is { yes.to_owned() } else { no.to_owned() };
        [
            ("Criterion", word(self.is_gateway, "gateway", "connection status")),
            ("Connection to this server", word(self.connected_is_internal, "means internal", "says nothing")),
            ("Required successes", self.required_successes.clone()),
            ("Recheck interval", self.recheck_interval.clone()),
            ("Tunnels", word(self.ignores_tunnels, "ignored", "count")),
            ("Confirmations to internal", self.confirmations_to_internal.clone()),
            ("Confirmations to external", self.confirmations_to_external.clone()),
            ("Minimum dwell", self.minimum_dwell.clone()),
        ]
    }

    fn versions(&self, saved: &Self) -> Vec<Version> {
        let both = saved.told().into_iter().zip(self.told());
        both.filter(|(saved, typed)| saved != typed)
            .map(|((what, saved), (_, typed))| Version::new(what, saved, typed))
            .collect()
    }
}

async fn save(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Problem> {
    let mut typed = Typed::read(&fields);
    let Some(edit) = typed.edit() else {
        let unsaved = Unsaved { rules: Some(typed), ..Unsaved::default() };
        return unreadable((&console, &visit, &fields), unsaved).await;
    };
    match console.save(&visit, &fields, Kind::SetLocationRules(edit)).await {
        Ok(saved) => {
            let text = saved.words("the criteria.");
            Ok(console.done(&visit, &here(&fields, "criteria"), text))
        }
        Err(error) => {
            let versions = |settings: &wire::Settings| {
                typed.versions(&Typed::of(&settings.location.unwrap_or_default()))
            };
            let unsaved =
                |errors| Unsaved { rules: Some(Typed { errors, ..typed.clone() }), ..Unsaved::default() };
            refused((&console, &visit, &fields), error, versions, unsaved).await
        }
    }
}

/// As people type it, and as [`read_duration`] reads it again: `90 s`, `5 min`, `1 h`.
fn written(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds >= 3_600 && seconds % 3_600 == 0 => format!("{} h", seconds / 3_600),
        seconds if seconds >= 60 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

/// `60 s`, `5 min`, `1 h 30 min`; a day has 24 hours.
fn read_duration(text: &str) -> Result<Duration, String> {
    const FORM: &str = "give a number with a unit, for example 60 s, 5 min or 1 h";
    let text = text.trim();
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("the unit is missing ({FORM})"));
    }
    let span: Span = text.parse().map_err(|_| format!("{text:?} is no span of time ({FORM})"))?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours());
    let duration = duration.ok().and_then(|duration| Duration::try_from(duration).ok());
    let duration = duration.ok_or_else(|| format!("{text:?} is no span of time ({FORM})"))?;
    if duration.subsec_nanos() == 0 { Ok(duration) } else { Err("give whole seconds".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time_are_read_as_they_are_written() {
        for (text, seconds) in
            [("60 s", 60), ("5 min", 300), ("1 h", 3_600), ("1 h 30 min", 5_400), ("90s", 90)]
        {
            assert_eq!(read_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for seconds in [0, 59, 60, 90, 120, 3_600, 5_400, 86_400] {
            let duration = Duration::from_secs(seconds);
            assert_eq!(read_duration(&written(duration)), Ok(duration));
        }
        assert_eq!(written(Duration::from_secs(60)), "1 min");
    }

    #[test]
    fn what_is_no_span_of_time_is_told_with_an_example() {
        assert!(read_duration("60").unwrap_err().starts_with("the unit is missing"));
        for text in ["soon", "-5 s", "1 month"] {
            assert!(read_duration(text).unwrap_err().contains("5 min"), "{text}");
        }
        assert_eq!(read_duration("500 ms"), Err("give whole seconds".to_owned()));
    }
}
