//! Asks for passwords: without echo at a terminal, a line of standard input otherwise. Never from the command line, which
//! others can see.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// A password, of 200 characters at most, with room for those who paste something else.
const MAX_LINE_BYTES: u64 = 4096;

/// Whether a person sits there, who sees the question.
pub(crate) fn is_person() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks for something that may be seen. `None` at the end of the input.
pub(crate) async fn ask(question: &str) -> io::Result<Option<String>> {
    show(question)?;
    Ok(read_line().await?.map(|line| line.trim().to_owned()))
}

/// Asks for something that must not be seen; without a person just reads the next line. `None` at the end of the input.
pub(crate) async fn ask_hidden(question: &str) -> io::Result<Option<Zeroizing<String>>> {
    if !is_person() {
        return read_line().await;
    }
    show(question)?;
    // Ends before this function does, also when it is given up: the terminal is left as it was.
    let hidden = Hidden::begin()?;
    let line = read_line().await;
    drop(hidden);
    // The line feed that was not shown.
    show("\n")?;
    line
}

/// A terminal that does not show what is typed.
struct Hidden(Termios);

impl Hidden {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut modes = before.clone();
        modes.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &modes)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // A terminal that is gone shows nothing.
        tcsetattr(io::stdin(), OptionalActions::Now, &self.0).unwrap_or_default();
    }
}

fn show(text: &str) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush())
}

/// Apart from the runtime, so that Ctrl-C is heard and a connection stays alive while a person thinks.
async fn read_line() -> io::Result<Option<Zeroizing<String>>> {
    let read = tokio::task::spawn_blocking(|| line_of(&mut io::stdin().lock()));
    read.await.map_err(io::Error::other)?
}

fn line_of(input: &mut impl io::BufRead) -> io::Result<Option<Zeroizing<String>>> {
    let mut line = Zeroizing::new(String::new());
    let mut limited = io::Read::take(input, MAX_LINE_BYTES);
    if limited.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    // A blank at the end belongs to the password.
    let text = line.strip_suffix('\n').unwrap_or(&line);
    Ok(Some(Zeroizing::new(text.strip_suffix('\r').unwrap_or(text).to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_one_by_one_without_their_ends() {
        let mut input = &b"present \r\nnew\n\nlast"[..];
        let mut next = || line_of(&mut input).unwrap().map(|line| line.to_string());
        assert_eq!(next().as_deref(), Some("present "));
        assert_eq!(next().as_deref(), Some("new"));
        assert_eq!(next().as_deref(), Some(""));
        assert_eq!(next().as_deref(), Some("last"));
        assert_eq!(next(), None);
    }

    #[test]
    fn a_line_without_end_is_not_read_whole() {
        let mut input = io::BufReader::new(io::repeat(b'a'));
        assert_eq!(line_of(&mut input).unwrap().unwrap().len(), 4096);
    }
}
