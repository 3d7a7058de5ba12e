//! How the story looks on the screen.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

/// Prints scenes, remarks, commands and their output.
pub(crate) struct Teller {
    began: Instant,
    n_scenes: usize,
    is_watched: bool,
    colours: bool,
}

/// Between two scenes, where somebody is watching.
const TO_READ: Duration = Duration::from_secs(3);

impl Teller {
    pub(crate) fn new() -> Self {
        let is_watched = std::io::stdout().is_terminal();
        let colours = is_watched && std::env::var_os("NO_COLOR").is_none();
        Self { began: Instant::now(), n_scenes: 0, is_watched, colours }
    }

    /// Begins a scene, after a moment to read the one before.
    pub(crate) async fn scene(&mut self, title: &str) {
        if self.n_scenes > 0 && self.is_watched {
            tokio::time::sleep(TO_READ).await;
        }
        self.n_scenes += 1;
        println!("\n{}", self.painted("1;36", &format!("━━ {}. {title}", self.n_scenes)));
    }

    pub(crate) fn say(&self, text: &str) {
        println!("   {text}");
    }

    /// A fact that was checked, not just said.
    pub(crate) fn seen(&self, text: &str) {
        println!(" {} {text}", self.painted("1;32", "✔"));
    }

    pub(crate) fn command(&self, line: &str, output: &str) {
        println!("   {}", self.painted("1", &format!("$ {line}")));
        for line in output.trim_end().lines() {
            println!("   {line}");
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    fn painted(&self, colour: &str, text: &str) -> String {
        if self.colours { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
