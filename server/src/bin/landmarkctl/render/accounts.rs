//! Accounts, and who calls.

use super::Paper;
use super::table::{Cell, Table, Tone, facts};
use crate::view::account::{Account, Caller, CallerKind, Role};

/// The table of accounts.
pub(crate) fn accounts(rows: &[Account], paper: &Paper) -> String {
    let mut table = Table::new(&["!ACCOUNT", "ROLE", "STATE", "SIGNED IN", "CREATED", "BY"]);
    for account in rows {
        let (state, tone) = state(account);
        table.row(vec![
            Cell::new(&account.name),
            Cell::new(role(account.role)),
            Cell::toned(state, tone),
            Cell::new(account.last_signed_in_at.map_or_else(|| "never".to_owned(), |time| paper.age(time))),
            Cell::new(account.created_at.map(|time| paper.age(time)).unwrap_or_default()),
            Cell::optional(account.created_by.as_ref()),
        ]);
    }
    table.render(paper)
}

fn state(account: &Account) -> (&'static str, Tone) {
    if account.disabled {
        ("disabled", Tone::Faint)
    } else if account.must_change_password {
        ("new password", Tone::Warning)
    } else {
        ("active", Tone::Good)
    }
}

/// Who calls, and what it may.
pub(crate) fn caller(caller: &Caller, paper: &Paper) -> String {
    let Caller { name, role: held, kind, permissions, token_id, expires_at } = caller;
    let how = kind.map(|kind| match kind {
        CallerKind::TokenFile => "the token of the server's first start",
        CallerKind::ApiToken => "an API token",
        CallerKind::Console => "the console",
    });
    facts(&[
        ("account", Some(name.clone())),
        ("role", Some(role(*held).to_owned())),
        ("by", how.map(str::to_owned)),
        ("token", token_id.clone()),
        ("good until", expires_at.map(|time| paper.moment(Some(time)))),
        ("may", Some(permissions.join(", "))),
    ])
}

/// A role of a newer server has no word here.
pub(super) fn role(role: Option<Role>) -> &'static str {
    role.map_or("unknown", Role::word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_told_with_what_keeps_them_out() {
        let account = |name: &str, role, disabled, must_change_password, signed_in: &str| Account {
            name: name.into(),
            role: Some(role),
            disabled,
            created_at: "2026-11-22T12:00:00Z".parse().ok(),
            created_by: Some("ada".into()),
            last_signed_in_at: signed_in.parse().ok(),
            must_change_password,
        };
        let rows = [
            account("ada", Role::Administrator, false, false, "2026-11-23T11:00:00Z"),
            account("mia", Role::Operator, false, true, ""),
            account("noah", Role::Viewer, true, false, "2026-11-20T11:00:00Z"),
        ];
        insta::assert_snapshot!(accounts(&rows, &Paper::for_tests(None)), @r"
        ACCOUNT  ROLE           STATE         SIGNED IN  CREATED   BY
        ada      administrator  active        1 h ago    24 h ago  ada
        mia      operator       new password  never      24 h ago  ada
        noah     viewer         disabled      3 d ago    24 h ago  ada
        ");
    }

    #[test]
    fn a_caller_learns_what_it_may() {
        let mia = Caller {
            name: "mia".into(),
            role: Some(Role::Operator),
            kind: Some(CallerKind::ApiToken),
            permissions: vec!["view".into(), "edit-draft".into()],
            token_id: Some("01a2".into()),
            expires_at: "2026-11-23T20:00:00Z".parse().ok(),
        };
        insta::assert_snapshot!(caller(&mia, &Paper::for_tests(None)), @r"
        account:     mia
        role:        operator
        by:          an API token
        token:       01a2
        good until:  20:00:00 (in 8 h)
        may:         view, edit-draft
        ");
    }
}
