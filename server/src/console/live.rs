//! Tells open pages what has changed, as it changes: server-sent events that only name it. The page asks for that part
//! again, with the permission it has at that moment.
//!
//! One task follows everything and keeps three numbers; each open page compares them with what it has told. So a change
//! costs the fleet nothing, however many pages are open, and a page that does not read costs nothing either. How often a
//! page is told depends on how large the fleet is, for that is what a part of a page costs.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use landmark_daemon::tasks::Tasks;
use landmark_proto::ids::AgentId;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::mount::Mount;
use super::problem::Problem;
use super::visit::Visit;
use super::{Console, gate};
use crate::admin::Administration;
use crate::assignments::Published;
use crate::fleet::Agent;

/// Changes within it are told as one.
const GATHER: Duration = Duration::from_millis(100);
/// Pages that follow at once; each costs a few hundred bytes.
const MAX_PAGES: usize = 1_000;
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often it is looked whether the reader of a page is still signed in, where nothing says that they may not be.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);
/// After which a browser that lost the stream tries again.
const RETRY: Duration = Duration::from_secs(2);

/// How often each kind of thing has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct News {
    fleet: u64,
    draft: u64,
    assignment: u64,
}

/// For pages.
#[derive(Debug)]
pub(super) struct Live {
    news_rx: watch::Receiver<News>,
    places: Arc<Semaphore>,
    /// Names this process, so that a page learns that the server was restarted.
    run: Uuid,
    stop: CancellationToken,
}

#[derive(Debug, Error)]
enum Ended {
    #[error("asked to stop")]
    Stopped,
    #[error("nothing can change any more")]
    Closed,
}

/// Starts the task that follows everything.
pub(super) fn spawn(tasks: &mut Tasks, administration: &Administration, stop: CancellationToken) -> Live {
    let (news_tx, news_rx) = watch::channel(News::default());
    let follower = Follower {
        fleet_rx: administration.agents.fleet.registry().subscribe(),
        draft_rx: administration.drafts.subscribe(),
        assignment_rx: administration.assignments.handle.subscribe(),
        news_tx,
        stop: stop.clone(),
    };
    tasks.spawn("console-live", follower.run());
    Live { news_rx, places: Arc::new(Semaphore::new(MAX_PAGES)), run: Uuid::new_v4(), stop }
}

struct Follower {
    fleet_rx: watch::Receiver<u64>,
    draft_rx: watch::Receiver<u64>,
    assignment_rx: watch::Receiver<Option<Published>>,
    news_tx: watch::Sender<News>,
    stop: CancellationToken,
}

impl Follower {
    async fn run(mut self) -> Result<Infallible, Ended> {
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(Ended::Stopped),
                changed = self.fleet_rx.changed() => {
                    changed.map_err(|_| Ended::Closed)?;
                    self.news_tx.send_modify(|news| news.fleet += 1);
                }
                changed = self.draft_rx.changed() => {
                    changed.map_err(|_| Ended::Closed)?;
                    self.news_tx.send_modify(|news| news.draft += 1);
                }
                changed = self.assignment_rx.changed() => {
                    changed.map_err(|_| Ended::Closed)?;
                    self.news_tx.send_modify(|news| { news.assignment += 1; news.draft += 1; });
                }
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(Ended::Stopped),
                () = sleep(GATHER) => {}
            }
        }
    }
}

/// What a page follows.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Topic {
    /// All agents, and what is counted of them.
    Fleet,
    /// One agent.
    Agent(AgentId),
    /// The draft, and how it stands to the present assignment.
    Draft,
    /// The present assignment, and how far it has come.
    Assignment,
}

impl Topic {
    fn read(text: &str) -> Option<Self> {
        match text {
            "fleet" => Some(Self::Fleet),
            "draft" => Some(Self::Draft),
            "assignment" => Some(Self::Assignment),
            text => text.strip_prefix("agent:")?.parse().ok().map(Self::Agent),
        }
    }

    /// The name of its event.
    fn name(&self) -> &'static str {
        match self {
            Self::Fleet => "fleet",
            Self::Agent(_) => "agent",
            Self::Draft => "draft",
            Self::Assignment => "assignment",
        }
    }
}

pub(super) fn mount(mount: Mount) -> Mount {
    mount.get("/live", follow)
}

