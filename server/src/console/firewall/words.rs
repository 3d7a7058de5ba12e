//! The firewall in words: how forms and people call what the contract has numbers for.

use landmark_proto::wire;

use crate::console::fields::Fields;

/// One entry of a choice.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) label: String,
    pub(super) is_chosen: bool,
}

/// The values of an enumeration: number, word in forms, label for people.
pub(super) struct Names<T: 'static>(&'static [(T, &'static str, &'static str)]);

impl<T: Copy + Into<i32>> Names<T> {
    /// The number of a word; that of "unspecified" for a word that is none, which the administration refuses.
    pub(super) fn number(&self, word: &str) -> i32 {
        self.0.iter().find(|(_, known, _)| *known == word).map_or(0, |(value, ..)| (*value).into())
    }

    /// The word of a number; empty for one that has none.
    pub(super) fn word(&self, number: i32) -> &'static str {
        self.entry(number).map_or("", |(_, word, _)| *word)
    }

    /// What people read for a number; empty for one that has no word.
    pub(super) fn label(&self, number: i32) -> &'static str {
        self.entry(number).map_or("", |(.., label)| *label)
    }

    fn entry(&self, number: i32) -> Option<&(T, &'static str, &'static str)> {
        self.0.iter().find(|(value, ..)| (*value).into() == number)
    }

    /// Of which one may be chosen.
    pub(super) fn choices(&self, chosen: &str) -> Vec<Choice> {
        self.boxes(&[chosen.to_owned()])
    }

    /// Of which several may be chosen.
    pub(super) fn boxes(&self, chosen: &[String]) -> Vec<Choice> {
        let choice = |(_, word, label): &(T, &str, &str)| Choice {
            value: (*word).to_owned(),
            label: (*label).to_owned(),
            is_chosen: chosen.iter().any(|it| it == word),
        };
        self.0.iter().map(choice).collect()
    }
}

pub(super) const LEVELS: Names<wire::FirewallLevel> = Names(&[
    (wire::FirewallLevel::Low, "low", "Low: inbound and outbound pass"),
    (wire::FirewallLevel::Medium, "medium", "Medium: inbound is blocked, outbound passes"),
    (wire::FirewallLevel::High, "high", "High: inbound and outbound are blocked"),
]);

/// To enforce is what is meant where nothing is said.
pub(super) const MODES: Names<wire::FirewallMode> = Names(&[
    (wire::FirewallMode::Unspecified, "enforce", "Enforce: what is blocked is dropped"),
    (wire::FirewallMode::Observe, "observe", "Observe: what would be blocked passes, and is counted"),
]);

pub(super) const ACTIONS: Names<wire::FirewallAction> = Names(&[
    (wire::FirewallAction::Allow, "allow", "Allow"),
    (wire::FirewallAction::Block, "block", "Block"),
]);

pub(super) const DIRECTIONS: Names<wire::FirewallDirection> = Names(&[
    (wire::FirewallDirection::Inbound, "inbound", "Inbound"),
    (wire::FirewallDirection::Outbound, "outbound", "Outbound"),
    (wire::FirewallDirection::Both, "both", "Both"),
]);

pub(super) const PROTOCOLS: Names<wire::FirewallProtocol> = Names(&[
    (wire::FirewallProtocol::Tcp, "tcp", "TCP"),
    (wire::FirewallProtocol::Udp, "udp", "UDP"),
    (wire::FirewallProtocol::TcpUdp, "tcp+udp", "TCP and UDP"),
    (wire::FirewallProtocol::Icmp, "icmp", "ICMP (IPv4)"),
    (wire::FirewallProtocol::Icmpv6, "icmpv6", "ICMPv6"),
    (wire::FirewallProtocol::All, "all", "All"),
]);

pub(super) const LOCATIONS: Names<wire::FirewallLocation> = Names(&[
    (wire::FirewallLocation::Internal, "internal", "Internal"),
    (wire::FirewallLocation::External, "external", "External, or not known yet"),
]);

