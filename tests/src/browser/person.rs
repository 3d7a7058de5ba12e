//! People with accounts, who sign in to the console as people do: through its pages.

use anyhow::{Context as _, Result, ensure};

use super::driver::Driver;
use super::tab::Tab;
use crate::fleet::Server;

/// Long enough, and not a word.
pub const PASSWORD: &str = "three-blind-mice-and-a-cheese";

/// Who signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Person {
    /// Makes the first account of a server, and may everything.
    Administrator,
    /// Edits the draft.
    Operator,
    /// Looks.
    Viewer,
}

impl Person {
    /// Of the account.
    pub fn account(self) -> &'static str {
        match self {
            Self::Administrator => "alex",
            Self::Operator => "olga",
            Self::Viewer => "vera",
        }
    }

    /// Of the account, as landmarkctl takes it.
    pub fn role(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Operator => "operator",
            Self::Viewer => "viewer",
        }
    }
}

/// A browser of its own in which this person has signed in, with an account that is made if there is none yet.
///
/// # Errors
/// A page does not do what it should.
pub async fn signed_in(driver: &Driver, server: &Server, person: Person) -> Result<Tab> {
    let tab = driver.open(server).await?;
    let account = person.account();
    let link = first_sign_in(server);
    match (person, link) {
        (Person::Administrator, Ok(link)) => welcome(&tab, &link, account).await?,
        _ if has_account(server, account).await? => sign_in(&tab, account, PASSWORD).await?,
        _ => {
            let made = server.ctl().ok(&["accounts", "create", account, "--role", person.role()]).await?;
            let password = made["one_time_password"].as_str().context("no password")?;
            replace_password(&tab, account, password).await?;
        }
    }
    Ok(tab)
}

/// Makes the first account of a server with the link that its first start has left.
///
/// # Errors
/// The page does not do what it should.
pub async fn welcome(tab: &Tab, link: &str, account: &str) -> Result<()> {
    tab.open_address(link).await?;
    tab.fill("Account", account).await?;
    tab.fill("Password", PASSWORD).await?;
    tab.fill("Password again", PASSWORD).await?;
    tab.press(super::Key::Enter).await?;
    tab.see_page("/").await
}

/// Signs in through the page, with a password that need not be replaced.
///
/// # Errors
/// The page does not do what it should.
pub async fn sign_in(tab: &Tab, account: &str, password: &str) -> Result<()> {
    tab.open("/sign-in").await?;
    tab.fill("Account", account).await?;
    tab.fill("Password", password).await?;
    tab.press(super::Key::Enter).await?;
    tab.see_page("/").await
}

/// The first sign-in with a password that someone else has made.
async fn replace_password(tab: &Tab, account: &str, password: &str) -> Result<()> {
    tab.open("/sign-in").await?;
    tab.fill("Account", account).await?;
    tab.fill("Password", password).await?;
    tab.press(super::Key::Enter).await?;
    tab.fill("Present password", password).await?;
    tab.fill("New password", PASSWORD).await?;
    tab.fill("New password again", PASSWORD).await?;
    tab.press(super::Key::Enter).await?;
    tab.see_page("/").await?;
    // The password that had to be replaced was refused, as it should be: the log of the test begins here.
    tab.nothing_went_wrong_but("422").await
}

/// The link with which the first account of a server is made, while there is none.
///
/// # Errors
/// There is none any more.
pub fn first_sign_in(server: &Server) -> Result<String> {
    let file = server.state_folder().join("first-sign-in");
    let text = std::fs::read_to_string(&file).context("read first-sign-in")?;
    let link = text.split_whitespace().find(|word| word.contains("/welcome?code="));
    let link = link.with_context(|| format!("no link in {text:?}"))?;
    // Whatever name the server gives itself, here it is found by its address.
    let (_, rest) = link.split_once("/welcome?").context("no link")?;
    Ok(format!("https://{}/welcome?{rest}", server.at(&server.listeners().administration)))
}

async fn has_account(server: &Server, account: &str) -> Result<bool> {
    let listed = server.ctl().ok(&["accounts", "list"]).await?;
    let accounts = listed["accounts"].as_array();
    ensure!(accounts.is_some(), "no accounts in {listed}");
    Ok(accounts.into_iter().flatten().any(|listed| listed["name"] == account))
}
