use landmark_proto::ids::AgentId;
use landmark_proto::revision::Revision;
use tonic_types::StatusExt as _;

use super::*;

fn violations() -> Violations {
    let mut findings = landmark_proto::violation::Findings::default();
    let path = Path::root().field("edits").index(0);
    findings.push(&path.field("host"), "is bad");
    findings.push(&path.field("ports"), "are worse");
    findings.finish(Some(())).unwrap_err()
}

fn database_error(doing: &'static str) -> AdminError {
    StoreError::Database { doing, source: sqlx::Error::RowNotFound }.into()
}

fn every_error() -> Vec<AdminError> {
    let mia = || "mia".parse().unwrap();
    let viewer = || {
        let token_file = crate::access::Caller::with_token_file();
        crate::access::Caller { role: crate::access::Role::Viewer, ..token_file }
    };
    let id = AgentId::from_uuid(uuid::Uuid::from_u128(7));
    vec![
        AdminError::Unauthenticated,
        AdminError::Invalid(violations()),
        AdminError::NoAssignment(Revision::FIRST),
        AdminError::NothingAssigned,
        AdminError::NoAgent("web".to_owned()),
        AdminError::AmbiguousAgent { name: "web".to_owned(), ids: vec![id, id] },
        AdminError::NoToken("x".to_owned()),
        AdminError::NotPermitted { permission: crate::access::Permission::Assign, caller: viewer() },
        SignInError::Refused.into(),
        SignInError::TooManyFailures { retry_after: Duration::from_millis(3001) }.into(),
        SignInError::Disabled(mia()).into(),
        SignInError::MustChange(mia()).into(),
        SignInError::NewPassword(crate::access::WeakPassword::Same).into(),
        SignInError::Failed.into(),
        AdminError::NoAccount(mia()),
        AdminError::AccountExists(mia()),
        AdminError::LastAdministrator(mia()),
        AdminError::NoOwnAccount(viewer()),
        AdminError::NotSignedIn,
        AdminError::NoApiToken("x".to_owned()),
        AdminError::ApiToken(ApiTokenError::AccountChanged),
        AdminError::ApiToken(ApiTokenError::TooMany),
        AdminError::Password(PasswordError::Busy),
        AdminError::Stopping,
        StoreError::Busy.into(),
        StoreError::Closed.into(),
        database_error("save the draft"),
    ]
}

