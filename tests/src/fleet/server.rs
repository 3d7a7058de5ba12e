//! landmark-server on ports and a state folder that stay the same while it is stopped, killed and started.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use landmark_proto::pin::SpkiPin;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Ctl, program};
use crate::place::Place;
use crate::ports::Port;
use crate::process::{self, Output, Process};
use crate::scratch::{Journal, Scratch};

/// A server. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    name: String,
    place: Place,
    host: IpAddr,
    home: PathBuf,
    state_folder: PathBuf,
    log: PathBuf,
    journal: Journal,
    listeners: Listeners,
    settings: Vec<(String, String)>,
    process: Option<Process>,
}

/// Where it listens.
#[derive(Debug)]
pub struct Listeners {
    /// Agents, over mutual TLS.
    pub agents: Port,
    /// Enrolment.
    pub enrollment: Port,
    /// The admin API.
    pub administration: Port,
    /// Health and metrics.
    pub operations: Port,
}

impl Server {
    /// One that was never started.
    ///
    /// # Errors
    /// No ports or folders.
    pub fn new(scratch: &Scratch, name: &str) -> Result<Self> {
        let state_folder = scratch.path().join(format!("{name}-state"));
        Self::with_state_folder(scratch, name, &state_folder)
    }

    /// One that keeps its state in this folder.
    ///
    /// # Errors
    /// No ports or folders.
    pub fn with_state_folder(scratch: &Scratch, name: &str, state_folder: &Path) -> Result<Self> {
        let listeners = Listeners {
            agents: Port::reserve()?,
            enrollment: Port::reserve()?,
            administration: Port::reserve()?,
            operations: Port::reserve()?,
        };
        Ok(Self {
            name: name.to_owned(),
            place: Place::here(),
            host: Ipv4Addr::LOCALHOST.into(),
            home: scratch.make_folder("home")?,
            state_folder: state_folder.to_owned(),
            log: scratch.log(name),
            journal: scratch.journal().clone(),
            listeners,
            // Three agents need no spreading: they come back at once.
            settings: vec![
                ("timing.drain-spread".into(), "0s".into()),
                ("timing.reconnect-spread".into(), "0s".into()),
                ("timing.max-backoff".into(), "1s".into()),
            ],
            process: None,
        })
    }

    /// One that listens on an address of another place.
    ///
    /// # Errors
    /// No ports or folders.
    pub fn placed(scratch: &Scratch, name: &str, place: Place, host: IpAddr) -> Result<Self> {
        Ok(Self { place, host, ..Self::new(scratch, name)? })
    }

    /// Starts one.
    ///
    /// # Errors
    /// It does not come up.
    pub async fn started(scratch: &Scratch) -> Result<Self> {
        let mut server = Self::new(scratch, "server")?;
        server.start().await?;
        Ok(server)
    }

    /// Adds a setting, as `--set KEY=VALUE` does, for the next start.
    pub fn set(&mut self, key: &str, value: &str) {
        self.settings.push((key.to_owned(), value.to_owned()));
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// It runs already, or does not come up.
    pub async fn start(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "{} runs already", self.name);
        self.journal.note(&format!("start {}", self.name));
        let mut command = program("landmark-server", &self.home, &self.place)?;
        command.arg("run").arg("--state-dir").arg(&self.state_folder);
        let Listeners { agents, enrollment, administration, operations } = &self.listeners;
        for (key, port) in [
            ("listen.agents", agents),
            ("listen.enrollment", enrollment),
            ("listen.administration", administration),
            ("listen.operations", operations),
            // The name of this machine need not lead to it.
            ("advertise.agents", agents),
            ("advertise.enrollment", enrollment),
        ] {
            command.arg("--set").arg(format!("{key}={}", self.at(port)));
        }
        for (key, value) in &self.settings {
            command.arg("--set").arg(format!("{key}={value}"));
        }
        let mut process = Process::start(&self.name, command, &self.log)?;
        process
            .wait_until_up("is ready", async || {
                let status = self.get("/readyz").await?;
                ensure!(status.starts_with("HTTP/1.1 200"), "{status}");
                Ok(())
            })
            .await?;
        self.process = Some(process);
        Ok(())
    }

    /// Asks it to stop, and waits for its end, which must be a clean one.
    ///
    /// # Errors
    /// It does not run, or does not end cleanly.
    pub async fn stop(&mut self) -> Result<()> {
        self.journal.note(&format!("stop {}", self.name));
        let status = self.take()?.stop().await?;
        ensure!(status.success(), "{} ended with {status}", self.name);
        Ok(())
    }

    /// Kills it, as `kill -9` does.
    ///
    /// # Errors
    /// It does not run.
    pub async fn kill(&mut self) -> Result<()> {
        self.journal.note(&format!("kill {}", self.name));
        self.take()?.kill().await
    }

    /// landmarkctl for this server.
    pub fn ctl(&self) -> Ctl {
        Ctl::new(
            self.at(&self.listeners.administration),
            self.place.clone(),
            &self.state_folder,
            &self.home,
            self.journal.clone(),
        )
    }

    /// Where it listens.
    pub fn listeners(&self) -> &Listeners {
        &self.listeners
    }

    /// Its state folder.
    pub fn state_folder(&self) -> &Path {
        &self.state_folder
    }

    /// Its process id.
    ///
    /// # Errors
    /// It does not run.
    pub fn pid(&self) -> Result<u32> {
        Ok(self.process.as_ref().context("the server does not run")?.pid())
    }

    /// Runs `landmark-server` with other arguments than those of a start, whatever it answers.
    ///
    /// # Errors
    /// It cannot be run, or does not end.
    pub async fn run(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = program("landmark-server", &self.home, &self.place)?;
        // Where it would go by default in the home folder is not what a test means.
        command.env("XDG_STATE_HOME", &self.state_folder).args(arguments);
        process::run(command, &self.journal).await
    }

    /// Lets it print everything elsewhere.
    pub fn log_to(&mut self, file: &str) {
        self.log = file.into();
    }

    /// What it has printed, over all its lives.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The text of its metrics.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn metrics(&self) -> Result<String> {
        self.get("/metrics").await
    }

    /// A join string that one machine can use.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn join_string(&self) -> Result<String> {
        let token = self.ctl().ok(&["tokens", "create"]).await?;
        Ok(token["join_string"].as_str().with_context(|| format!("no join string in {token}"))?.to_owned())
    }

    /// What the key of its authority is recognised by.
    ///
    /// # Errors
    /// It was never started.
    pub fn authority_pin(&self) -> Result<SpkiPin> {
        let file = self.state_folder.join("authority.pem");
        let certificate = CertificateDer::from_pem_file(file).context("read the authority's certificate")?;
        let (_, certificate) = x509_parser::parse_x509_certificate(&certificate)?;
        Ok(SpkiPin::of(certificate.public_key().raw))
    }

    /// Where one of its ports is.
    pub fn at(&self, port: &Port) -> SocketAddr {
        SocketAddr::new(self.host, port.number())
    }

    /// The status line, headers and body that its operations endpoint answers with.
    async fn get(&self, path: &str) -> Result<String> {
        let mut connection = self.place.connect(self.at(&self.listeners.operations)).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    fn take(&mut self) -> Result<Process> {
        self.process.take().with_context(|| format!("{} does not run", self.name))
    }
}
