//! What someone should look at, by rules: takes facts, returns what to do about them. Pure.

use std::fmt;
use std::time::{Duration, SystemTime};

use landmark_proto::location_rules::Criterion;
use landmark_proto::settings::Settings;

use super::health::{Health, ServerHealth, expiring};
use super::registry::Counts;
use super::survey::{Named, Survey};

/// More are not told: whoever has so much to look at begins with the worst.
const MAX_ITEMS: usize = 50;
/// Changes of the draft that are older were probably forgotten.
const FORGOTTEN: Duration = Duration::from_secs(24 * 60 * 60);

/// How bad it is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something is broken.
    Error,
    /// Will break something, or has made the fleet weaker.
    Warning,
    /// Should be known.
    Note,
}

/// One thing that someone should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attention {
    /// Stable, for scripts.
    pub code: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What is the matter.
    pub message: String,
    /// What to do, with the command and the page where it is done.
    pub remedy: String,
    /// What it is about, for example the host of a reference server; may be empty.
    pub subject: String,
}

/// What is known.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// How the agents fare.
    pub counts: Counts,
    /// Those that refused the present assignment.
    pub rejected: Named,
    /// Single agents.
    pub survey: &'a Survey,
    /// The reference servers.
    pub health: &'a Health,
    /// Of the present assignment; `None` before the first.
    pub settings: Option<&'a Settings>,
    /// Differences between the draft and the present assignment.
    pub n_draft_changes: usize,
    /// When the draft was changed last.
    pub draft_changed_at: Option<SystemTime>,
    /// Wall clock of the server.
    pub now: SystemTime,
}

/// What needs attention, the worst first; at most 50 items.
pub fn attention(facts: &Facts<'_>) -> Vec<Attention> {
    let mut found = of_agents(facts);
    found.extend(of_settings(facts));
    for server in &facts.health.servers {
        found.extend(of_server(server, facts.health.n_agents));
    }
    found.extend(of_certificates(facts));
    found.sort_by_key(|item| item.level);
    let n_more = (found.len() + 1).saturating_sub(MAX_ITEMS);
    if n_more > 1 {
        found.truncate(MAX_ITEMS - 1);
        found.push(Attention {
            code: "and_more",
            level: Level::Note,
            message: format!("and {n_more} more, none of them worse than these"),
            remedy: remedy("mend what is told first", "servers health", "Computer location"),
            subject: String::new(),
        });
    }
    found
}

fn of_agents(facts: &Facts<'_>) -> Vec<Attention> {
    let Facts { counts, rejected, survey, .. } = facts;
    let Survey { failed, cloned, lapsed, lapsing } = survey;
    // The counts are of the same moment as those that are shown beside.
    let failed = &Named { n_agents: counts.by_enforcement.n_failed(), ..failed.clone() };
    let cloned = &Named { n_agents: counts.n_cloned, ..cloned.clone() };
    let rules = [
        (
            rejected,
            Level::Error,
            "assignment_rejected",
            "the present assignment was rejected, and what was held before is kept",
            remedy("see why, and correct the settings or the machines", "agents list --rejected", "Agents"),
        ),
        (
            failed,
            Level::Error,
            "enforcement_failed",
            "the policy could not be enforced",
            remedy("see why, and mend it on the machines", "agents list --enforcement failed", "Agents"),
        ),
        (
            cloned,
            Level::Warning,
            "identity_shared",
            "the identity seems to be shared with another machine (a cloned disk?)",
            remedy("enrol one of the two anew, then remove this agent", "agents list --cloned", "Agents"),
        ),
        (
            lapsed,
            Level::Warning,
            "agent_certificate_ended",
            "the certificate has ended, and can be renewed for 90 days after its end",
            remedy(
                "let them connect, or remove those that are no more",
                "agents list --sort last-seen",
                "Agents",
            ),
        ),
        (
            lapsing,
            Level::Warning,
            "agent_certificate_ends",
            "the certificate ends soon, and nobody is connected to renew it",
            remedy(
                "let them connect, or remove those that are no more",
                "agents list --offline --sort last-seen",
                "Agents",
            ),
        ),
    ];
    let told = |(who, level, code, what, remedy): (&Named, _, _, &str, _)| Attention {
        code,
        level,
        message: format!("{what}: {who}"),
        remedy,
        subject: String::new(),
    };
    rules.into_iter().filter(|(who, ..)| who.n_agents > 0).map(told).collect()
}

