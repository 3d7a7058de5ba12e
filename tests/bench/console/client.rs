//! A program that reads the console with the token file: pages, and the stream of what has changed.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use landmark_tests::fleet::Server;
use landmark_tests::grpc::{self, Driver, Link};
use tokio::time::timeout;
use tonic::body::Body;
use tower::Service as _;

/// A page that takes longer is not measured but missing.
const LIMIT: Duration = Duration::from_secs(30);

/// One HTTP/2 connection to a console.
pub(crate) struct Client {
    link: Link,
    token: String,
    _driver: Driver,
}

impl Client {
    pub(crate) async fn connect(server: &Server) -> Result<Self> {
        let folder = server.state_folder();
        let address = server.at(&server.listeners().administration);
        let (link, driver) = grpc::connect(address, &folder.join("authority.pem"), None).await?;
        let token = std::fs::read_to_string(folder.join("admin-token")).context("read the API token")?;
        Ok(Self { link, token: token.trim().to_owned(), _driver: driver })
    }

    /// The whole answer.
    pub(crate) async fn get(&mut self, path: &str) -> Result<Bytes> {
        self.whole(path, false).await
    }

    /// What a script of a page asks for: a part of it.
    pub(crate) async fn get_part(&mut self, path: &str) -> Result<Bytes> {
        self.whole(path, true).await
    }

    /// Follows what changes, such as `fleet`.
    pub(crate) async fn follow(&mut self, topics: &str) -> Result<Events> {
        let response = self.ask(&format!("/live?topics={topics}"), false).await?;
        let mut events = Events { body: response.into_body(), rest: String::new() };
        let first = events.next().await?;
        ensure!(first == "hello", "the stream begins with {first:?}");
        Ok(events)
    }

    async fn whole(&mut self, path: &str, part: bool) -> Result<Bytes> {
        let answer = timeout(LIMIT, async {
            let response = self.ask(path, part).await?;
            anyhow::Ok(response.into_body().collect().await?.to_bytes())
        });
        answer.await.with_context(|| format!("GET {path} takes too long"))?
    }

    async fn ask(&mut self, path: &str, part: bool) -> Result<Response<Incoming>> {
        let mut request = Request::builder()
            .method(Method::GET)
            .uri(format!("https://server.landmark.internal{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        if part {
            request = request.header("hx-request", "true");
        }
        let response = self.link.call(request.body(Body::empty())?).await?;
        let status = response.status();
        ensure!(status == StatusCode::OK, "GET {path}: {status}");
        Ok(response)
    }
}

/// Server-sent events (HTML, section 9.2).
pub(crate) struct Events {
    body: Incoming,
    rest: String,
}

impl Events {
    /// The name of the next event.
    pub(crate) async fn next(&mut self) -> Result<String> {
        timeout(LIMIT, self.read()).await.context("no event comes")?
    }

    /// As [`Events::next`], however long it takes; comments, which keep the connection open, are passed over.
    pub(crate) async fn read(&mut self) -> Result<String> {
        loop {
            while let Some((event, rest)) = self.rest.split_once("\n\n") {
                let name = event.lines().find_map(|line| line.strip_prefix("event:"));
                let name = name.map(|name| name.trim().to_owned());
                self.rest = rest.to_owned();
                if let Some(name) = name {
                    return Ok(name);
                }
            }
            let Some(frame) = self.body.frame().await else { bail!("the stream of events has ended") };
            if let Ok(data) = frame?.into_data() {
                self.rest.push_str(std::str::from_utf8(&data)?);
            }
        }
    }

    /// Passes over what comes until nothing has come for a while: what has happened before is told.
    pub(crate) async fn settle(&mut self, quiet: Duration) -> Result<()> {
        while let Ok(event) = timeout(quiet, self.next()).await {
            event?;
        }
        Ok(())
    }
}