pub(super) const PLATFORMS: Names<wire::FirewallPlatform> = Names(&[
    (wire::FirewallPlatform::Linux, "linux", "Linux"),
    (wire::FirewallPlatform::Windows, "windows", "Windows"),
    (wire::FirewallPlatform::Macos, "macos", "macOS"),
]);

/// What a level does to a connection that no exception matches.
pub(super) fn meaning(level: &str) -> &'static str {
    match level {
        "low" => "inbound and outbound pass",
        "medium" => "inbound is blocked, outbound passes",
        "high" => "inbound and outbound are blocked",
        _ => "",
    }
}

/// Entries of a field with one a line; a comma ends one too.
pub(super) fn entries(fields: &Fields, name: &str) -> Vec<String> {
    let entries = fields.whole(name).split(['\n', ',', ';']).map(str::trim);
    entries.filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}

/// The conditions of a profile, one text a kind; none for every machine.
pub(super) fn conditions(conditions: Option<&wire::FirewallConditions>) -> Vec<String> {
    let Some(wire::FirewallConditions { locations, addresses, host_names, platforms, labels }) = conditions
    else {
        return Vec::new();
    };
    let locations: Vec<String> = locations.iter().map(|it| LOCATIONS.word(*it).to_owned()).collect();
    let platforms: Vec<String> = platforms.iter().map(|it| PLATFORMS.label(*it).to_owned()).collect();
    let kinds = [
        ("location", &locations),
        ("address", addresses),
        ("host name", host_names),
        ("platform", &platforms),
        ("label", labels),
    ];
    let given = kinds.into_iter().filter(|(_, entries)| !entries.is_empty());
    given.map(|(kind, entries)| format!("{kind} {}", either(entries))).collect()
}

/// As many as one reads in a row.
pub(super) fn either(entries: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = entries.get(..SHOWN.min(entries.len())).unwrap_or_default().join(" or ");
    match entries.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} or {more} more"),
    }
}

/// Ports as people write them; empty for all.
pub(super) fn ports(ranges: &[wire::PortRange]) -> String {
    let told = ranges.iter().map(
        |wire::PortRange { first, last }| {
            if first == last { first.to_string() } else { format!("{first}-{last}") }
        },
    );
    told.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_told_by_kind_and_long_lists_are_cut() {
        assert_eq!(conditions(None), Vec::<String>::new());
        let given = wire::FirewallConditions {
            locations: vec![wire::FirewallLocation::External.into()],
            host_names: (1..=6).map(|n| format!("nb-{n}")).collect(),
            platforms: vec![wire::FirewallPlatform::Macos.into(), wire::FirewallPlatform::Linux.into()],
            ..wire::FirewallConditions::default()
        };
        assert_eq!(
            conditions(Some(&given)),
            [
                "location external",
                "host name nb-1 or nb-2 or nb-3 or nb-4 or 2 more",
                "platform macOS or Linux"
            ]
        );
    }

    #[test]
    fn words_and_numbers_stand_for_each_other() {
        for level in ["low", "medium", "high"] {
            assert_eq!(LEVELS.word(LEVELS.number(level)), level);
            assert!(!meaning(level).is_empty());
        }
        assert_eq!(LEVELS.number("lethal"), 0);
        assert_eq!(MODES.word(0), "enforce");
        let range = |first, last| wire::PortRange { first, last };
        assert_eq!(ports(&[range(80, 80), range(8000, 8099)]), "80, 8000-8099");
    }

    #[test]
    fn entries_stand_on_lines_or_between_commas_and_ranges_may_have_blanks() {
        let fields =
            Fields::from_bytes(b"addresses=10.0.0.1+-+10.0.0.9%0D%0A%0D%0A10.1.0.0%2F16%2C+fd00%3A%3A1");
        assert_eq!(entries(&fields, "addresses"), ["10.0.0.1 - 10.0.0.9", "10.1.0.0/16", "fd00::1"]);
    }
}
