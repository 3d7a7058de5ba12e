//! `landmarkctl login`, `logout`, `whoami` and `change-password`.

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use landmark_daemon::state_dir::default_state_dir;
use serde::Serialize;
use zeroize::Zeroizing;

use super::contexts::{check_name, kept_path};
use super::{Run, folder};
use crate::cli::login::Login;
use crate::client::{CallError, Client, SignInWish, Trust};
use crate::context::{
    Authority, Context, Contexts, Folder, Origin, Place, Target, TokenSource, load_authority,
};
use crate::errors::{self, Exit, Failure, Origins, refused, refused_change};
use crate::prompt;
use crate::render::accounts::caller;
use crate::view::api_token::NewApiToken;

#[derive(Serialize)]
struct LoginDocument<'a> {
    account: Option<&'a str>,
    role: Option<&'a str>,
    context: &'a str,
    server: String,
    token_id: &'a str,
    token_file: PathBuf,
    expires_at: Option<Timestamp>,
}

#[derive(Serialize)]
struct LogoutDocument<'a> {
    context: &'a str,
}

#[derive(Serialize)]
struct ChangedDocument {
    n_sessions_ended: u64,
}

pub(super) async fn login(run: &Run, arguments: Login) -> Result<Exit, Failure> {
    interruptible(sign_in(run, arguments)).await
}

pub(super) async fn logout(run: &Run) -> Result<Exit, Failure> {
    let target = run.target()?;
    let folder = folder()?;
    let Some((name, file)) = kept_token(&target, &folder) else {
        return Err(Failure::usage(
            "there is nothing to sign out of: the API token that is used was not made by login",
        )
        .hint("landmarkctl context show tells which token is used; landmarkctl api-tokens revoke ends one"));
    };
    if !file.exists() {
        run.out.remark(format!("{name:?} was signed out already"));
        return Ok(Exit::Done);
    }
    let mut client = run.client().await?;
    match client.sign_out().await {
        Ok(()) => {}
        // It is over already, which is what was wanted.
        Err(CallError::Refused(refusal)) if refusal.code == tonic::Code::Unauthenticated => {}
        Err(error) => return Err(refused_change("sign out", error, &Origins::none())),
    }
    std::fs::remove_file(&file)
        .map_err(|error| Failure::new(Exit::Context, format!("cannot remove {}: {error}", file.display())))?;
    if run.out.is_json() {
        run.out.document(&LogoutDocument { context: &name })?;
    }
    run.out.remark(format!("signed out of {name:?}: its token is accepted no more"));
    Ok(Exit::Done)
}

pub(super) async fn whoami(run: &Run) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let who = client.caller().await.map_err(|error| refused("ask who you are", error, &Origins::none()))?;
    run.out.result(&who, || caller(&who, &run.out.paper()))?;
    Ok(Exit::Done)
}

pub(super) async fn change_password(run: &Run) -> Result<Exit, Failure> {
    interruptible(replace_password(run)).await
}

/// Ctrl-C ends it, and leaves the terminal as it was.
async fn interruptible(work: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => Err(Failure::new(Exit::Interrupted, "interrupted")),
        done = work => done,
    }
}

async fn sign_in(run: &Run, arguments: Login) -> Result<Exit, Failure> {
    let Login { account, lifetime, pin } = arguments;
    let wanted = run.global.wanted()?;
    if wanted.token_file.is_some() {
        let text = "another token is named by --token-file or LANDMARK_TOKEN_FILE: it is used as long as it is named";
        run.out.warning(text);
    }
    let folder = folder()?;
    let contexts = folder.load()?;
    let place = Place::find(&wanted, pin, &contexts, || default_state_dir("landmark-server"))?;
    check_name(&place.name)?;
    let mut client = connect(&place).await?;
    let account = match account {
        Some(account) => account,
        None => ask_for_account().await?,
    };
    let wish = SignInWish { account, description: description(), lifetime };
    let password = hidden(&format!("Password of {}: ", wish.account)).await?;
    let made = match client.sign_in(&wish, &password, None).await {
        Err(CallError::Refused(refusal)) if refusal.reason.as_deref() == Some("PASSWORD_MUST_CHANGE") => {
            run.out.remark(format!("{}; 12 characters or more, several words are good", refusal.message));
            let new = new_password().await?;
            client.sign_in(&wish, &password, Some(&new)).await
        }
        made => made,
    };
    let made = made.map_err(cannot_sign_in)?;
    keep(run, &folder, contexts, &place, &made)
}

