//! Who may administer, and what: one table says it of every RPC and every page, and what the table does not name is
//! refused.
//!
//! ```text
//! name and password ─► Authenticator ─► SignedIn ─► an API token, or the cookie of a session
//! bearer token or session cookie ─► Authenticator ─► Caller ─► grants (RPC or route ─► Access) ─► admitted, or refused
//! ```
//!
//! Must not know: what an RPC or a page does.

mod account;
mod accounts;
mod api_token;
mod authenticator;
mod caller;
mod first_account;
mod grants;
mod passwords;
mod permission;
mod secret;
mod sessions;
mod sign_in;
mod throttle;
pub mod token_file;

pub(crate) use self::account::{Account, AccountName};
pub(crate) use self::accounts::ManageError;
pub(crate) use self::api_token::{ApiToken, Holder, InvalidApiToken, NewApiToken};
pub use self::authenticator::Authenticator;
pub(crate) use self::caller::{Caller, CallerKind, SessionKey};
pub use self::first_account::FILE as FIRST_SIGN_IN_FILE;
pub(crate) use self::first_account::FirstAccountError;
pub(crate) use self::grants::{Access, ROUTES, Verb, rpc};
pub(crate) use self::passwords::{Password, PasswordError, PasswordHash, WeakPassword};
pub(crate) use self::permission::{Permission, Role};
pub(crate) use self::sessions::Session;
pub use self::sessions::SessionLimits;
pub(crate) use self::sign_in::{SignInError, SignedIn};
