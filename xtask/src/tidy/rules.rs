//! What is checked. A rule that must be broken somewhere has its list of exceptions here, with the reason.

use std::collections::HashSet;

use super::Source;

/// Lines of a file before its `#[cfg(test)]`.
const MAX_LINES: usize = 400;
/// Files that are longer; the list may only shrink.
const LONG_FILES: [&str; 0] = [];

/// Where generated protobuf types may be used: the files at the edge. Everything else works on the model.
const EDGE: [&str; 13] = [
    "proto/src/",
    "server/src/admin/",
    "server/src/admin.rs",
    "server/src/bin/landmarkctl/",
    "server/src/console/",
    "server/src/console.rs",
    "server/src/enrollment.rs",
    "server/src/fleet/service.rs",
    "server/src/status.rs",
    "agent/src/enroll.rs",
    "agent/src/link/",
    // Records on disk have the form in which they are sent.
    "agent/src/outbox/log.rs",
    "tests/",
];

/// Files that decide: no clock, no socket, no runtime, outside their tests.
const DECIDING: [&str; 45] = [
    "proto/src/",
    "agent/src/location/race.rs",
    "agent/src/location/engine.rs",
    "agent/src/location/engine/",
    "agent/src/location/flips.rs",
    "agent/src/location/resolve/hosts.rs",
    "agent/src/location/resolve/message.rs",
    "agent/src/location/resolve/resolv_conf.rs",
    "agent/src/netfilter/attribute.rs",
    "agent/src/netfilter/message.rs",
    "agent/src/netfilter/table/",
    "agent/src/netlink/message.rs",
    "agent/src/netlink/request.rs",
    "agent/src/network/sleep.rs",
    "agent/src/network/linux/gateways.rs",
    "agent/src/network/linux/kind.rs",
    "agent/src/network/linux/message.rs",
    "agent/src/network/linux/snapshot.rs",
    "agent/src/link/backoff.rs",
    "agent/src/policy.rs",
    "agent/src/ledger/accept.rs",
    "agent/src/enforce/firewall/flows",
    "agent/src/enforce/firewall/ground",
    "agent/src/enforce/firewall/hits",
    "agent/src/enforce/firewall/plan",
    "agent/src/enforce/firewall/protocol",
    "agent/src/enforce/firewall/render",
    "agent/src/enforce/firewall/text",
    "server/src/settings/",
    "server/src/access/account.rs",
    "server/src/access/api_token.rs",
    "server/src/access/passwords/rules.rs",
    "server/src/access/permission.rs",
    "server/src/access/throttle.rs",
    "server/src/fleet/slots.rs",
    "server/src/fleet/admission.rs",
    "server/src/fleet/allowance.rs",
    "server/src/fleet/attention.rs",
    "server/src/fleet/filter.rs",
    "server/src/fleet/order.rs",
    "server/src/fleet/samples/pace.rs",
    "server/src/fleet/renewal.rs",
    "server/src/fleet/registry/index.rs",
    "server/src/fleet/registry/list.rs",
    "server/src/fleet/registry/tally.rs",
];
const ACTING_WORDS: [&str; 6] =
    ["async fn", ".await", "Instant::now", "SystemTime::now", "tokio::", "std::net::TcpStream"];

pub(super) fn in_source(source: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    let path = &source.path;
    let code = without_tests(&source.text);
    let n_lines = code.lines().count();
    if n_lines > MAX_LINES && !LONG_FILES.contains(&path.as_str()) && !is_test_file(path) {
        findings
            .push(format!("{path}:1: {n_lines} lines without tests (at most {MAX_LINES}); split it by idea"));
    }
    if path.ends_with("/mod.rs") {
        findings.push(format!("{path}:1: modules are foo.rs and foo/bar.rs, never mod.rs"));
    }
    if !source.text.starts_with("//!") && !is_test_file(path) {
        findings.push(format!("{path}:1: a file opens with //! and what it decides or does"));
    }
    for (index, line) in source.text.lines().enumerate() {
        let here = format!("{path}:{}", index + 1);
        findings.extend(in_line(path, line).map(|finding| format!("{here}: {finding}")));
    }
    for (index, line) in code.lines().enumerate() {
        let here = format!("{path}:{}", index + 1);
        findings.extend(in_code_line(path, line).into_iter().map(|finding| format!("{here}: {finding}")));
    }
    findings
}

/// Rules for tests and code alike.
fn in_line(path: &str, line: &str) -> Option<String> {
    // This file names what it forbids.
    if path == "xtask/src/tidy/rules.rs" {
        return None;
    }
    let line = line.trim_start();
    for banned in ["#[ignore", "#[should_panic"] {
        if line.starts_with(banned) {
            return Some(format!("{banned}…]: a test that does not run, or asserts too little"));
        }
    }
    line.contains("/root/").then(|| "/root/…: a path of one machine".to_owned())
}

/// Rules for code outside tests.
fn in_code_line(path: &str, line: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let code = line.split("//").next().unwrap_or_default();
    let is_in = |places: &[&str]| places.iter().any(|place| path.starts_with(place));
    let names_generated = code.contains("wire::") || code.contains("landmark_proto::wire");
    if names_generated && !is_in(&EDGE) && !is_test_file(path) && !path.starts_with("xtask/") {
        findings.push("a generated type past the edge; convert it in an edge file".to_owned());
    }
    if is_in(&DECIDING) && !path.starts_with("proto/src/codec") && !is_test_file(path) {
        for word in ACTING_WORDS {
            if code.contains(word) {
                findings.push(format!("{word} in a file that decides; take it as a parameter"));
            }
        }
    }
    findings
}

