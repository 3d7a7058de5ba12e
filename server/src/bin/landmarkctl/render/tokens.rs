//! Join tokens.

use super::Paper;
use super::table::{Cell, Table, Tone};
use crate::view::token::{Token, TokenState};

/// The table of tokens.
pub(crate) fn tokens(rows: &[Token], paper: &Paper) -> String {
    let mut table = Table::new(&["!TOKEN", "STATE", ">USED", "EXPIRES", "CREATED", "BY", "DESCRIPTION"]);
    for token in rows {
        let state = token.state(paper.now);
        let tone = match state {
            TokenState::Usable => Tone::Good,
            TokenState::UsedUp | TokenState::Expired | TokenState::Revoked => Tone::Faint,
        };
        table.row(vec![
            Cell::new(&token.token_id),
            Cell::toned(state.to_string(), tone),
            Cell::new(format!("{} of {}", token.n_uses, token.max_uses)),
            Cell::new(token.expires_at.map(|time| paper.age(time)).unwrap_or_default()),
            Cell::new(token.created_at.map(|time| paper.age(time)).unwrap_or_default()),
            Cell::optional(token.created_by.as_ref()),
            Cell::new(token.description.as_deref().unwrap_or_default()),
        ]);
    }
    table.render(paper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_token_is_a_word() {
        let token = |id: &str, n_uses, revoked, expires: &str| Token {
            token_id: id.into(),
            description: Some("laptops".into()),
            created_at: "2026-11-22T12:00:00Z".parse().ok(),
            created_by: Some("mia".into()),
            expires_at: expires.parse().ok(),
            max_uses: 5,
            n_uses,
            revoked,
        };
        let rows = [
            token("t1", 0, false, "2026-11-24T12:00:00Z"),
            token("t2", 5, false, "2026-11-24T12:00:00Z"),
            token("t3", 1, false, "2026-11-23T11:00:00Z"),
            token("t4", 1, true, "2026-11-24T12:00:00Z"),
        ];
        insta::assert_snapshot!(tokens(&rows, &Paper::for_tests(None)), @r"
        TOKEN  STATE      USED  EXPIRES  CREATED   BY   DESCRIPTION
        t1     usable   0 of 5  in 24 h  24 h ago  mia  laptops
        t2     used up  5 of 5  in 24 h  24 h ago  mia  laptops
        t3     expired  1 of 5  1 h ago  24 h ago  mia  laptops
        t4     revoked  1 of 5  in 24 h  24 h ago  mia  laptops
        ");
    }
}
