//! The exit codes of our programs.
//!
//! The numbers are those of BSD's `sysexits.h`, which service managers and scripts know.

use std::process::{ExitCode, Termination};

/// How a program ends. `main` returns it, or converts it into an [`ExitCode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// 0: it did what it was asked to do, or was asked to stop and did.
    Clean,
    /// 64 (`EX_USAGE`): the command line is wrong.
    Usage,
    /// 69 (`EX_UNAVAILABLE`): something it cannot work without is not there, and trying again will not help.
    Unavailable,
    /// 70 (`EX_SOFTWARE`): an internal error, such as a task that ended or panicked.
    Internal,
    /// 75 (`EX_TEMPFAIL`): it may well work when tried again later.
    TemporaryFailure,
    /// 77 (`EX_NOPERM`): a privilege is missing.
    Privilege,
    /// 78 (`EX_CONFIG`): the configuration is wrong.
    Configuration,
}

impl Exit {
    /// The number that the parent process sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Usage => 64,
            Self::Unavailable => 69,
            Self::Internal => 70,
            Self::TemporaryFailure => 75,
            Self::Privilege => 77,
            Self::Configuration => 78,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_sysexits() {
        let codes = [
            Exit::Clean,
            Exit::Usage,
            Exit::Unavailable,
            Exit::Internal,
            Exit::TemporaryFailure,
            Exit::Privilege,
            Exit::Configuration,
        ]
        .map(Exit::code);
        assert_eq!(codes, [0, 64, 69, 70, 75, 77, 78]);
    }
}
