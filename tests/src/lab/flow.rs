//! A connection that lasts: both sides of it are held here, so that it is known which way it still goes.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket as StdUdp};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::time::timeout;

use super::probe::unused;
use crate::place::Place;
use crate::wait::LIMIT;

/// The connection.
#[derive(Debug)]
pub struct Flow {
    /// The side that began it.
    near: End,
    far: End,
    /// The last word that was said.
    n_said: u32,
}

/// After silence TCP tries ever more seldom: as long as the silence was, and up to as long again.
const REVIVAL: Duration = Duration::from_secs(60);
/// How long silence is listened to: in one kernel a word is there at once.
const SILENCE: Duration = Duration::from_millis(500);
/// Between two tries over UDP.
const AGAIN: Duration = Duration::from_millis(100);

impl Flow {
    /// A TCP connection from an address of one place to one of another. Nobody else listens there.
    ///
    /// # Errors
    /// It does not come about.
    pub async fn tcp(from: (&Place, IpAddr), to: (&Place, SocketAddr)) -> Result<Self> {
        Self::tcp_by(from, to.1, to).await
    }

    /// The same, begun to another address or port, from which something on the way leads there.
    ///
    /// # Errors
    /// It does not come about.
    pub async fn tcp_by(from: (&Place, IpAddr), by: SocketAddr, to: (&Place, SocketAddr)) -> Result<Self> {
        let listener = to.0.listen(to.1)?;
        let socket = from.0.within(|| {
            let socket = if by.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            socket.bind(SocketAddr::new(from.1, unused()))?;
            Ok(socket)
        })?;
        let begun = async { tokio::try_join!(socket.connect(by), listener.accept()) };
        let (near, (far, _)) = timeout(LIMIT, begun)
            .await
            .map_err(io::Error::from)
            .flatten()
            .with_context(|| format!("connect from {} to {by}", from.1))?;
        let mut flow = Self { near: End::Tcp(near), far: End::Tcp(far), n_said: 0 };
        flow.ensure_talks().await?;
        Ok(flow)
    }

    /// The same over UDP.
    ///
    /// # Errors
    /// It does not come about.
    pub async fn udp(from: (&Place, IpAddr), to: (&Place, SocketAddr)) -> Result<Self> {
        let near_address = SocketAddr::new(from.1, unused());
        let open = |place: &Place, own, other| -> Result<End> {
            let socket = place.within(|| {
                let socket = StdUdp::bind(own)?;
                socket.connect(other)?;
                socket.set_nonblocking(true)?;
                Ok(socket)
            });
            Ok(End::Udp(UdpSocket::from_std(socket.with_context(|| format!("open {own}"))?)?))
        };
        let (near, far) = (open(from.0, near_address, to.1)?, open(to.0, to.1, near_address)?);
        let mut flow = Self { near, far, n_said: 0 };
        // Who begins it says the first word.
        let word = flow.next_word();
        hears(&mut flow.far, &mut flow.near, word, LIMIT).await.context("begin a flow over UDP")?;
        flow.ensure_talks().await?;
        Ok(flow)
    }

    /// Fails unless what each side says comes to the other.
    ///
    /// # Errors
    /// It does not.
    pub async fn ensure_talks(&mut self) -> Result<()> {
        let word = self.next_word();
        hears(&mut self.far, &mut self.near, word, REVIVAL)
            .await
            .context("what who began it says is lost")?;
        hears(&mut self.near, &mut self.far, word, REVIVAL).await.context("what is answered is lost")
    }

    /// Fails if something that one side says comes to the other.
    ///
    /// # Errors
    /// It does.
    pub async fn ensure_silent(&mut self) -> Result<()> {
        let word = self.next_word();
        self.near.say(word).await?;
        self.far.say(word).await?;
        let heard = tokio::join!(
            timeout(SILENCE, self.near.listen_for(word)),
            timeout(SILENCE, self.far.listen_for(word))
        );
        ensure!(heard.0.is_err(), "who began it still hears something");
        ensure!(heard.1.is_err(), "who began it is still heard");
        Ok(())
    }

    fn next_word(&mut self) -> u32 {
        self.n_said += 1;
        self.n_said
    }
}

/// Lets one side say a word until the other has heard it.
async fn hears(listener: &mut End, speaker: &mut End, word: u32, limit: Duration) -> Result<()> {
    speaker.say(word).await?;
    let heard = async {
        loop {
            match timeout(AGAIN, listener.listen_for(word)).await {
                Ok(heard) => return heard,
                Err(_elapsed) if matches!(speaker, End::Udp(_)) => speaker.say(word).await?,
                Err(_elapsed) => {}
            }
        }
    };
    timeout(limit, heard).await.with_context(|| format!("not within {limit:?}"))?
}

#[derive(Debug)]
enum End {
    Tcp(TcpStream),
    Udp(UdpSocket),
}

impl End {
    async fn say(&mut self, word: u32) -> Result<()> {
        match self {
            Self::Tcp(connection) => connection.write_all(&word.to_be_bytes()).await?,
            Self::Udp(socket) => match socket.send(&word.to_be_bytes()).await {
                Ok(_) => {}
                // What the kernel says to who sends what a rule drops.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                Err(error) => return Err(error.into()),
            },
        }
        Ok(())
    }

    /// Waits for this word; those before it are over. Nothing is lost if nobody waits for the end.
    async fn listen_for(&mut self, word: u32) -> Result<()> {
        let mut heard = [0; 4];
        loop {
            let n = match self {
                Self::Tcp(connection) => {
                    // Words are said and arrive whole: they are few and short.
                    let n = connection.read(&mut heard).await?;
                    ensure!(n > 0, "the connection was closed");
                    n
                }
                Self::Udp(socket) => socket.recv(&mut heard).await?,
            };
            ensure!(n == heard.len(), "half a word came");
            if u32::from_be_bytes(heard) == word {
                return Ok(());
            }
        }
    }
}
