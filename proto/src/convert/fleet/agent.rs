//! What agents say.

use crate::ids::{BootId, OutboxId, Sequence};
use crate::message::{
    AgentMessage, Hello, HostFacts, LocationReports, MAX_REPORT_BATCH, OutboxRange, PROTOCOL_VERSION,
};
use crate::violation::{Findings, Path, Violations};
use crate::wire;

use super::super::evidence::{from_wire as evidence_from_wire, to_wire as evidence_to_wire};
use super::super::firewall::{labels_from_wire, platform_from_wire, platform_to_wire};
use super::super::location::{report_from_wire, report_to_wire};
use super::assignment::{held_from_wire, held_to_wire, result_from_wire, result_to_wire};
use super::enforcement::{enforcement_from_wire, enforcement_to_wire, hits_from_wire, hits_to_wire};
use super::sweep::{sweep_from_wire, sweep_to_wire};
use super::text_from_wire;

/// Of a reason that an agent gives for people.
pub(super) const MAX_REASON_CHARS: usize = 2_000;

/// Any message.
pub fn agent_message_to_wire(message: &AgentMessage) -> wire::AgentMessage {
    use wire::agent_message::Kind;
    let kind = match message {
        AgentMessage::Hello(hello) => Kind::Hello(hello_to_wire(hello)),
        AgentMessage::AssignmentResult(result) => Kind::AssignmentResult(result_to_wire(result)),
        AgentMessage::LocationReports(reports) => Kind::LocationReports(reports_to_wire(reports)),
        AgentMessage::Enforcement(status) => Kind::Enforcement(enforcement_to_wire(status)),
        AgentMessage::Heartbeat => Kind::Heartbeat(wire::Heartbeat {}),
        AgentMessage::Goodbye { reason } => Kind::Goodbye(wire::Goodbye { reason: cut(reason) }),
        AgentMessage::Evidence(evidence) => Kind::Evidence(evidence_to_wire(evidence)),
        AgentMessage::SweepReport(report) => Kind::SweepReport(sweep_to_wire(report)),
        AgentMessage::FirewallHits(hits) => Kind::FirewallHits(hits_to_wire(hits)),
    };
    wire::AgentMessage { kind: Some(kind) }
}

/// Checks any message.
///
/// # Errors
/// Every broken rule, with its path.
pub fn agent_message_from_wire(message: wire::AgentMessage) -> Result<AgentMessage, Violations> {
    use wire::agent_message::Kind;
    let wire::AgentMessage { kind } = message;
    let root = Path::root();
    match kind {
        None => Err(Violations::one(&root, "is a message of a kind that this version does not know")),
        Some(Kind::Hello(hello)) => {
            hello_from_wire(hello, &root.field("hello")).map(|hello| AgentMessage::Hello(Box::new(hello)))
        }
        Some(Kind::AssignmentResult(result)) => {
            result_from_wire(result, &root.field("assignment_result")).map(AgentMessage::AssignmentResult)
        }
        Some(Kind::LocationReports(reports)) => {
            reports_from_wire(reports, &root.field("location_reports")).map(AgentMessage::LocationReports)
        }
        Some(Kind::Enforcement(status)) => {
            enforcement_from_wire(status, &root.field("enforcement")).map(AgentMessage::Enforcement)
        }
        Some(Kind::Heartbeat(wire::Heartbeat {})) => Ok(AgentMessage::Heartbeat),
        Some(Kind::Goodbye(wire::Goodbye { reason })) => {
            text_from_wire(reason, MAX_REASON_CHARS, &root.field("goodbye").field("reason"))
                .map(|reason| AgentMessage::Goodbye { reason })
        }
        Some(Kind::Evidence(evidence)) => {
            evidence_from_wire(evidence).map(|evidence| AgentMessage::Evidence(Box::new(evidence)))
        }
        Some(Kind::SweepReport(report)) => {
            sweep_from_wire(report, &root.field("sweep_report")).map(AgentMessage::SweepReport)
        }
        Some(Kind::FirewallHits(hits)) => {
            hits_from_wire(hits, &root.field("firewall_hits")).map(AgentMessage::FirewallHits)
        }
    }
}

fn hello_to_wire(hello: &Hello) -> wire::Hello {
    let Hello { boot_id, facts, held, last_result, outbox, enforcement } = hello;
    wire::Hello {
        protocol_version: PROTOCOL_VERSION,
        boot_id: boot_id.to_string(),
        facts: Some(facts_to_wire(facts)),
        held: held.map(held_to_wire),
        last_result: last_result.as_ref().map(result_to_wire),
        outbox: Some(outbox_to_wire(*outbox)),
        enforcement: enforcement.as_ref().map(enforcement_to_wire),
    }
}

fn hello_from_wire(hello: wire::Hello, path: &Path) -> Result<Hello, Violations> {
    let wire::Hello { protocol_version, boot_id, facts, held, last_result, outbox, enforcement } = hello;
    let mut findings = Findings::default();
    if protocol_version != PROTOCOL_VERSION {
        let message = format!("{protocol_version} is not supported (this version speaks {PROTOCOL_VERSION})");
        findings.push(&path.field("protocol_version"), message);
    }
    let boot_id = findings.keep_at(&path.field("boot_id"), boot_id.parse::<BootId>());
    let facts = findings.keep(facts_from_wire(facts, &path.field("facts")));
    let held = match held {
        None => Some(None),
        Some(held) => findings.keep(held_from_wire(held, &path.field("held"))).map(Some),
    };
    let last_result = match last_result {
        None => Some(None),
        Some(result) => findings.keep(result_from_wire(result, &path.field("last_result"))).map(Some),
    };
    let outbox = findings.keep(outbox_from_wire(outbox, &path.field("outbox")));
    let enforcement = match enforcement {
        None => Some(None),
        Some(status) => findings.keep(enforcement_from_wire(status, &path.field("enforcement"))).map(Some),
    };
    let hello = (|| {
        Some(Hello {
            boot_id: boot_id?,
            facts: facts?,
            held: held?,
            last_result: last_result?,
            outbox: outbox?,
            enforcement: enforcement?,
        })
    })();
    findings.finish(hello)
}