fn of_settings(facts: &Facts<'_>) -> Vec<Attention> {
    let mut found = Vec::new();
    let mut tell = |code, level, message: String, remedy| {
        found.push(Attention { code, level, message, remedy, subject: String::new() });
    };
    let has_agents = facts.counts.n_agents > 0;
    match facts.settings {
        None if has_agents => tell(
            "nothing_assigned",
            Level::Note,
            "nothing was assigned yet: no agent knows where it is".to_owned(),
            remedy("edit the draft, then assign it", "assign", "Draft"),
        ),
        Some(settings) if has_agents && settings.location.criterion == Criterion::ConnectionStatus => {
            let list = &settings.reference_servers;
            if list.servers().is_empty() {
                tell(
                    "list_empty",
                    Level::Warning,
                    "the reference server list is empty: an agent that loses the server is external everywhere"
                        .to_owned(),
                    remedy("add reference servers, and assign", "servers add HOST PORT", "Computer location"),
                );
            } else if !list.is_enabled() {
                tell(
                    "list_disabled",
                    Level::Warning,
                    "the reference server list is disabled: an agent that loses the server is external everywhere"
                        .to_owned(),
                    remedy("enable it, and assign", "servers enable", "Computer location"),
                );
            }
        }
        None | Some(_) => {}
    }
    let age = facts.draft_changed_at.and_then(|at| facts.now.duration_since(at).ok());
    if facts.n_draft_changes > 0
        && let Some(age) = age.filter(|age| *age > FORGOTTEN)
    {
        let days = age.as_secs() / FORGOTTEN.as_secs();
        let what = if facts.n_draft_changes == 1 { "change waits" } else { "changes wait" };
        tell(
            "draft_waiting",
            Level::Note,
            format!("{} {what} in the draft, the last one for {}", facts.n_draft_changes, in_days(days)),
            remedy("assign the draft, or discard it", "draft diff", "Draft"),
        );
    }
    found
}

/// Of one reference server, out of the sweeps of so many agents.
fn of_server(server: &ServerHealth, n_agents: usize) -> Vec<Attention> {
    let ServerHealth { host, n_reached, n_depend, ports, .. } = server;
    let mut found = Vec::new();
    let mut tell = |code, level, message, what| {
        let remedy = remedy(what, "servers health", "Computer location");
        found.push(Attention { code, level, message, remedy, subject: host.to_string() });
    };
    let is_tried = ports.iter().any(|port| port.n_tried > 0);
    if is_tried && *n_reached == 0 {
        tell(
            "reference_server_unreached",
            Level::Error,
            format!("no agent reached {host} in a way that counts ({} tried)", agents(n_agents)),
            "see how they failed; repair the server, or take it off the list",
        );
    } else if is_tried && n_reached * 2 < n_agents {
        tell(
            "reference_server_reached_by_few",
            Level::Warning,
            format!("only {n_reached} of {} reached {host}", agents(n_agents)),
            "see how the others failed; a firewall may be in the way",
        );
    }
    if *n_depend > 0 {
        let turn = if *n_depend == 1 { "turns" } else { "turn" };
        tell(
            "reference_server_depended_on",
            Level::Note,
            format!("if {host} dies as well as the management server, {} {turn} external", agents(*n_depend)),
            "add a reference server that these agents reach too",
        );
    }
    found
}

/// Of reference servers with pinned keys.
fn of_certificates(facts: &Facts<'_>) -> Vec<Attention> {
    let now = facts.now;
    let soon = expiring(facts.health, now).into_iter().filter(|it| it.is_soon);
    let told = soon.map(|it| {
        let (code, message) = match it.not_after.duration_since(now) {
            Ok(left) if !left.is_zero() => (
                "reference_certificate_ends",
                format!(
                    "the certificate that {}, port {}, shows ends in {}: if the next one has another key, agents do \
                     not recognise the server",
                    it.host,
                    it.port,
                    in_days(left.as_secs() / FORGOTTEN.as_secs()),
                ),
            ),
            Ok(_) | Err(_) => (
                "reference_certificate_ended",
                format!(
                    "the certificate that {}, port {}, shows has ended: if the next one has another key, agents do not \
                     recognise the server",
                    it.host, it.port,
                ),
            ),
        };
        let command = format!("servers edit {} --add-pin PIN", it.host);
        Attention {
            code,
            level: Level::Warning,
            message,
            remedy: remedy("pin the next key beside the old one, and assign", &command, "Computer location"),
            subject: it.host.to_string(),
        }
    });
    told.collect()
}

fn remedy(what: &str, command: &str, page: &str) -> String {
    format!("{what} (landmarkctl {command}; page {page})")
}

fn agents(n: usize) -> String {
    if n == 1 { "1 agent".to_owned() } else { format!("{n} agents") }
}

fn in_days(days: u64) -> String {
    match days {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        n => format!("{n} days"),
    }
}

/// "3 agents (web-1, web-2, web-3)", "5 agents (web-1, web-2, web-3 and 2 more)".
impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&agents(self.n_agents))?;
        if self.host_names.is_empty() {
            return Ok(());
        }
        write!(f, " ({}", self.host_names.join(", "))?;
        match self.n_agents.saturating_sub(self.host_names.len()) {
            0 => f.write_str(")"),
            n_more => write!(f, " and {n_more} more)"),
        }
    }
}

#[cfg(test)]
mod tests;
