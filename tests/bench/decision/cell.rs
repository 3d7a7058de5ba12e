//! The cells of the table: what lies in the way of a decision, on which path, and what the agent remembers.
//!
//! Decides only: it must not know how an obstacle is made, nor how anything is measured.

use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use landmark_tests::lab::server_address;

/// Entries of the list.
pub(crate) const N_ENTRIES: usize = 32;
/// The port of plain entries.
pub(crate) const PORT: u16 = 7000;
/// The port of the entry with a pin.
pub(crate) const PINNED_PORT: u16 = 7443;
/// How much later an entry answers that answers late: its machine stands at the end of a path that takes as long.
pub(crate) const LATE: Duration = Duration::from_millis(300);
/// Connection attempts of a hundred that the lossy path loses.
pub(crate) const LOST_PERCENT: u8 = 20;

/// Of the entries: 10.20.1.101 and up, that with a pin just below.
const FIRST_NUMBER: u8 = 101;

/// The address of an entry, counted from 0.
pub(crate) fn entry(list: List, index: usize) -> Ipv4Addr {
    let number = u8::try_from(index).unwrap_or(u8::MAX).saturating_add(FIRST_NUMBER);
    server_address(if list == List::Pinned { number - 1 } else { number })
}

/// The port of an entry, counted from 0.
pub(crate) fn port(list: List, index: usize) -> u16 {
    if list == List::Pinned && index == 0 { PINNED_PORT } else { PORT }
}

/// The list that is assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    /// 32 plain entries.
    Plain,
    /// An entry with a pin (TLS), then 31 plain ones.
    Pinned,
}

/// The way from the machine to the entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// One bridge and one router away.
    Lan,
    /// The same, at the end of a cable with this round trip.
    Slow(Duration),
    /// As [`Path::Lan`], where connection attempts are lost.
    Lossy,
}

impl Path {
    pub(crate) const ALL: [Self; 4] = [
        Self::Lan,
        Self::Slow(Duration::from_millis(50)),
        Self::Slow(Duration::from_millis(150)),
        Self::Lossy,
    ];

    pub(crate) fn round_trip(self) -> Duration {
        match self {
            Self::Lan | Self::Lossy => Duration::ZERO,
            Self::Slow(round_trip) => round_trip,
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lan => f.write_str("LAN"),
            Self::Slow(round_trip) => write!(f, "{} ms", round_trip.as_millis()),
            Self::Lossy => write!(f, "{LOST_PERCENT} % lost"),
        }
    }
}

/// What the first entries do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// Nothing comes back from them.
    Silent,
    /// They refuse.
    Refuse,
    /// They answer [`LATE`].
    Late,
}

/// What answered last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    /// The first entry of the list, which is tried first anyway: as good as none.
    Cold,
    /// The first entry that has no obstacle.
    Warm,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) list: List,
    pub(crate) path: Path,
    pub(crate) obstacle: Obstacle,
    /// Of the first so many entries; the rest answers at once.
    pub(crate) n: usize,
    pub(crate) memory: Memory,
}

/// A time of DESIGN.md 6 or of the issue, and which of the two times it is asked of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Target {
    pub(crate) of_policy: bool,
    pub(crate) limit: Duration,
    /// What the limit is made of, where it is no round number.
    pub(crate) why: &'static str,
}

impl Cell {
    /// All of a list.
    pub(crate) fn all(list: List) -> Vec<Self> {
        let first = |path| Self { list, path, obstacle: Obstacle::Silent, n: 0, memory: Memory::Cold };
        if list == List::Pinned {
            return vec![first(Path::Lan)];
        }
        let last = N_ENTRIES - 1;
        let mut cells = Vec::new();
        for path in Path::ALL {
            cells.push(first(path));
            for obstacle in [Obstacle::Silent, Obstacle::Refuse, Obstacle::Late] {
                let is_whole = path == Path::Lan;
                for (n, memory) in [(1, Memory::Cold), (last, Memory::Cold), (last, Memory::Warm)] {
                    // Away from the LAN only what differs there: lateness is a round trip of its own.
                    let is_telling = obstacle == Obstacle::Silent
                        || (obstacle == Obstacle::Refuse && (n, memory) == (last, Memory::Cold));
                    if is_whole || is_telling {
                        cells.push(Self { list, path, obstacle, n, memory });
                    }
                }
                if is_whole || obstacle != Obstacle::Late {
                    cells.push(Self { list, path, obstacle, n: N_ENTRIES, memory: Memory::Cold });
                }
            }
        }
        cells
    }

    /// The entry that is remembered.
    pub(crate) fn remembered(&self) -> usize {
        match self.memory {
            Memory::Cold => 0,
            Memory::Warm => self.n,
        }
    }