#[test]
fn every_error_has_its_code_reason_and_words() {
    let lines: Vec<String> = every_error()
        .into_iter()
        .map(|error| {
            let status = Status::from(error);
            let info = status.get_details_error_info().unwrap();
            format!("{:?} {} | {}", status.code(), info.reason, status.message())
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    Unauthenticated API_TOKEN | a valid API token is needed: sign in (landmarkctl login), or use the file admin-token in the server's state folder
    InvalidArgument INVALID | edits[0].host: is bad (and 1 more)
    NotFound NO_SUCH_ASSIGNMENT | there is no assignment 1
    FailedPrecondition NOTHING_ASSIGNED | nothing has been assigned yet
    NotFound NO_SUCH_AGENT | there is no agent "web" (an agent id, the beginning of one, or a host name)
    InvalidArgument AMBIGUOUS_AGENT | "web" names more than one agent; give the id, or more of it: 00000000-0000-0000-0000-000000000007, 00000000-0000-0000-0000-000000000007
    NotFound NO_SUCH_JOIN_TOKEN | there is no join token x
    PermissionDenied NOT_PERMITTED | admin-token may not assign (role viewer; it takes the permission assign, which the role administrator has)
    Unauthenticated SIGN_IN_REFUSED | the account or the password is wrong
    ResourceExhausted TOO_MANY_FAILURES | too many attempts failed; try again in 4 s
    PermissionDenied ACCOUNT_DISABLED | the account mia is disabled; an administrator can enable it
    FailedPrecondition PASSWORD_MUST_CHANGE | the password of mia must be replaced by one of your own
    InvalidArgument INVALID | new_password: the new password is the present one
    Internal PASSWORD_FAILED | the password could not be checked
    NotFound NO_SUCH_ACCOUNT | there is no account mia
    AlreadyExists ACCOUNT_EXISTS | there is an account mia already
    FailedPrecondition LAST_ADMINISTRATOR | mia is the last enabled administrator: it stays as it is until there is another one
    FailedPrecondition NO_ACCOUNT | the call came without an account (admin-token), so that there is no password to change
    FailedPrecondition NOT_SIGNED_IN | there is nothing to sign out of: the call came with the token of the first start
    NotFound NO_SUCH_API_TOKEN | there is no API token x
    Aborted ACCOUNT_CHANGED | the account was changed in the meantime; sign in again
    FailedPrecondition TOO_MANY_API_TOKENS | there are 200 API tokens already; revoke those that nobody needs
    ResourceExhausted BUSY | too many passwords are being checked
    Unavailable STOPPING | the server is stopping
    Unavailable STORE_BUSY | the server has too many changes to store at the moment, nothing was changed; try again
    Unavailable STOPPING | the server is stopping, nothing was changed
    Internal STORE_FAILED | the server's store failed: cannot save the draft: no rows returned by a query that expected to return at least one row
    "#);
}

#[test]
fn every_violation_stands_in_the_details() {
    let status = Status::from(AdminError::Invalid(violations()));
    let details = status.get_details_bad_request().unwrap();
    let fields: Vec<&str> =
        details.field_violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["edits[0].host", "edits[0].ports"]);
}

#[test]
fn a_state_that_does_not_allow_a_call_says_what_to_do_first() {
    let status = Status::from(AdminError::NothingAssigned);
    let details = status.get_details_precondition_failure().unwrap();
    assert_eq!(details.violations[0].subject, "assignment");
    assert!(details.violations[0].description.contains("landmarkctl assign"));
}

#[test]
fn a_busy_store_says_when_to_come_back() {
    let status = Status::from(AdminError::from(StoreError::Busy));
    assert_eq!(status.get_details_retry_info().unwrap().retry_delay, Some(RETRY_AFTER));
}

#[test]
fn a_status_always_fits_into_the_headers_that_clients_accept() {
    use landmark_proto::reference_server::{MAX_SERVERS, ReferenceServer, ReferenceServerList};

    let mut findings = landmark_proto::violation::Findings::default();
    for index in 0..200 {
        let path = Path::root().field("edits").index(index).field("replace_reference_servers");
        findings.push(&path, "x".repeat(150));
    }
    let status = Status::from(AdminError::Invalid(findings.finish(Some(())).unwrap_err()));
    let n_named = status.get_details_bad_request().unwrap().field_violations.len();
    assert!((30..100).contains(&n_named), "{n_named}");
    assert!(status.details().len() < 9 * 1024);

    let ports = landmark_proto::port::Ports::new(vec!["443".parse().unwrap()]).unwrap();
    let draft = |n_servers: usize| {
        let servers = (0..n_servers)
            .map(|n| ReferenceServer {
                host: format!("reference-server-{n}.headquarters.example").parse().unwrap(),
                ports: ports.clone(),
                probe: landmark_proto::reference_server::Probe::Tcp,
            })
            .collect();
        let settings = landmark_proto::settings::Settings {
            reference_servers: ReferenceServerList::new(true, servers).unwrap(),
            ..Default::default()
        };
        let etag = crate::store::drafts::Etag::from_wire("7-00000000".to_owned()).unwrap();
        Box::new(Draft { etag, settings, assigned: None, differs: true, changed: None })
    };
    let of_default_size = Status::from(AdminError::Conflict(draft(32)));
    let details = |status: &Status| tonic_types::Status::decode(status.details()).unwrap().details.len();
    assert_eq!(details(&of_default_size), 2);
    let huge = Status::from(AdminError::Conflict(draft(MAX_SERVERS)));
    assert_eq!(details(&huge), 1);
    assert_eq!(huge.code(), Code::Aborted);
    assert!(
        huge.message()
            .ends_with("too large to be told here: read it (landmarkctl draft show, or Admin.GetDraft)")
    );
    assert!(!of_default_size.message().contains("too large"));
}