/// Every file is a module somebody declares: one that nobody does is never compiled, and its tests never run.
pub(super) fn every_file_is_declared(sources: &[Source]) -> Vec<String> {
    let mut declared: HashSet<String> = HashSet::new();
    for source in sources {
        let stem = source.path.trim_end_matches(".rs");
        let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
        let own = if matches!(name, "lib" | "main") { folder } else { stem };
        for line in source.text.lines() {
            let line = line.trim();
            let Some(rest) = line.strip_suffix(';') else { continue };
            if let Some(module) = rest.rsplit_once("mod ").filter(|(before, _)| is_visibility(before)) {
                declared.insert(format!("{own}/{}.rs", module.1));
            }
        }
    }
    let is_root = |path: &str| ["/lib.rs", "/main.rs", "/build.rs"].iter().any(|root| path.ends_with(root));
    sources
        .iter()
        .map(|source| source.path.as_str())
        .filter(|path| !is_root(path) && !declared.contains(*path))
        .map(|path| format!("{path}:1: no file declares this module"))
        .collect()
}

fn is_visibility(before: &str) -> bool {
    let before = before.trim();
    before.is_empty() || before.starts_with("pub") || before.starts_with("#[")
}

/// An exception that nobody needs any more must go.
pub(super) fn exceptions_still_needed(sources: &[Source]) -> Vec<String> {
    let long = |path: &str| {
        let source = sources.iter().find(|source| source.path == path);
        source.is_some_and(|source| without_tests(&source.text).lines().count() > MAX_LINES)
    };
    LONG_FILES
        .iter()
        .filter(|path| !long(path))
        .map(|path| {
            format!("xtask/src/tidy/rules.rs: {path} is not too long any more; take it off LONG_FILES")
        })
        .collect()
}

/// Each dependency of the workspace has a comment above it that says what it is here for.
pub(super) fn dependencies_have_reasons(manifest: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let mut inside = false;
    let mut before = "";
    for (index, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            inside = line == "[workspace.dependencies]";
        } else if inside && line.contains('=') && !line.starts_with('#') && !line.starts_with("landmark-") {
            let reason = before.starts_with("# ") && !before.starts_with("# -- ");
            if !reason {
                findings.push(format!("Cargo.toml:{}: a dependency without a reason above it", index + 1));
            }
        }
        before = line;
    }
    findings
}

fn without_tests(text: &str) -> &str {
    text.find("\n#[cfg(test)]").and_then(|end| text.get(..end)).unwrap_or(text)
}

fn is_test_file(path: &str) -> bool {
    let names = ["/tests.rs", "/testing.rs"];
    names.iter().any(|name| path.ends_with(name))
        || path.contains("/tests/")
        || path.contains("/testing/")
        || path.starts_with("tests/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into() }
    }

    #[test]
    fn a_generated_type_past_the_edge_is_found() {
        let text = "//! Decides.\nuse landmark_proto::wire::Settings;\n";
        assert_eq!(in_source(&source("server/src/store.rs", text)).len(), 1);
        assert_eq!(in_source(&source("server/src/admin/draft.rs", text)).len(), 0);
    }

    #[test]
    fn a_clock_in_a_deciding_file_is_found_but_not_in_its_tests() {
        let text = "//! Decides.\nfn f() { Instant::now(); }\n#[cfg(test)]\nmod tests { fn g() { Instant::now(); } }\n";
        let findings = in_source(&source("agent/src/policy.rs", text));
        assert_eq!(
            findings,
            ["agent/src/policy.rs:2: Instant::now in a file that decides; take it as a parameter"]
        );
    }

    #[test]
    fn a_long_file_is_found_and_tests_do_not_count() {
        let long = format!("//! Long.\n{}", "fn f() {}\n".repeat(MAX_LINES));
        assert_eq!(in_source(&source("agent/src/a.rs", &long)).len(), 1);
        let tested = format!("//! Short.\n#[cfg(test)]\n{}", "fn f() {}\n".repeat(MAX_LINES));
        assert_eq!(in_source(&source("agent/src/a.rs", &tested)).len(), 0);
    }

    #[test]
    fn a_file_that_nobody_declares_is_found() {
        let sources = [
            source("agent/src/lib.rs", "pub mod a;\n#[cfg(test)]\nmod tests;\n"),
            source("agent/src/a.rs", "mod b;\n"),
            source("agent/src/a/b.rs", ""),
            source("agent/src/tests.rs", ""),
            source("agent/src/c.rs", ""),
        ];
        assert_eq!(every_file_is_declared(&sources), ["agent/src/c.rs:1: no file declares this module"]);
    }

    #[test]
    fn a_dependency_without_a_reason_is_found() {
        let manifest =
            "[workspace.dependencies]\n# speaks to peers\na = \"1\"\nb = \"1\"\n[profile.dev]\nc = 1\n";
        assert_eq!(
            dependencies_have_reasons(manifest),
            ["Cargo.toml:4: a dependency without a reason above it"]
        );
    }

    #[test]
    fn an_ignored_test_is_found() {
        let text = "//! Tests.\n#[ignore]\nfn f() {}\n";
        assert_eq!(in_source(&source("agent/src/a.rs", text)).len(), 1);
    }
}