/// About a machine. Texts that are too long are cut.
pub fn facts_to_wire(facts: &HostFacts) -> wire::HostFacts {
    let HostFacts { host_name, operating_system, kernel, architecture, agent_version, platform, labels } =
        facts;
    let cut = |text: &String| text.chars().take(HostFacts::MAX_TEXT).collect();
    wire::HostFacts {
        host_name: cut(host_name),
        operating_system: cut(operating_system),
        kernel: cut(kernel),
        architecture: cut(architecture),
        agent_version: cut(agent_version),
        platform: platform_to_wire(*platform).into(),
        labels: labels.iter().map(ToString::to_string).collect(),
    }
}

/// Checks what is said about a machine.
///
/// # Errors
/// Absent, or texts that are too long or have control characters.
pub fn facts_from_wire(facts: Option<wire::HostFacts>, path: &Path) -> Result<HostFacts, Violations> {
    let Some(facts) = facts else {
        return Err(Violations::one(path, "is missing"));
    };
    let wire::HostFacts {
        host_name,
        operating_system,
        kernel,
        architecture,
        agent_version,
        platform,
        labels,
    } = facts;
    let mut findings = Findings::default();
    let platform = findings.keep(platform_from_wire(platform, &path.field("platform")));
    let labels = findings.keep(labels_from_wire(&labels, &path.field("labels")));
    let mut fact = |text: String, name: &str| {
        let path = path.field(name);
        if text.chars().any(char::is_control) {
            findings.push(&path, "has control characters");
            return None;
        }
        findings.keep(text_from_wire(text, HostFacts::MAX_TEXT, &path))
    };
    let host_name = fact(host_name, "host_name");
    let operating_system = fact(operating_system, "operating_system");
    let kernel = fact(kernel, "kernel");
    let architecture = fact(architecture, "architecture");
    let agent_version = fact(agent_version, "agent_version");
    let facts = (|| {
        Some(HostFacts {
            host_name: host_name?,
            operating_system: operating_system?,
            kernel: kernel?,
            architecture: architecture?,
            agent_version: agent_version?,
            platform: platform?,
            labels: labels?,
        })
    })();
    findings.finish(facts)
}

fn outbox_to_wire(range: OutboxRange) -> wire::OutboxRange {
    let OutboxRange { outbox_id, first, next } = range;
    wire::OutboxRange {
        outbox_id: outbox_id.to_string(),
        first_sequence: first.get(),
        next_sequence: next.get(),
    }
}

fn outbox_from_wire(range: Option<wire::OutboxRange>, path: &Path) -> Result<OutboxRange, Violations> {
    let Some(wire::OutboxRange { outbox_id, first_sequence, next_sequence }) = range else {
        return Err(Violations::one(path, "is missing"));
    };
    let mut findings = Findings::default();
    let outbox_id = findings.keep_at(&path.field("outbox_id"), outbox_id.parse::<OutboxId>());
    if next_sequence < first_sequence {
        findings.push(
            &path.field("next_sequence"),
            format!("{next_sequence} is below {first_sequence}, the first"),
        );
    }
    findings.finish(outbox_id.map(|outbox_id| OutboxRange {
        outbox_id,
        first: Sequence::new(first_sequence),
        next: Sequence::new(next_sequence),
    }))
}

fn reports_to_wire(reports: &LocationReports) -> wire::LocationReports {
    let LocationReports { outbox_id, first, reports } = reports;
    wire::LocationReports {
        outbox_id: outbox_id.to_string(),
        first_sequence: first.get(),
        reports: reports.iter().map(report_to_wire).collect(),
    }
}

fn reports_from_wire(reports: wire::LocationReports, path: &Path) -> Result<LocationReports, Violations> {
    let wire::LocationReports { outbox_id, first_sequence, reports } = reports;
    let records = path.field("reports");
    if reports.is_empty() || reports.len() > MAX_REPORT_BATCH {
        let message = format!("{} records in one batch (1 to {MAX_REPORT_BATCH})", reports.len());
        return Err(Violations::one(&records, message));
    }
    let mut findings = Findings::default();
    let outbox_id = findings.keep_at(&path.field("outbox_id"), outbox_id.parse::<OutboxId>());
    let n_records = reports.len() as u64;
    // SQLite counts to 2^63 - 1, and so do we.
    if first_sequence > i64::MAX.unsigned_abs() - n_records {
        findings.push(&path.field("first_sequence"), format!("{first_sequence} is out of range"));
    }
    let mut checked = Vec::with_capacity(reports.len());
    for (index, report) in reports.into_iter().enumerate() {
        checked.extend(findings.keep(report_from_wire(report, &records.index(index))));
    }
    findings.finish(outbox_id.map(|outbox_id| LocationReports {
        outbox_id,
        first: Sequence::new(first_sequence),
        reports: checked,
    }))
}

pub(super) fn cut(reason: &str) -> String {
    reason.chars().take(MAX_REASON_CHARS).collect()
}
