//! Tells the service manager how the daemon is doing, by the protocol of `sd_notify(3)`.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// How long a full queue of the service manager may hold us up.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// The variable in which the service manager names its socket.
const VARIABLE: &str = "NOTIFY_SOCKET";

/// One line of a message to the service manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notification {
    /// Start-up is complete.
    Ready,
    /// The daemon is stopping.
    Stopping,
    /// What it is doing, for people (`systemctl status`).
    Status(String),
}

/// The service manager that started this process, if there is one that wants to be told.
#[derive(Clone, Debug)]
pub struct ServiceManager {
    address: Option<SocketAddr>,
}

/// `NOTIFY_SOCKET` does not name a socket that we can reach.
#[derive(Debug, thiserror::Error)]
#[error("NOTIFY_SOCKET {socket:?} is neither an absolute path nor an abstract name")]
pub struct InvalidNotifySocket {
    /// The variable as it was found.
    pub socket: String,
    source: Option<io::Error>,
}

impl ServiceManager {
    /// The service manager named by `$NOTIFY_SOCKET`; without that variable all notifications go nowhere.
    ///
    /// # Errors
    ///
    /// If the variable is neither an absolute path nor `@` and an abstract name.
    pub fn from_environment() -> Result<Self, InvalidNotifySocket> {
        Self::at(env::var_os(VARIABLE).as_deref())
    }

    /// The service manager at a socket: an absolute path, or `@` and a name in the abstract namespace.
    ///
    /// # Errors
    ///
    /// If `socket` is something else.
    pub fn at(socket: Option<&OsStr>) -> Result<Self, InvalidNotifySocket> {
        let Some(socket) = socket else { return Ok(Self { address: None }) };
        let invalid = |source| InvalidNotifySocket { socket: socket.to_string_lossy().into_owned(), source };
        let address = match socket.as_bytes() {
            [b'@', name @ ..] if !name.is_empty() => SocketAddr::from_abstract_name(name),
            [b'/', ..] => SocketAddr::from_pathname(socket),
            _ => return Err(invalid(None)),
        };
        Ok(Self { address: Some(address.map_err(|error| invalid(Some(error)))?) })
    }

    /// Sends notifications as one message. Blocks for at most a second.
    ///
    /// # Errors
    ///
    /// If the socket cannot be reached.
    pub fn notify(&self, notifications: &[Notification]) -> io::Result<()> {
        let Some(address) = &self.address else { return Ok(()) };
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(SEND_TIMEOUT))?;
        socket.send_to_addr(message(notifications).as_bytes(), address)?;
        Ok(())
    }
}

fn message(notifications: &[Notification]) -> String {
    let lines: Vec<String> = notifications
        .iter()
        .map(|notification| match notification {
            Notification::Ready => "READY=1".to_owned(),
            Notification::Stopping => "STOPPING=1".to_owned(),
            // A line break would begin another assignment.
            Notification::Status(text) => format!("STATUS={}", text.replace(['\n', '\r'], " ")),
        })
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sends_to_a_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let manager = ServiceManager::at(Some(path.as_os_str())).unwrap();
        manager.notify(&[Notification::Ready, Notification::Status("ready".to_owned())]).unwrap();
        let mut buffer = [0; 64];
        let n_bytes = socket.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..n_bytes], b"READY=1\nSTATUS=ready");
    }

    #[test]
    fn sends_to_an_abstract_name() {
        let name = format!("landmark-daemon-test-{}", std::process::id());
        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let manager = ServiceManager::at(Some(OsStr::new(&format!("@{name}")))).unwrap();
        manager.notify(&[Notification::Stopping]).unwrap();
        let mut buffer = [0; 64];
        let n_bytes = socket.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..n_bytes], b"STOPPING=1");
    }

    #[test]
    fn does_nothing_without_a_service_manager() {
        assert!(ServiceManager::at(None).unwrap().notify(&[Notification::Ready]).is_ok());
    }

    #[test]
    fn refuses_what_is_neither_path_nor_abstract_name() {
        for socket in ["", "@", "vsock:2:1234", "run/notify"] {
            let error = ServiceManager::at(Some(OsStr::new(socket))).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("NOTIFY_SOCKET {socket:?} is neither an absolute path nor an abstract name")
            );
        }
    }

    #[test]
    fn a_status_cannot_smuggle_in_another_assignment() {
        assert_eq!(message(&[Notification::Status("a\nMAINPID=1".to_owned())]), "STATUS=a MAINPID=1");
    }

    #[test]
    fn an_unreachable_socket_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let manager = ServiceManager::at(Some(folder.path().join("absent").as_os_str())).unwrap();
        assert!(manager.notify(&[Notification::Ready]).is_err());
    }
}
