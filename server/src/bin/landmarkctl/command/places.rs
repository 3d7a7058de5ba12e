//! Places in lists: people count from 1, the wire counts from 0 and without the entry that moves.

use crate::errors::{Exit, Failure};

/// Where an entry shall stand. Names are as the list has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    /// From 1.
    To(u32),
    First,
    Last,
    Before(String),
    After(String),
}

/// The place on the wire. `names`: the whole list; `moving`: the entry of it that moves; `list`: the command that shows it.
pub(super) fn place_of(
    spot: &Spot,
    names: &[&str],
    moving: Option<&str>,
    list: &str,
) -> Result<u32, Failure> {
    let others: Vec<&str> = names.iter().copied().filter(|name| Some(*name) != moving).collect();
    let n_others = others.len();
    let find = |neighbour: &str| {
        if moving == Some(neighbour) {
            return Err(Failure::usage(format!("{neighbour} cannot stand beside itself")));
        }
        others
            .iter()
            .position(|name| *name == neighbour)
            .ok_or_else(|| Failure::new(Exit::Refused, format!("{neighbour} is not on the list")).hint(list))
    };
    let index = match spot {
        Spot::To(to) => {
            let index = usize::try_from(to.saturating_sub(1)).unwrap_or(usize::MAX);
            if index > n_others {
                let n_places = n_others + 1;
                return Err(Failure::new(Exit::Refused, format!("--to {to} is beyond the end of the list"))
                    .detail(format!("the last place is {n_places}")));
            }
            index
        }
        Spot::First => 0,
        Spot::Last => n_others,
        Spot::Before(neighbour) => find(neighbour)?,
        Spot::After(neighbour) => find(neighbour)? + 1,
    };
    // No list has more than 1,000 entries.
    Ok(u32::try_from(index).unwrap_or(u32::MAX))
}
