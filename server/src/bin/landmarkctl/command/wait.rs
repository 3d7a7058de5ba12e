//! Waiting for the agents' answers to an assignment: a bar on a terminal, lines elsewhere, and a summary.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::{Instant, sleep_until};

use super::{Run, names};
use crate::client::{CallError, Client};
use crate::errors::{Exit, Failure, Origins, refused};
use crate::render::agents::progress_line;
use crate::render::assignments::{counts, summary};
use crate::view::progress::Progress;

/// Without a terminal a line is printed no more often than this, unless it is the last.
const LINE_INTERVAL: Duration = Duration::from_secs(2);

/// What the waiting came to.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The last that was heard.
    pub(super) progress: Option<Progress>,
    pub(super) end: End,
}

/// Why the waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Every connected agent has answered, or a newer assignment took over.
    Done,
    TimeUp,
    Interrupted,
}

/// What is printed of each step with `--json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Steps {
    /// Nothing: one document comes at the end.
    Silent,
    /// A document a line.
    Documents,
}

/// Follows an assignment until it is done, the time is up, or Ctrl-C.
pub(super) async fn for_agents(
    run: &Run,
    client: &mut Client,
    revision: Option<u64>,
    limit: Duration,
    steps: Steps,
) -> Result<Outcome, Failure> {
    let failed = |error: CallError| {
        let failure = refused("follow the assignment", error, &Origins::none());
        match revision.filter(|_| failure.exit() == Exit::Unreachable) {
            Some(revision) => failure.hint(format!(
                "assignment {revision} stays in force; to follow it again: landmarkctl assignments watch {revision}"
            )),
            None => failure,
        }
    };
    let deadline = Instant::now() + limit;
    let mut watch = client.watch_assignment(revision).await.map_err(failed)?;
    let mut show = Show::new(run, steps);
    let mut last = None;
    let interrupt = tokio::signal::ctrl_c();
    tokio::pin!(interrupt);
    let end = loop {
        tokio::select! {
            biased;
            _ = &mut interrupt => break End::Interrupted,
            () = sleep_until(deadline) => break End::TimeUp,
            progress = watch.next() => match progress.map_err(failed)? {
                Some(progress) => {
                    show.progress(run, &progress)?;
                    let done = progress.done || progress.superseded_by.is_some();
                    last = Some(progress);
                    if done {
                        break End::Done;
                    }
                }
                None => {
                    show.finish();
                    return Err(failed(CallError::Broken("the server ended the stream".into())));
                }
            },
        }
    };
    show.finish();
    Ok(Outcome { progress: last, end })
}

/// Prints the summary, and says in words and exit code what it means.
pub(super) async fn tell(
    run: &Run,
    client: &mut Client,
    revision: u64,
    outcome: &Outcome,
) -> Result<Exit, Failure> {
    let Outcome { progress, end } = outcome;
    // Who holds an assignment that is not in force any more is of no interest.
    let shown = progress.as_ref().filter(|progress| progress.superseded_by.is_none() && !run.out.is_json());
    if let Some(progress) = shown {
        let names = names::of_rejections(client, &progress.rejections).await;
        run.out.data(&summary(progress, &names, &run.out.paper()))?;
    }
    let exit = exit_of(progress.as_ref(), *end);
    let again = format!("to follow it again: landmarkctl assignments watch {revision}");
    let superseded_by = progress.as_ref().and_then(|progress| progress.superseded_by);
    let has_agents = progress.as_ref().is_none_or(|progress| progress.n_agents > 0);
    let remark = match (exit, superseded_by) {
        (Exit::Interrupted, _) => format!("interrupted; assignment {revision} stays in force; {again}"),
        (Exit::Pending, _) => format!("the time is up; assignment {revision} stays in force; {again}"),
        (_, Some(newer)) => {
            format!("assignment {newer} took the place of {revision}: landmarkctl assignments watch {newer}")
        }
        (Exit::Rejected, None) => "why an agent refused: landmarkctl agents show NAME".to_owned(),
        (_, None) if !has_agents => "there are no agents yet: landmarkctl tokens create".to_owned(),
        (_, None) => return Ok(exit),
    };
    run.out.remark(remark);
    Ok(exit)
}

