//! Where text goes: data to standard output and nothing else; remarks, questions and failures to standard error.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use clap::builder::styling::{AnsiColor, Style};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::errors::{Exit, Failure};
use crate::render::Paper;
use crate::render::plain::printable;

/// How this run prints.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    colored_out: bool,
    colored_err: bool,
}

impl Output {
    /// Colors only on a terminal, and never where `NO_COLOR` is set to anything (no-color.org).
    pub(crate) fn new(json: bool) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            json,
            colored_out: wanted && io::stdout().is_terminal(),
            colored_err: wanted && io::stderr().is_terminal(),
        }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// What tables are rendered for, at this moment.
    pub(crate) fn paper(&self) -> Paper {
        let width = if io::stdout().is_terminal() { comfy_table::Table::new().width() } else { None };
        Paper { width, colored: self.colored_out, zone: TimeZone::system(), now: Timestamp::now() }
    }

    /// The document with `--json`, else the text.
    pub(crate) fn result<T: Serialize>(
        &self,
        document: &T,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if self.json { self.document(document) } else { self.data(&text()) }
    }

    /// A document on several lines.
    pub(crate) fn document<T: Serialize>(&self, document: &T) -> Result<(), Failure> {
        let mut text = serde_json::to_string_pretty(document).map_err(|error| cannot_encode(&error))?;
        text.push('\n');
        self.data(&text)
    }

    /// A document on one line.
    pub(crate) fn json_line<T: Serialize>(&self, document: &T) -> Result<(), Failure> {
        let mut text = serde_json::to_string(document).map_err(|error| cannot_encode(&error))?;
        text.push('\n');
        self.data(&text)
    }

    /// Data as it is.
    pub(crate) fn data(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|error| {
            if error.kind() == io::ErrorKind::BrokenPipe {
                Failure::nobody_reads()
            } else {
                Failure::new(Exit::File, format!("cannot write to standard output: {error}"))
            }
        })
    }

    /// A remark for a person; scripts that asked for JSON are spared.
    pub(crate) fn remark(&self, text: impl AsRef<str>) {
        if !self.json {
            self.to_stderr(printable(text.as_ref()).as_ref());
        }
    }

    /// Lines that are made safe already, for a person.
    pub(crate) fn remark_lines(&self, text: &str) {
        if !self.json && !text.is_empty() {
            self.to_stderr(text.trim_end());
        }
    }

    /// Something that should not be missed, whoever reads.
    pub(crate) fn warning(&self, text: impl AsRef<str>) {
        let style = if self.colored_err { AnsiColor::Yellow.on_default() } else { Style::new() };
        self.to_stderr(&format!("{style}warning:{style:#} {}", printable(text.as_ref())));
    }

    /// How it ended badly.
    pub(crate) fn failure(&self, failure: &Failure) {
        if failure.is_silent() {
            return;
        }
        if self.json {
            self.to_stderr(&failure.to_json());
            return;
        }
        let text = failure.to_string();
        match text.strip_prefix("landmarkctl: ") {
            Some(rest) if self.colored_err => {
                let style = AnsiColor::Red.on_default().bold();
                self.to_stderr(&format!("{style}landmarkctl:{style:#} {rest}"));
            }
            _ => self.to_stderr(&text),
        }
    }

    /// Whether a person sits at a terminal and sees the remarks.
    pub(crate) fn can_ask(&self) -> bool {
        !self.json && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Whether standard error is a terminal that may be drawn on.
    pub(crate) fn can_draw(&self) -> bool {
        !self.json && io::stderr().is_terminal()
    }

    /// Asks a question that only "y" or "yes" agrees to.
    pub(crate) async fn agreed(&self, question: &str) -> bool {
        let mut stderr = io::stderr().lock();
        // Nobody to tell if this fails; the answer is then no.
        drop(write!(stderr, "{} [y/N] ", printable(question)).and_then(|()| stderr.flush()));
        drop(stderr);
        // Apart from the runtime, so that the connection stays alive while a person thinks.
        let answer = tokio::task::spawn_blocking(|| {
            let mut answer = String::new();
            io::stdin().lock().read_line(&mut answer).map(|_| answer)
        });
        matches!(answer.await, Ok(Ok(answer)) if ["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
    }

    fn to_stderr(&self, text: &str) {
        // If standard error is gone there is nobody to tell.
        drop(writeln!(io::stderr().lock(), "{text}"));
    }
}

fn cannot_encode(error: &serde_json::Error) -> Failure {
    Failure::new(Exit::Internal, format!("cannot encode the answer as JSON: {error}"))
}
