//! How things that went wrong are told: what, why, and the way out; and the exit code that a script sees.

mod connect;
mod context;
mod refusal;

use std::fmt;
use std::process::ExitCode;

use serde::Serialize;

use crate::render::plain::printable;

pub(crate) use connect::connect;
pub(crate) use context::credentials;
pub(crate) use refusal::{Known, Origins, refused, refused_change, stale, unusable};

/// How the program ends. `--help` documents the codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what it was asked to do.
    Done,
    /// The server refused.
    Refused,
    /// `--wait`: agents rejected the assignment.
    Rejected,
    /// `--wait`: agents were still pending when the time was up.
    Pending,
    /// `--wait`: a newer assignment took over.
    Superseded,
    /// `servers lint --strict`: something is doubtful.
    Doubtful,
    /// The command line is wrong.
    Usage,
    /// A file that was given is wrong, or cannot be read or written.
    File,
    /// The server cannot be reached, or is not the right one.
    Unreachable,
    /// The server failed, or this program did.
    Internal,
    /// The API token was refused or may not do this.
    Token,
    /// The contexts, the authority's certificate or the token cannot be used.
    Context,
    /// Ctrl-C.
    Interrupted,
}

impl Exit {
    /// What the parent process sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 1,
            Self::Rejected => 2,
            Self::Pending => 3,
            Self::Superseded => 4,
            Self::Doubtful => 5,
            Self::Usage => 64,
            Self::File => 65,
            Self::Unreachable => 69,
            Self::Internal => 70,
            Self::Token => 77,
            Self::Context => 78,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// A failure, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
    problems: Vec<Problem>,
    details: Vec<String>,
    hints: Vec<String>,
}

/// A value that was given and is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// The argument, option or line of a file, as its author knows it.
    pub(crate) place: String,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { exit, message, problems: Vec::new(), details: Vec::new(), hints: Vec::new() }
    }

    /// Wrong arguments that only show when they are looked at together.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The reader of our output has gone: nothing to tell anyone.
    pub(crate) fn nobody_reads() -> Self {
        Self::new(Exit::Done, "")
    }

    #[must_use]
    pub(crate) fn problem(mut self, place: impl Into<String>, message: impl Into<String>) -> Self {
        self.problems.push(Problem { place: place.into(), message: message.into() });
        self
    }

    #[must_use]
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        if !detail.is_empty() {
            self.details.push(detail);
        }
        self
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Whether there is nothing to say.
    pub(crate) fn is_silent(&self) -> bool {
        self.message.is_empty()
    }

    /// One line of JSON.
    pub(crate) fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Document<'a> {
            error: Fields<'a>,
        }
        #[derive(Serialize)]
        struct Fields<'a> {
            exit_code: u8,
            message: &'a str,
            problems: &'a [Problem],
            details: &'a [String],
            hints: &'a [String],
        }
        let Self { exit, message, problems, details, hints } = self;
        let error = Fields { exit_code: exit.code(), message, problems, details, hints };
        serde_json::to_string(&Document { error }).unwrap_or_else(|_| message.clone())
    }
}

impl fmt::Display for Failure {
    /// Texts of the server's are printed, so nothing in them may steer a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { exit: _, message, problems, details, hints } = self;
        write!(f, "landmarkctl: {}", printable(message))?;
        for Problem { place, message } in problems {
            f.write_str("\n  ")?;
            // Many messages begin with the value; it need not stand there twice.
            if !place.is_empty() && !message.trim_start_matches('"').starts_with(place) {
                write!(f, "{}: ", printable(place))?;
            }
            f.write_str(&printable(message))?;
        }
        for detail in details {
            write!(f, "\n  {}", printable(detail))?;
        }
        for hint in hints {
            write!(f, "\nhint: {}", printable(hint))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_and_the_way_out() {
        let failure = Failure::usage("cannot do this")
            .problem("PORT \"0\"", "0 is not a port")
            .problem("a.example", "a.example is not on the list")
            .problem("", "and 3 more problems")
            .detail("a detail")
            .hint("do that");
        insta::assert_snapshot!(failure, @r#"
        landmarkctl: cannot do this
          PORT "0": 0 is not a port
          a.example is not on the list
          and 3 more problems
          a detail
        hint: do that
        "#);
    }

    #[test]
    fn a_failure_is_one_line_of_json() {
        let failure = Failure::usage("no\nline").problem("a", "b").hint("c");
        insta::assert_snapshot!(
            failure.to_json(),
            @r#"{"error":{"exit_code":64,"message":"no\nline","problems":[{"place":"a","message":"b"}],"details":[],"hints":["c"]}}"#
        );
    }

    #[test]
    fn a_text_from_elsewhere_cannot_steer_the_terminal() {
        let failure = Failure::new(Exit::Refused, "no\u{1b}[2J");
        assert_eq!(failure.to_string(), "landmarkctl: no\\u{1b}[2J");
    }
}
