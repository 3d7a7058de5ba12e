//! Who may administer, and what: one table says it of every RPC and every page, and what the table does not name is
//! refused.
//!
//! ```text
//! bearer token or session cookie ─► Authenticator ─► Caller ─► grants (RPC or route ─► Access) ─► admitted, or refused
//! ```
//!
//! Must not know: what an RPC or a page does.

mod authenticator;
mod caller;
mod grants;
mod permission;
pub mod token_file;

pub use self::authenticator::Authenticator;
pub(crate) use self::caller::{Caller, CallerKind, SessionKey};
pub(crate) use self::grants::{Access, ROUTES, Verb, rpc};
pub(crate) use self::permission::{Permission, Role};