/// The token and its context, which becomes the current one.
fn keep(
    run: &Run,
    folder: &Folder,
    mut contexts: Contexts,
    place: &Place,
    made: &NewApiToken,
) -> Result<Exit, Failure> {
    let Place { name, address, authority } = place;
    let token_file = folder.save_token(name, &made.secret)?;
    let (ca, pin) = match authority {
        Authority::File(path) => (Some(kept_path(path)?), None),
        Authority::Pin(pin) => (None, Some(*pin)),
    };
    let context = Context { server: address.clone(), ca, pin, token_file: token_file.clone() };
    contexts.contexts.insert(name.clone(), context);
    contexts.current = Some(name.clone());
    folder.save(&contexts)?;
    let token = &made.token;
    let document = LoginDocument {
        account: token.account.as_deref(),
        role: token.role.map(crate::view::account::Role::word),
        context: name,
        server: address.to_string(),
        token_id: &token.token_id,
        token_file,
        expires_at: token.expires_at,
    };
    if run.out.is_json() {
        run.out.document(&document)?;
        return Ok(Exit::Done);
    }
    let until = token.expires_at.map(|time| format!(", until {}", run.out.paper().moment(Some(time))));
    run.out.remark(format!(
        "signed in to {} as {} ({}){}",
        document.server,
        document.account.unwrap_or_default(),
        document.role.unwrap_or("of a role unknown here"),
        until.unwrap_or_default()
    ));
    run.out.remark(format!("{name:?} is the current context; landmarkctl logout ends this"));
    Ok(Exit::Done)
}

async fn replace_password(run: &Run) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let present = hidden("Present password: ").await?;
    let new = new_password().await?;
    let changed = client.change_password(&present, &new).await;
    let n_sessions_ended =
        changed.map_err(|error| refused_change("change the password", error, &password_origins()))?;
    if run.out.is_json() {
        run.out.document(&ChangedDocument { n_sessions_ended })?;
        return Ok(Exit::Done);
    }
    run.out.remark(format!("the password is changed; other sessions that ended: {n_sessions_ended}"));
    Ok(Exit::Done)
}

async fn connect(place: &Place) -> Result<Client, Failure> {
    let Place { name, address, authority } = place;
    let trust = match authority {
        Authority::Pin(pin) => Trust::Pin(*pin),
        Authority::File(path) => load_authority(path).map_err(|error| {
            Failure::new(Exit::Context, landmark_daemon::error::Chain(&error).to_string()).hint(
                "name the server and its authority: landmarkctl login --server HOST:7445 --pin PIN (landmarkctl server \
                 info on the server prints it)",
            )
        })?,
    };
    let target = Target {
        address: address.clone(),
        authority: authority.clone(),
        token: TokenSource::Stdin,
        origin: Origin::Context(name.clone()),
    };
    Client::connect(address, &trust, None).await.map_err(|error| errors::connect(&error, &target))
}

/// The context whose token was made by login, and where that is.
fn kept_token(target: &Target, folder: &Folder) -> Option<(String, PathBuf)> {
    match (&target.origin, &target.token) {
        (Origin::Context(name), TokenSource::File(path)) if *path == folder.token_file(name) => {
            Some((name.clone(), path.clone()))
        }
        (Origin::Context(_) | Origin::StateDir(_), TokenSource::File(_) | TokenSource::Stdin) => None,
    }
}

