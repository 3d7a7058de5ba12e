//! Sessions of the console: a cookie of 256 random bits, known by its hash. They outlive a restart of the server.

use std::time::{Duration, SystemTime};

use super::account::{Account, AccountName};
use super::authenticator::Authenticator;
use super::caller::{Caller, CallerKind, SessionKey};
use super::secret::{SECRET_CHARS, Secret, digest};
use super::sign_in::SignedIn;
use crate::store::StoreError;

/// The use of a session is written this often at most; an idle one ends by as much earlier.
pub(crate) const USE_INTERVAL: Duration = Duration::from_secs(60);

/// How long people stay signed in to the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// Without doing anything.
    pub idle: Duration,
    /// Whatever they do.
    pub life: Duration,
}

impl Default for SessionLimits {
    /// OWASP's Session Management Cheat Sheet: 15 to 30 minutes without use, and a working day in all.
    fn default() -> Self {
        Self { idle: Duration::from_secs(30 * 60), life: Duration::from_secs(12 * 60 * 60) }
    }
}

/// As the store has it, with the account as it is at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    /// Whose it is.
    pub(crate) account: Account,
    /// When they signed in.
    pub(crate) created_at: SystemTime,
    /// To the minute.
    pub(crate) used_at: SystemTime,
}

impl Session {
    /// Who it is; `None` when it is over.
    fn caller(&self, key: SessionKey, limits: SessionLimits, now: SystemTime) -> Option<Caller> {
        let Self { account, created_at, used_at } = self;
        let expires_at = *created_at + limits.life;
        let is_over = account.disabled || now >= expires_at || now >= *used_at + limits.idle;
        let kind = CallerKind::Session { session: key, expires_at };
        (!is_over).then(|| Caller { author: account.name.author(), role: account.role, kind })
    }
}

impl Authenticator {
    /// Whose session it is, by its cookie; `None` for nobody's. Counts as use.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) async fn session(&self, cookie: &str) -> Result<Option<Caller>, StoreError> {
        let now = SystemTime::now();
        let Some((caller, key, used_at)) = self.find_session(cookie, now).await? else { return Ok(None) };
        let unwritten = now.duration_since(used_at).unwrap_or_default();
        if unwritten >= USE_INTERVAL
            && let Err(error) = self.store.touch_session(&key, now).await
        {
            // Whoever is signed in stays so, a little shorter.
            tracing::debug!(%error, "use of a session not written");
        }
        Ok(Some(caller))
    }

    /// The same for what a page does by itself, which keeps nobody signed in: it does not count as use.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) async fn session_in_background(&self, cookie: &str) -> Result<Option<Caller>, StoreError> {
        let found = self.find_session(cookie, SystemTime::now()).await?;
        Ok(found.map(|(caller, ..)| caller))
    }

    async fn find_session(
        &self,
        cookie: &str,
        now: SystemTime,
    ) -> Result<Option<(Caller, SessionKey, SystemTime)>, StoreError> {
        if cookie.len() != SECRET_CHARS {
            return Ok(None);
        }
        let key = SessionKey(digest(cookie.as_bytes()));
        let Some(session) = self.store.session(&key).await? else { return Ok(None) };
        Ok(session.caller(key, self.session_limits, now).map(|caller| (caller, key, session.used_at)))
    }

    /// The cookie of a new session of whoever has just signed in; `None` when their account was changed since.
    ///
    /// # Errors
    /// The store failed: there is no session.
    pub(crate) async fn open_session(&self, signed_in: &SignedIn) -> Result<Option<Secret>, StoreError> {
        let now = SystemTime::now();
        let cookie = Secret::random("");
        let key = SessionKey(cookie.digest());
        let SignedIn { account, verified } = signed_in;
        let opened = self.store.insert_session(&key, &account.name, verified, now).await?;
        if opened {
            self.store
                .forget_sessions(now - self.session_limits.life, now - self.session_limits.idle)
                .await?;
        }
        Ok(opened.then_some(cookie))
    }

    /// Ends a session, as signing out does.
    ///
    /// # Errors
    /// The store failed: the session goes on.
    pub(crate) async fn end_session(&self, session: &SessionKey) -> Result<(), StoreError> {
        self.store.delete_session(session).await?;
        self.announce_change();
        Ok(())
    }

    /// Ends the sessions of an account except one, and the API tokens that it has by signing in; tells how many.
    ///
    /// # Errors
    /// The store failed: all of them go on.
    pub(crate) async fn end_all_sessions_but(
        &self,
        account: &AccountName,
        kept: &CallerKind,
    ) -> Result<u64, StoreError> {
        let n_ended = self.store.end_sessions(account, kept, SystemTime::now()).await?;
        self.announce_change();
        Ok(n_ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::permission::Role;

    fn at(minutes: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(minutes * 60)
    }

    fn session(used_at: SystemTime) -> Session {
        let name: AccountName = "mia".parse().unwrap();
        let account = Account {
            created_by: name.author(),
            name,
            role: Role::Operator,
            disabled: false,
            created_at: at(0),
            last_signed_in_at: None,
            must_change_password: false,
        };
        Session { account, created_at: at(0), used_at }
    }

    #[test]
    fn a_session_ends_when_nobody_uses_it_and_at_last_anyway() {
        let role = |session: &Session, now| {
            let caller = session.caller(SessionKey([7; 32]), SessionLimits::default(), now)?;
            Some((caller.role, caller.author.as_str().to_owned()))
        };
        let mia = Some((Role::Operator, "mia".to_owned()));
        assert_eq!(role(&session(at(0)), at(29)), mia);
        assert_eq!(role(&session(at(0)), at(30)), None);
        assert_eq!(role(&session(at(29)), at(58)), mia);
        assert_eq!(role(&session(at(719)), at(719)), mia);
        assert_eq!(role(&session(at(719)), at(720)), None);
        let mut disabled = session(at(0));
        disabled.account.disabled = true;
        assert_eq!(role(&disabled, at(0)), None);
    }
}
