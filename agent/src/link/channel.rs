//! One HTTP/2 connection, as the generated client wants it. It has no reconnect of its own: when it ends, it ends.

use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};
use landmark_daemon::error::Chain;
use landmark_proto::message::MAX_MESSAGE_BYTES;
use landmark_proto::wire::fleet_client::FleetClient;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tonic_types::StatusExt as _;
use tower::Service;
use tracing::trace;

use super::dial::Secured;
use super::retry::End;
use super::tls::SERVER_NAME;

// An agent has one stream that matters; a whole assignment fits four times into what may be under way.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Error details travel in headers; servers keep them below it.
const MAX_HEADER_LIST_BYTES: u32 = 16 * 1024;
/// Room for the frame around the largest message.
const CODEC_LIMIT: usize = MAX_MESSAGE_BYTES + 1024;
/// How long an HTTP/2 PING may stay unanswered.
const PING_LIMIT: Duration = Duration::from_secs(20);
/// No word of a server keeps an agent away for longer; the contract says the same of its other waits.
const MAX_PUSH_BACK: Duration = Duration::from_secs(3600);

/// A connection. Dropping it closes it at once.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Body>,
    ended: CancellationToken,
    _close: DropGuard,
}

impl Connection {
    /// Begins HTTP/2. A PING is sent this often on an idle connection.
    ///
    /// # Errors
    /// The server does not speak it.
    pub async fn open(stream: Secured, ping_interval: Duration) -> Result<Self, End> {
        let tasks = TaskTracker::new();
        let (sender, connection) = http2::Builder::new(Spawner(tasks.clone()))
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_send_buf_size(SEND_BUFFER_BYTES)
            .max_header_list_size(MAX_HEADER_LIST_BYTES)
            .keep_alive_interval(ping_interval)
            .keep_alive_timeout(PING_LIMIT)
            .keep_alive_while_idle(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| End::Closed(describe(&error)))?;
        let (ended, close) = (CancellationToken::new(), CancellationToken::new());
        let (end, closing) = (ended.clone().drop_guard(), close.clone());
        tasks.spawn(async move {
            tokio::select! {
                biased;
                () = closing.cancelled() => {}
                // Its end is seen by the calls on it, with the same error.
                result = connection => trace!(?result, "connection ended"),
            }
            drop(end);
        });
        Ok(Self { sender, ended, _close: close.drop_guard() })
    }

    /// The client of the agent plane, with the limits of the contract.
    pub fn client(&self) -> FleetClient<Channel> {
        FleetClient::with_origin(self.channel(), origin())
            .max_decoding_message_size(CODEC_LIMIT)
            .max_encoding_message_size(CODEC_LIMIT)
    }

    /// For any client.
    pub fn channel(&self) -> Channel {
        Channel(self.sender.clone())
    }

    /// Returns when the connection has ended.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }
}

/// What requests name as their target.
pub fn origin() -> Uri {
    Uri::builder().scheme("https").authority(SERVER_NAME).path_and_query("/").build().unwrap_or_default()
}

/// Where the generated clients send their requests.
#[derive(Clone, Debug)]
pub struct Channel(SendRequest<Body>);

impl Service<http::Request<Body>> for Channel {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

#[derive(Clone, Debug)]
struct Spawner(TaskTracker);

impl<F> Executor<F> for Spawner
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}

/// What broke a connection, for people: the system's own word for it if there is one.
fn describe(error: &(dyn Error + 'static)) -> String {
    let mut of_the_system = None;
    let mut cause = Some(error);
    while let Some(error) = cause {
        let of_http2 = error.downcast_ref::<h2::Error>().and_then(h2::Error::get_io);
        of_the_system = error.downcast_ref::<io::Error>().or(of_http2).or(of_the_system);
        cause = error.source();
    }
    match of_the_system {
        // rustls says the same in more words, with a link to its manual.
        Some(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the server closed the connection".to_owned()
        }
        Some(error) => error.to_string(),
        None => Chain(error).to_string(),
    }
}

/// Why a call ended, as the retry table wants it.
pub fn end_of(status: &tonic::Status) -> End {
    // A status that the client made of a broken connection has that as its source; the server's own has none.
    if let Some(source) = status.source() {
        return End::Closed(describe(source));
    }
    let push_back = status.get_details_retry_info().and_then(|info| info.retry_delay);
    let push_back = push_back.map(|delay| delay.min(MAX_PUSH_BACK));
    End::Status { code: status.code(), message: clean(status.message()), push_back }
}

/// What a peer says is shown to people: bounded, and without control characters.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(500).collect()
}

#[cfg(test)]
mod tests {
    use tonic::{Code, Status};
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn the_wait_that_a_server_asks_for_is_read() {
        let delay = Some(Duration::from_secs(7));
        let status =
            Status::with_error_details(Code::Unavailable, "full\n", ErrorDetails::with_retry_info(delay));
        let expected = End::Status { code: Code::Unavailable, message: "full".into(), push_back: delay };
        assert_eq!(end_of(&status), expected);
        let delay = Some(Duration::from_secs(u64::MAX / 2));
        let status = Status::with_error_details(Code::Unavailable, "", ErrorDetails::with_retry_info(delay));
        let End::Status { push_back, .. } = end_of(&status) else { panic!("a word of the server") };
        assert_eq!(push_back, Some(MAX_PUSH_BACK));
        let expected = End::Status { code: Code::Internal, message: "broken".into(), push_back: None };
        assert_eq!(end_of(&Status::internal("broken")), expected);
    }

    #[test]
    fn a_status_made_of_a_broken_connection_is_no_word_of_the_server() {
        let broken = io::Error::from(io::ErrorKind::ConnectionReset);
        let status = Status::from_error(Box::new(broken));
        assert_eq!(end_of(&status), End::Closed("connection reset".into()));
    }
}