/// What the list of API tokens says of it.
fn description() -> String {
    let host: String = rustix::system::uname().nodename().to_string_lossy().chars().take(100).collect();
    format!("landmarkctl on {host}")
}

async fn ask_for_account() -> Result<String, Failure> {
    if !prompt::is_person() {
        return Err(Failure::usage("whose account? there is no terminal to ask on").hint("--account NAME"));
    }
    let answer = prompt::ask("Account: ").await.map_err(|error| cannot_read(&error))?;
    answer.filter(|answer| !answer.is_empty()).ok_or_else(|| Failure::new(Exit::Interrupted, "not signed in"))
}

async fn hidden(question: &str) -> Result<Zeroizing<String>, Failure> {
    let answer = prompt::ask_hidden(question).await.map_err(|error| cannot_read(&error))?;
    answer.filter(|answer| !answer.is_empty()).ok_or_else(|| {
        Failure::usage("no password was given").hint("it is read from standard input: one line, not empty")
    })
}

/// A person types it twice, for nobody sees it.
async fn new_password() -> Result<Zeroizing<String>, Failure> {
    let new = hidden("New password: ").await?;
    if prompt::is_person() && *hidden("The same again: ").await? != *new {
        return Err(Failure::usage("the two new passwords are different; nothing was changed"));
    }
    Ok(new)
}

fn cannot_read(error: &io::Error) -> Failure {
    Failure::new(Exit::File, format!("cannot read from standard input: {error}"))
}

/// Wrong passwords are no wrong API tokens, which other calls are refused for.
fn cannot_sign_in(error: CallError) -> Failure {
    if let CallError::Refused(refusal) = &error
        && matches!(refusal.reason.as_deref(), Some("SIGN_IN_REFUSED" | "ACCOUNT_DISABLED"))
    {
        return Failure::new(Exit::Token, format!("cannot sign in: {}", refusal.message));
    }
    refused_change("sign in", error, &password_origins())
}

fn password_origins() -> Origins {
    Origins::none()
        .with("present_password", "present password")
        .with("new_password", "new password")
        .with("lifetime", "--lifetime")
}

#[cfg(test)]
mod tests {
    use tonic::{Code, Status};
    use tonic_types::{ErrorDetails, StatusExt as _};

    use super::*;

    fn refusal(code: Code, reason: &str, message: &str) -> CallError {
        let details = ErrorDetails::with_error_info(reason, "landmark", std::collections::HashMap::new());
        Status::with_error_details(code, message, details).into()
    }

    #[test]
    fn a_wrong_password_is_told_as_such() {
        let wrong = refusal(Code::Unauthenticated, "SIGN_IN_REFUSED", "the account or the password is wrong");
        let failure = cannot_sign_in(wrong);
        assert_eq!(failure.exit(), Exit::Token);
        insta::assert_snapshot!(failure, @"landmarkctl: cannot sign in: the account or the password is wrong");
        let many = refusal(Code::ResourceExhausted, "TOO_MANY_FAILURES", "try again in 4 s");
        let failure = cannot_sign_in(many);
        assert_eq!(failure.exit(), Exit::Refused);
        insta::assert_snapshot!(failure, @"landmarkctl: cannot sign in: try again in 4 s");
    }

    #[test]
    fn only_what_login_made_is_signed_out_of() {
        let folder = Folder::of_user(Some("/x".into()), None).unwrap();
        let target = |origin, token: &str| Target {
            address: "hq.example".parse().unwrap(),
            authority: Authority::File("/x/ca".into()),
            token: TokenSource::File(token.into()),
            origin,
        };
        let own = "/x/landmark/tokens/hq";
        let context = || Origin::Context("hq".into());
        assert_eq!(kept_token(&target(context(), own), &folder), Some(("hq".into(), own.into())));
        assert_eq!(kept_token(&target(context(), "/home/mia/token"), &folder), None);
        assert_eq!(kept_token(&target(Origin::StateDir("/y".into()), "/y/admin-token"), &folder), None);
    }
}
