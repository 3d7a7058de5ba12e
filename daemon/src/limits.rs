//! The limit on open files, which bounds how many connections a daemon can hold.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The limit on open files could not be raised.
#[derive(Debug, thiserror::Error)]
#[error("cannot raise the limit on open files from {held} to {wanted}")]
pub struct RaiseLimitError {
    /// The limit in force before and after.
    pub held: u64,
    /// The limit that was asked for.
    pub wanted: u64,
    source: rustix::io::Errno,
}

/// How many files and sockets this process may have open (the soft limit); `u64::MAX` if there is no limit.
pub fn open_file_limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Raises the soft limit on open files to the hard limit and returns the limit in force, in files.
///
/// The soft limit is 1024 by default only for programs that use `select(2)`, which breaks above it; we do not. A child
/// process inherits the raised limit.
///
/// # Errors
///
/// If the system refuses; the limit is then what it was.
pub fn raise_open_files() -> Result<u64, RaiseLimitError> {
    let limit = getrlimit(Resource::Nofile);
    let held = limit.current.unwrap_or(u64::MAX);
    let wanted = limit.maximum.unwrap_or(u64::MAX);
    if held < wanted {
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
            .map_err(|source| RaiseLimitError { held, wanted, source })?;
    }
    Ok(open_file_limit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raises_the_soft_limit_to_the_hard_limit() {
        let hard = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
        assert_eq!(raise_open_files().unwrap(), hard);
        assert_eq!(open_file_limit(), hard);
    }
}
