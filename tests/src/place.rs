//! Where something runs: on this machine as it is, or in one of its network namespaces.
//!
//! It must not know what runs there, nor who made the namespace.

use std::ffi::OsStr;
use std::fs::File;
use std::net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream, UdpSocket as StdUdp};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// Where `ip netns` keeps the namespaces.
pub const NAMESPACES: &str = "/run/netns";

/// A stand-in for "cannot be reached" in a harness that waits for things to come up.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// A place. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    namespace: Option<Arc<str>>,
    /// What programs there see as /etc.
    etc: Option<Arc<Path>>,
}

impl Place {
    /// This machine.
    pub fn here() -> Self {
        Self::default()
    }

    /// The network namespace with this name.
    pub fn namespace(name: &str) -> Self {
        Self { namespace: Some(name.into()), etc: None }
    }

    /// The same namespace, where programs see this folder as /etc: files in it can be renamed and replaced, as those of
    /// `/etc/netns/NAME` cannot.
    #[must_use]
    pub fn with_etc(&self, folder: &Path) -> Self {
        Self { etc: Some(folder.into()), ..self.clone() }
    }

    /// The namespace's name, where it is one.
    pub fn name(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// A command that runs a program there, under its own process id, with the files of `/etc/netns/NAME` as its own.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let Some(name) = &self.namespace else { return Command::new(program) };
        let mut command = Command::new("ip");
        command.args(["netns", "exec", name]);
        if let Some(folder) = &self.etc {
            // Mounts are those of the program alone: `ip-netns(8)`.
            command.args(["sh", "-c", r#"mount --bind "$0" /etc && exec "$@""#]).arg(&**folder);
        }
        command.arg(program);
        command
    }

    /// Does something there: what it opens (sockets, devices) stays there, whoever uses it afterwards.
    ///
    /// # Errors
    /// That of `work`, or the namespace cannot be entered.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let Some(name) = &self.namespace else { return work() };
        let path = Path::new(NAMESPACES).join(&**name);
        let namespace = File::open(&path).with_context(|| format!("open {}", path.display()))?;
        // A thread is in a namespace, and one that entered it is of no other use.
        std::thread::scope(|scope| {
            let entered = scope.spawn(move || {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                    .with_context(|| format!("enter {}", path.display()))?;
                work()
            });
            entered.join().unwrap_or_else(|_| Err(anyhow!("work in namespace {name} panicked")))
        })
    }

    /// Connects from there.
    ///
    /// # Errors
    /// Nobody answers within two seconds.
    pub async fn connect(&self, address: SocketAddr) -> Result<TcpStream> {
        let place = self.clone();
        let connect = move || Ok(StdStream::connect_timeout(&address, CONNECT_LIMIT)?);
        let connection = tokio::task::spawn_blocking(move || place.within(connect)).await??;
        connection.set_nonblocking(true)?;
        Ok(TcpStream::from_std(connection)?)
    }

    /// Listens there.
    ///
    /// # Errors
    /// The address is not there, or taken.
    pub fn listen(&self, address: SocketAddr) -> Result<TcpListener> {
        let listener = self.within(|| Ok(StdListener::bind(address)?));
        let listener = listener.with_context(|| format!("listen on {address}"))?;
        listener.set_nonblocking(true)?;
        Ok(TcpListener::from_std(listener)?)
    }

    /// A datagram socket there.
    ///
    /// # Errors
    /// The address is not there, or taken.
    pub fn bind_udp(&self, address: SocketAddr) -> Result<UdpSocket> {
        let socket = self.within(|| Ok(StdUdp::bind(address)?));
        let socket = socket.with_context(|| format!("receive on {address}"))?;
        socket.set_nonblocking(true)?;
        Ok(UdpSocket::from_std(socket)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn here_is_this_machine() {
        let listener = Place::here().listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let (accepted, connected) = tokio::join!(listener.accept(), async {
            Place::here().connect(address).await.unwrap().local_addr().unwrap()
        });
        assert_eq!(accepted.unwrap().1, connected);
    }

    #[test]
    fn a_program_in_a_namespace_is_run_by_ip() {
        let command = Place::namespace("lm-x").command("true");
        assert_eq!(format!("{command:?}"), r#""ip" "netns" "exec" "lm-x" "true""#);
        let command = Place::namespace("lm-x").with_etc(Path::new("/tmp/etc")).command("true");
        assert!(format!("{command:?}").ends_with(r#""/tmp/etc" "true""#), "{command:?}");
    }

    #[test]
    fn a_namespace_that_is_not_there_is_named() {
        let error = Place::namespace("no-such-place").within(|| Ok(())).unwrap_err();
        assert!(format!("{error:#}").contains("/run/netns/no-such-place"), "{error:#}");
    }
}