    /// The first entry that answers without an obstacle, or late where none does.
    pub(crate) fn answering(&self) -> Option<usize> {
        match self.obstacle {
            _ if self.n < N_ENTRIES => Some(self.n),
            Obstacle::Late => Some(0),
            Obstacle::Silent | Obstacle::Refuse => None,
        }
    }

    /// What the verdict must be, unless packets are lost.
    pub(crate) fn is_internal(&self) -> bool {
        self.answering().is_some()
    }

    /// Of the strict walk, no more than the time-outs of it; a walk that takes long is not worth repeating.
    pub(crate) fn walk_waits(&self) -> Duration {
        match self.obstacle {
            Obstacle::Silent => crate::walk::TIMEOUT * u32::try_from(self.n).unwrap_or(u32::MAX),
            Obstacle::Refuse | Obstacle::Late => Duration::ZERO,
        }
    }

    /// Whether the strict walk can be made between two runs. That of the entry with a pin would be no handshake.
    pub(crate) fn walk_is_short(&self) -> bool {
        self.list == List::Plain && self.walk_waits().is_zero()
    }

    /// Whether it is one of the rows that two minutes suffice for.
    pub(crate) fn is_quick(&self) -> bool {
        self.path == Path::Lan || self.n == 0 || self.memory == Memory::Warm
    }

    /// How often it is measured when the cheap ones are measured `wanted` times: what takes seconds is measured less.
    pub(crate) fn runs(&self, wanted: usize) -> usize {
        let is_long =
            self.obstacle == Obstacle::Silent && self.memory == Memory::Cold && self.n >= N_ENTRIES - 1;
        let share = match (self.path, is_long) {
            (Path::Lan, false) => 1,
            (Path::Lan, true) if self.n < N_ENTRIES => 4,
            (Path::Lan, true) => 20,
            (Path::Lossy, false) => 6,
            (Path::Slow(_), false) => 8,
            (Path::Lossy | Path::Slow(_), true) => 40,
        };
        (wanted / share).max(3)
    }

    pub(crate) fn targets(&self) -> Vec<Target> {
        let policy = |ms| Target { of_policy: true, limit: Duration::from_millis(ms), why: "" };
        let mut targets = Vec::new();
        if self.path == Path::Lan {
            match (self.obstacle, self.n, self.memory) {
                (_, 0, _) => targets.push(policy(100)),
                (Obstacle::Silent, 31, Memory::Cold) => targets.push(policy(800)),
                (Obstacle::Silent, 31, Memory::Warm) | (Obstacle::Refuse, N_ENTRIES, _) => {
                    targets.push(policy(100));
                }
                (Obstacle::Silent, N_ENTRIES, _) => targets.push(policy(3000)),
                _ => {}
            }
        }
        let is_first_or_remembered = self.n == 0 || self.memory == Memory::Warm;
        if is_first_or_remembered && self.path != Path::Lossy && self.list == List::Plain {
            let limit = self.path.round_trip() * 3 / 2 + Duration::from_millis(5);
            targets.push(Target { of_policy: false, limit, why: "1.5 round trips + 5 ms" });
        }
        targets
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.list == List::Pinned {
            return f.write_str("first answers, TLS pinned");
        }
        let does = match self.obstacle {
            _ if self.n == 0 => return f.write_str("first answers"),
            Obstacle::Silent => "silent",
            Obstacle::Refuse => "refuse",
            Obstacle::Late => "late",
        };
        write!(f, "{} {does}", self.n)?;
        if self.n == N_ENTRIES {
            return Ok(());
        }
        f.write_str(match self.memory {
            Memory::Cold => ", first time",
            Memory::Warm => ", remembered",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_has_what_the_issue_asks_for_and_each_row_once() {
        let cells = Cell::all(List::Plain);
        let mut names: Vec<String> = cells.iter().map(|cell| format!("{} {cell}", cell.path)).collect();
        for path in Path::ALL {
            for row in
                ["first answers", "1 silent, first time", "31 silent, remembered", "32 silent", "32 refuse"]
            {
                assert!(names.contains(&format!("{path} {row}")), "{path} {row}");
            }
        }
        assert!(names.contains(&"LAN 32 late".to_owned()));
        let n = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), n);
    }

    #[test]
    fn what_is_expected_follows_from_what_is_in_the_way() {
        let cell = |obstacle, n, memory| Cell { list: List::Plain, path: Path::Lan, obstacle, n, memory };
        let silent = cell(Obstacle::Silent, N_ENTRIES, Memory::Cold);
        assert!(!silent.is_internal() && silent.walk_waits() == Duration::from_secs(64));
        assert_eq!(cell(Obstacle::Late, N_ENTRIES, Memory::Cold).answering(), Some(0));
        let warm = cell(Obstacle::Silent, 31, Memory::Warm);
        assert_eq!((warm.answering(), warm.remembered()), (Some(31), 31));
        assert_eq!(warm.targets().len(), 2);
        assert_eq!(warm.runs(200), 200);
        assert_eq!(silent.runs(200), 10);
    }
}
