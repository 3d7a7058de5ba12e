//! What is doubtful in the draft, for people.

use super::changes::of_firewall;
use super::plain::one_line;
use crate::view::finding::Finding;

/// Three lines a finding: what and where, why, and what to do.
pub(crate) fn findings(findings: &[Finding]) -> String {
    findings.iter().fold(String::new(), |mut text, finding| {
        let Finding { code, path, message, remedy } = finding;
        text.push_str(&format!("{} [{}]\n", one_line(&subject(path)), one_line(code)));
        text.push_str(&format!("  {}\n  remedy: {}\n", one_line(message), one_line(remedy)));
        text
    })
}

/// One line, for a warning before something else happens.
pub(crate) fn finding_line(finding: &Finding) -> String {
    let Finding { code, path: _, message, remedy } = finding;
    one_line(&format!("{message} [{code}]; remedy: {remedy}"))
}

/// "1 doubtful thing", "3 doubtful things".
pub(crate) fn count(n_findings: usize) -> String {
    match n_findings {
        1 => "1 doubtful thing".to_owned(),
        n => format!("{n} doubtful things"),
    }
}

fn subject(path: &str) -> String {
    let inside = |prefix: &str| path.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(']'));
    if let Some(host) = inside("reference_servers.servers[") {
        return format!("reference server {host}");
    }
    if let Some(address) = inside("gateways[") {
        return format!("gateway {address}");
    }
    if let Some(words) = of_firewall(path) {
        return words;
    }
    match path {
        "reference_servers.enabled" | "reference_servers.servers" => "reference server list".to_owned(),
        "location.required_successes" => "required successes".to_owned(),
        "gateways" => "list of gateways".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_says_where_why_and_what_to_do() {
        let finding = |code: &str, path: &str| Finding {
            code: code.into(),
            path: path.into(),
            message: "it is so, and that is bad".into(),
            remedy: "landmarkctl servers enable".into(),
        };
        let list = [
            finding("list_disabled", "reference_servers.enabled"),
            finding("public_address", "reference_servers.servers[2a00::1]"),
            finding("gateway_without_mac", "gateways[fe80::1]"),
            finding("profile_never_reached", "firewall.profiles[Berlin]"),
            finding("of_a_newer_server", "elsewhere"),
        ];
        insta::assert_snapshot!(findings(&list), @r#"
        reference server list [list_disabled]
          it is so, and that is bad
          remedy: landmarkctl servers enable
        reference server 2a00::1 [public_address]
          it is so, and that is bad
          remedy: landmarkctl servers enable
        gateway fe80::1 [gateway_without_mac]
          it is so, and that is bad
          remedy: landmarkctl servers enable
        firewall profile "Berlin" [profile_never_reached]
          it is so, and that is bad
          remedy: landmarkctl servers enable
        elsewhere [of_a_newer_server]
          it is so, and that is bad
          remedy: landmarkctl servers enable
        "#);
        insta::assert_snapshot!(finding_line(&list[0]), @"it is so, and that is bad [list_disabled]; remedy: landmarkctl servers enable");
    }
}