fn exit_of(progress: Option<&Progress>, end: End) -> Exit {
    match (progress, end) {
        (_, End::Interrupted) => Exit::Interrupted,
        (Some(progress), _) if progress.superseded_by.is_some() => Exit::Superseded,
        (Some(progress), _) if progress.n_rejected > 0 => Exit::Rejected,
        (_, End::TimeUp) | (None, End::Done) => Exit::Pending,
        (Some(_), End::Done) => Exit::Done,
    }
}

enum Show {
    Bar(ProgressBar),
    Lines { next: Instant, last: Option<String> },
    Documents,
    Nothing,
}

impl Show {
    fn new(run: &Run, steps: Steps) -> Self {
        if run.out.is_json() {
            return if steps == Steps::Documents { Self::Documents } else { Self::Nothing };
        }
        if !run.out.can_draw() {
            return Self::Lines { next: Instant::now(), last: None };
        }
        let bar = bar(ProgressDrawTarget::stderr());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self::Bar(bar)
    }

    fn progress(&mut self, run: &Run, progress: &Progress) -> Result<(), Failure> {
        match self {
            Self::Bar(bar) => {
                // Those who are offline are not waited for.
                bar.set_length((progress.n_agents - progress.n_offline.min(progress.n_agents)).max(1));
                bar.set_position(progress.n_applied + progress.n_rejected);
                bar.set_message(counts(progress));
            }
            Self::Lines { next, last } => {
                let line = progress_line(progress);
                let now = Instant::now();
                if (now >= *next || progress.done) && last.as_ref() != Some(&line) {
                    run.out.remark(&line);
                    *last = Some(line);
                    *next = now + LINE_INTERVAL;
                }
            }
            Self::Documents => run.out.json_line(progress)?,
            Self::Nothing => {}
        }
        Ok(())
    }

    fn finish(&mut self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// The counts first: in a narrow terminal it is the bar that is cut.
fn bar(target: ProgressDrawTarget) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {elapsed:>4}  {msg}  {wide_bar}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ");
    let bar = ProgressBar::with_draw_target(Some(1), target).with_style(style);
    bar.set_message("waiting for the agents");
    bar
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use indicatif::TermLike;

    use super::*;

    /// A terminal that keeps the last line that was drawn.
    #[derive(Clone, Debug)]
    struct Terminal {
        width: u16,
        drawn: Arc<Mutex<String>>,
    }

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            self.width
        }
        fn move_cursor_up(&self, _n: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _n: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _n: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _n: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            if !text.trim().is_empty() {
                text.clone_into(&mut self.drawn.lock().unwrap());
            }
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_narrow_terminal_cuts_the_bar_and_not_the_counts() {
        let progress = Progress { n_agents: 1234, n_applied: 1000, n_offline: 234, ..Progress::default() };
        for width in [72, 80, 200] {
            let terminal = Terminal { width, drawn: Arc::default() };
            let bar = bar(ProgressDrawTarget::term_like(Box::new(terminal.clone())));
            bar.set_length(10);
            bar.set_position(5);
            bar.set_message(counts(&progress));
            bar.tick();
            let line = terminal.drawn.lock().unwrap().clone();
            assert!(line.contains("1000 applied, 0 pending, 0 rejected, 234 offline (of 1234)"), "{line}");
            assert!(line.chars().count() <= usize::from(width), "{line}");
            assert!(width < 80 || line.contains("=>"), "{line}");
        }
    }

    #[test]
    fn the_exit_code_tells_what_the_waiting_came_to() {
        let progress = |n_pending, n_rejected, superseded_by| Progress {
            n_agents: 5,
            n_pending,
            n_rejected,
            superseded_by,
            ..Progress::default()
        };
        let exit = |progress: &Progress, end| exit_of(Some(progress), end).code();
        assert_eq!(exit(&progress(0, 0, None), End::Done), 0);
        assert_eq!(exit(&progress(0, 1, None), End::Done), 2);
        assert_eq!(exit(&progress(1, 0, None), End::TimeUp), 3);
        assert_eq!(exit(&progress(1, 1, None), End::TimeUp), 2);
        assert_eq!(exit(&progress(1, 1, Some(9)), End::Done), 4);
        assert_eq!(exit(&progress(1, 0, None), End::Interrupted), 130);
        assert_eq!(exit_of(None, End::TimeUp).code(), 3);
    }
}