/// `?topics=fleet draft`: an event `hello` with the name of this run, then one for each topic that has changed. The last one
/// is `signed-out`, when the session ends.
async fn follow(
    State(console): State<Console>,
    visit: Visit,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let live = &console.0.live;
    let place = Arc::clone(&live.places).try_acquire_owned().map_err(|_| Problem::Unavailable)?;
    let topics = visit.query.words("topics");
    let page = OpenPage {
        topics: topics.iter().filter_map(|text| Topic::read(text)).collect(),
        told: *live.news_rx.borrow(),
        news_rx: live.news_rx.clone(),
        agent: None,
        waiting: Vec::new(),
        next_at: Instant::now(),
        run: Some(live.run),
        stop: live.stop.clone(),
        access_rx: console.authenticator().changes(),
        look_at: Instant::now() + LOOK_INTERVAL,
        is_let_in: true,
        headers,
        console: console.clone(),
        _place: place,
    };
    let events = unfold(page, async |mut page| {
        let event = page.next().await?;
        Some((Ok::<_, Infallible>(event), page))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

/// A page that follows.
struct OpenPage {
    topics: Vec<Topic>,
    news_rx: watch::Receiver<News>,
    told: News,
    /// As it was last told.
    agent: Option<Arc<Agent>>,
    /// Names of events that are due.
    waiting: Vec<&'static str>,
    /// When the fleet may be told of again.
    next_at: Instant,
    /// Said first.
    run: Option<Uuid>,
    stop: CancellationToken,
    /// Somebody may have lost their session.
    access_rx: watch::Receiver<()>,
    /// When that is looked for in any case: a session also ends by itself.
    look_at: Instant,
    is_let_in: bool,
    /// What the reader is recognised by.
    headers: HeaderMap,
    console: Console,
    _place: OwnedSemaphorePermit,
}

impl OpenPage {
    /// The next event; `None` at the server's stop, and when its reader is signed out.
    async fn next(&mut self) -> Option<Event> {
        if let Some(run) = self.run.take() {
            self.remember_agent();
            return Some(Event::default().event("hello").data(run.to_string()).retry(RETRY));
        }
        if !self.is_let_in {
            return None;
        }
        loop {
            if let Some(name) = self.waiting.pop() {
                // A browser drops events without data.
                return Some(Event::default().event(name).data("changed"));
            }
            let is_fleet_due = self.news_rx.borrow().fleet != self.told.fleet;
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                changed = self.access_rx.changed() => {
                    changed.ok()?;
                    self.look_at = Instant::now();
                }
                () = sleep_until(self.look_at) => {
                    self.look_at = Instant::now() + LOOK_INTERVAL;
                    self.is_let_in = self.is_still_let_in().await;
                    if !self.is_let_in {
                        return Some(Event::default().event("signed-out").data("ended"));
                    }
                    continue;
                }
                changed = self.news_rx.changed() => changed.ok()?,
                () = sleep_until(self.next_at), if is_fleet_due => {}
            }
            let mut news = *self.news_rx.borrow_and_update();
            if Instant::now() < self.next_at {
                news.fleet = self.told.fleet;
            }
            self.take(news);
        }
    }

    /// Where it cannot be found out, nothing is taken from anybody.
    async fn is_still_let_in(&self) -> bool {
        !matches!(gate::caller(&self.console, &self.headers).await, Ok(None))
    }

    fn take(&mut self, news: News) {
        let told = std::mem::replace(&mut self.told, news);
        let is_agent_news = news.fleet != told.fleet && self.remember_agent();
        if news.fleet != told.fleet {
            let n_agents = self.console.admin().agents.fleet.registry().n_agents();
            self.next_at = Instant::now() + pause(n_agents);
        }
        for topic in &self.topics {
            let is_news = match topic {
                Topic::Fleet => news.fleet != told.fleet || news.assignment != told.assignment,
                Topic::Agent(_) => is_agent_news,
                Topic::Draft => news.draft != told.draft,
                Topic::Assignment => news.assignment != told.assignment || news.fleet != told.fleet,
            };
            if is_news && !self.waiting.contains(&topic.name()) {
                self.waiting.push(topic.name());
            }
        }
    }

    /// Notes the agent as it is; whether it has changed, or is gone.
    fn remember_agent(&mut self) -> bool {
        let Some(agent_id) = self.topics.iter().find_map(|topic| match topic {
            Topic::Agent(agent_id) => Some(*agent_id),
            Topic::Fleet | Topic::Draft | Topic::Assignment => None,
        }) else {
            return false;
        };
        let agent = self.console.admin().agents.fleet.registry().agent(agent_id).map(|view| view.agent);
        let is_same = match (&self.agent, &agent) {
            (Some(before), Some(after)) => Arc::ptr_eq(before, after),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        self.agent = agent;
        !is_same
    }
}

/// Between two events about the fleet: a part of a page that is sorted or filtered costs time in proportion to the fleet.
fn pause(n_agents: usize) -> Duration {
    match n_agents {
        0..=2_000 => Duration::from_millis(300),
        2_001..=20_000 => Duration::from_secs(1),
        _ => Duration::from_secs(4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_read_and_what_is_none_is_left_out() {
        let agent_id: AgentId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        assert_eq!(Topic::read("fleet"), Some(Topic::Fleet));
        assert_eq!(Topic::read(&format!("agent:{agent_id}")), Some(Topic::Agent(agent_id)));
        assert_eq!(Topic::read("agent:all"), None);
        assert_eq!(Topic::read(""), None);
    }

    #[test]
    fn a_page_of_a_large_fleet_is_told_less_often() {
        assert!(pause(100) < pause(10_000));
        assert!(pause(10_000) < pause(100_000));
    }
}
