//! API tokens.

use super::Paper;
use super::accounts::role;
use super::table::{Cell, Table, Tone};
use crate::view::api_token::{ApiToken, ApiTokenState};

/// The table of tokens.
pub(crate) fn api_tokens(rows: &[ApiToken], paper: &Paper) -> String {
    let titles = ["!TOKEN", "ACCOUNT", "ROLE", "STATE", "EXPIRES", "USED", "DESCRIPTION"];
    let mut table = Table::new(&titles);
    for token in rows {
        let state = token.state(paper.now);
        let tone = match state {
            ApiTokenState::Usable => Tone::Good,
            ApiTokenState::Expired | ApiTokenState::Revoked => Tone::Faint,
        };
        table.row(vec![
            Cell::new(&token.token_id),
            Cell::optional(token.account.as_ref()),
            Cell::new(role(token.role)),
            Cell::toned(state.to_string(), tone),
            Cell::new(token.expires_at.map(|time| paper.age(time)).unwrap_or_default()),
            Cell::new(token.last_used_at.map_or_else(|| "never".to_owned(), |time| paper.age(time))),
            Cell::new(token.description.as_deref().unwrap_or_default()),
        ]);
    }
    table.render(paper)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::account::Role;

    #[test]
    fn the_state_of_a_token_is_a_word() {
        let token = |id: &str, account: Option<&str>, revoked, expires: &str| ApiToken {
            token_id: id.into(),
            description: Some("backup".into()),
            role: Some(Role::Viewer),
            account: account.map(str::to_owned),
            created_at: "2026-11-22T12:00:00Z".parse().ok(),
            expires_at: expires.parse().ok(),
            last_used_at: None,
            revoked,
        };
        let rows = [
            token("t1", Some("mia"), false, "2026-11-24T12:00:00Z"),
            token("t2", None, false, "2026-11-23T11:00:00Z"),
            token("t3", Some("mia"), true, "2026-11-24T12:00:00Z"),
        ];
        insta::assert_snapshot!(api_tokens(&rows, &Paper::for_tests(None)), @r"
        TOKEN  ACCOUNT  ROLE    STATE    EXPIRES  USED   DESCRIPTION
        t1     mia      viewer  usable   in 24 h  never  backup
        t2     –        viewer  expired  1 h ago  never  backup
        t3     mia      viewer  revoked  in 24 h  never  backup
        ");
    }
}
