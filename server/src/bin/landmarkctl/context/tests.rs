use super::*;

fn contexts() -> Contexts {
    let context = |server: &str, token: &str| Context {
        server: server.parse().unwrap(),
        ca: Some("/ca.pem".into()),
        pin: None,
        token_file: token.into(),
    };
    Contexts {
        current: Some("prod".into()),
        contexts: [
            ("prod".to_owned(), context("prod.example", "/prod-token")),
            ("test".to_owned(), context("test.example:9", "/test-token")),
        ]
        .into(),
        path: "/contexts.toml".into(),
    }
}

fn resolved(wanted: &Wanted) -> Target {
    resolve(wanted, &contexts(), || "/var/lib/landmark-server".into()).unwrap()
}

#[test]
fn the_current_context_is_meant_when_nothing_is_said() {
    let target = resolved(&Wanted::default());
    assert_eq!(target.address.to_string(), "prod.example:7445");
    assert_eq!(target.token, TokenSource::File("/prod-token".into()));
    assert_eq!(target.origin, Origin::Context("prod".into()));
}

#[test]
fn without_contexts_the_server_of_this_machine_is_meant() {
    let target =
        resolve(&Wanted::default(), &Contexts::default(), || "/var/lib/landmark-server".into()).unwrap();
    assert_eq!(target.address.to_string(), "127.0.0.1:7445");
    assert_eq!(target.authority, Authority::File("/var/lib/landmark-server/authority.pem".into()));
    assert_eq!(target.token, TokenSource::File("/var/lib/landmark-server/admin-token".into()));
}

#[test]
fn flags_win_over_the_context_that_is_named() {
    let wanted = Wanted {
        context: Some("test".into()),
        token_file: Some("-".into()),
        ca: Some("/other.pem".into()),
        ..Wanted::default()
    };
    let target = resolved(&wanted);
    assert_eq!(target.address.to_string(), "test.example:9");
    assert_eq!(target.authority, Authority::File("/other.pem".into()));
    assert_eq!(target.token, TokenSource::Stdin);
}

#[test]
fn a_server_named_outright_never_gets_the_current_contexts_token() {
    let wanted = Wanted { server: Some("other.example".parse().unwrap()), ..Wanted::default() };
    let target = resolved(&wanted);
    assert_eq!(target.address.to_string(), "other.example:7445");
    assert_eq!(target.token, TokenSource::File("/var/lib/landmark-server/admin-token".into()));
}

#[test]
fn an_unknown_context_names_the_known_ones() {
    let wanted = Wanted { context: Some("prd".into()), ..Wanted::default() };
    let error = resolve(&wanted, &contexts(), || unreachable!("no state folder is asked for")).unwrap_err();
    assert_eq!(error.to_string(), "there is no context \"prd\" in /contexts.toml");
    assert!(matches!(error, ResolveError::Unknown { known, .. } if known == ["prod", "test"]));
}

#[test]
fn a_context_and_a_state_folder_exclude_each_other() {
    let wanted = Wanted { context: Some("prod".into()), state_dir: Some("/s".into()), ..Wanted::default() };
    let error = resolve(&wanted, &contexts(), || "/".into()).unwrap_err();
    assert_eq!(error.to_string(), "both a context (prod) and a state folder (/s) are given");
}

#[test]
fn a_context_has_exactly_one_way_to_know_the_authority() {
    let mut contexts = contexts();
    contexts.contexts.get_mut("prod").unwrap().ca = None;
    let error = resolve(&Wanted::default(), &contexts, || "/".into()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "context \"prod\" in /contexts.toml is incomplete: it needs \"ca\" (a file) or \"pin\""
    );
}
