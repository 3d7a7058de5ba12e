//! Makes the kernel ask for a gateway's hardware address, or whether it still has it, and waits for what comes of it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::time::Duration;

use landmark_proto::network::{DefaultRoute, MacAddress};
use rustix::io::Errno;
use socket2::SockRef;
use tokio::time::timeout;
use tracing::debug;

use super::ask;
use super::message::{Neighbour, groups};
use super::routes::{Gateway, confirmed_address, hardware_address, is_given_up, neighbour_in};
use crate::netlink::message::Message;
use crate::netlink::request::Request;
use crate::netlink::socket::{Asker, Listener, Protocol, Told};
use crate::own;
use crate::platform;

/// A gateway on a local network answers within milliseconds, but a frame may be lost: the kernel asks three times, a second
/// apart, and gives up a second after the last (`mcast_solicit`, `ucast_solicit` and `retrans_time_ms` in arp(7)). With what
/// else an evaluation does for a gateway it stays below 4 s.
const RESOLVE_LIMIT: Duration = Duration::from_millis(3200);
/// For a look at the neighbours when that time is over: usually less than a millisecond.
const LAST_LOOK_LIMIT: Duration = Duration::from_millis(200);

/// discard (RFC 863): where a datagram means nothing, even to a gateway that would take it.
const DISCARD: u16 = 9;

pub(in crate::network) async fn confirm(route: &DefaultRoute) -> Option<MacAddress> {
    let address = route.gateway?;
    resolve(route.interface.name.clone(), address).await.unwrap_or_else(|error| {
        debug!(gateway = %address, interface = route.interface.name, %error, "hardware address not confirmed");
        None
    })
}

async fn resolve(interface: String, address: IpAddr) -> io::Result<Option<MacAddress>> {
    let gateway = (platform::interface_number(&interface)?, address);
    // First, so that no answer is missed.
    let listener = Listener::open(Protocol::Route, groups::NEIGHBOURS)?;
    confirmed(Kernel { interface, gateway, listener }).await
}

/// What came of asking: the hardware address, or none; `None` as long as nothing did.
type Outcome = Option<Option<MacAddress>>;

/// What the kernel does for one gateway, and what it knows of it. The seam at which tests put a kernel of their own.
trait Neighbours: Send {
    /// Has it looked for, unless its address is confirmed; the address, if it is by now.
    fn look_for(&self) -> impl Future<Output = io::Result<Option<MacAddress>>> + Send;

    /// Waits for news; whether they are all.
    fn listen(&mut self) -> impl Future<Output = io::Result<(Told, Outcome)>> + Send;

    /// What came of asking until now.
    fn look(&self) -> impl Future<Output = io::Result<Outcome>> + Send;
}

async fn confirmed(mut neighbours: impl Neighbours) -> io::Result<Option<MacAddress>> {
    if let Ok(ended) = timeout(RESOLVE_LIMIT, asked(&mut neighbours)).await {
        return ended;
    }
    // The news may have been lost, or too late.
    Ok(timeout(LAST_LOOK_LIMIT, neighbours.look()).await??.flatten())
}

async fn asked(neighbours: &mut impl Neighbours) -> io::Result<Option<MacAddress>> {
    let known = neighbours.look_for().await?;
    if known.is_some() {
        return Ok(known);
    }
    loop {
        let (told, heard) = neighbours.listen().await?;
        let outcome = match told {
            Told::All => heard,
            // A look that fails is made good by the next.
            Told::NotAll => neighbours.look().await.unwrap_or(heard),
        };
        if let Some(mac) = outcome {
            return Ok(mac);
        }
    }
}

struct Kernel {
    interface: String,
    gateway: Gateway,
    listener: Listener,
}

impl Neighbours for Kernel {
    async fn look_for(&self) -> io::Result<Option<MacAddress>> {
        let (interface, gateway) = (self.interface.clone(), self.gateway);
        ask("use a neighbour", move || look_for(&interface, gateway)).await.map_err(io::Error::other)
    }

    async fn listen(&mut self) -> io::Result<(Told, Outcome)> {
        let mut outcome = None;
        let each = |message: &Message<'_>| {
            if let Some(found) = neighbour_in(message).filter(|found| is_at(found, self.gateway)) {
                outcome = outcome_of(&found).or(outcome);
            }
        };
        let told = self.listener.listen(each).await?;
        Ok((told, outcome))
    }

    async fn look(&self) -> io::Result<Outcome> {
        let gateway = self.gateway;
        let look =
            move || Ok(find(&mut Asker::open(Protocol::Route)?, gateway)?.as_ref().and_then(outcome_of));
        ask("look at a neighbour", look).await.map_err(io::Error::other)
    }
}

fn outcome_of(neighbour: &Neighbour) -> Outcome {
    let mac = confirmed_address(neighbour);
    (mac.is_some() || is_given_up(neighbour)).then_some(mac)
}

fn is_at(neighbour: &Neighbour, gateway: Gateway) -> bool {
    (neighbour.index, neighbour.address) == gateway
}

/// Has the kernel look for it, unless its address is confirmed; the address, if it is by now.
fn look_for(interface: &str, gateway: Gateway) -> io::Result<Option<MacAddress>> {
    let mut asker = Asker::open(Protocol::Route)?;
    let (index, address) = gateway;
    let known = find(&mut asker, gateway)?;
    if let Some(mac) = known.as_ref().and_then(confirmed_address) {
        return Ok(Some(mac));
    }
    // Mere use would leave an address that was had before unasked for five seconds.
    let request = match known.as_ref().and_then(hardware_address) {
        Some(_) => Request::probe_neighbour(index, address),
        None => Request::use_neighbour(index, address),
    };
    match asker.ask(&request, |(), _| {}) {
        Err(error) if error.raw_os_error() == Some(Errno::PERM.raw_os_error()) => {
            send_nothing(interface, index, address)?;
        }
        answer => answer?,
    }
    Ok(find(&mut asker, gateway)?.as_ref().and_then(confirmed_address))
}

fn find(asker: &mut Asker, gateway: Gateway) -> io::Result<Option<Neighbour>> {
    asker.ask(&Request::neighbours(), |found: &mut Option<Neighbour>, message| {
        if let Some(neighbour) = neighbour_in(message).filter(|neighbour| is_at(neighbour, gateway)) {
            *found = Some(neighbour);
        }
    })
}

/// Sends an empty datagram, for which the kernel needs the hardware address.
fn send_nothing(interface: &str, index: u32, address: IpAddr) -> io::Result<()> {
    let (any, to): (SocketAddr, SocketAddr) = match address {
        IpAddr::V4(address) => ((Ipv4Addr::UNSPECIFIED, 0).into(), (address, DISCARD).into()),
        IpAddr::V6(address) => {
            let scope = if address.is_unicast_link_local() { index } else { 0 };
            ((Ipv6Addr::UNSPECIFIED, 0).into(), SocketAddrV6::new(address, DISCARD, 0, scope).into())
        }
    };
    let socket = UdpSocket::bind(any)?;
    own::mark(&socket);
    // Two networks may have gateways of one address.
    SockRef::from(&socket).bind_device(Some(interface.as_bytes()))?;
    socket.send_to(&[], to)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::future::pending;

    use tokio::time::{Instant, sleep_until};

    use super::*;

    const MAC: MacAddress = MacAddress::new([2, 0, 0, 0, 0, 1]);

    /// What is told and known so long after the beginning.
    struct Scripted {
        began: Instant,
        news: VecDeque<(Duration, Told, Outcome)>,
        /// A look finds the address from then on; without it a look does not end.
        known_after: Option<Duration>,
    }

    impl Neighbours for Scripted {
        async fn look_for(&self) -> io::Result<Option<MacAddress>> {
            Ok(None)
        }

        async fn listen(&mut self) -> io::Result<(Told, Outcome)> {
            let Some((after, ..)) = self.news.front() else { return pending().await };
            sleep_until(self.began + *after).await;
            let (_, told, outcome) = self.news.pop_front().unwrap();
            Ok((told, outcome))
        }

        async fn look(&self) -> io::Result<Outcome> {
            let Some(after) = self.known_after else { return pending().await };
            Ok((after <= self.began.elapsed()).then_some(Some(MAC)))
        }
    }

    const NEVER: Duration = Duration::from_secs(3600);

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    /// What came of it, and after which time.
    async fn outcome<const N: usize>(
        news: [(Duration, Told, Outcome); N],
        known_after: Option<Duration>,
    ) -> (io::Result<Option<MacAddress>>, Duration) {
        let began = Instant::now();
        let outcome = confirmed(Scripted { began, news: news.into(), known_after }).await;
        (outcome, began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_gateway_that_answers_only_the_kernels_last_asking_is_confirmed() {
        let (mac, after) = outcome([(ms(2010), Told::All, Some(Some(MAC)))], Some(NEVER)).await;
        assert_eq!((mac.unwrap(), after), (Some(MAC), ms(2010)));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_once_the_kernel_has_given_up() {
        let news = [(ms(1000), Told::All, None), (ms(3000), Told::All, Some(None))];
        let (mac, after) = outcome(news, Some(NEVER)).await;
        assert_eq!((mac.unwrap(), after), (None, ms(3000)));
    }

    #[tokio::test(start_paused = true)]
    async fn where_news_were_lost_the_neighbours_are_looked_at() {
        let lost = |after| (ms(after), Told::NotAll, None);
        let (mac, after) = outcome([lost(500), lost(1500)], Some(ms(1000))).await;
        assert_eq!((mac.unwrap(), after), (Some(MAC), ms(1500)));
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_end_the_neighbours_are_looked_at_once_more() {
        let (mac, after) = outcome([], Some(ms(1000))).await;
        assert_eq!((mac.unwrap(), after), (Some(MAC), RESOLVE_LIMIT));
    }

    #[tokio::test(start_paused = true)]
    async fn a_kernel_that_says_nothing_leaves_an_evaluation_time() {
        let (error, after) = outcome([], None).await;
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(after < ms(4000), "{after:?}");
    }

    #[test]
    fn only_an_address_that_was_heard_of_late_is_believed() {
        let mac = MAC;
        let (incomplete, reachable, stale, delay, probe, failed) = (0x01, 0x02, 0x04, 0x08, 0x10, 0x20);
        let (without_arp, permanent) = (0x40, 0x80);
        let outcome = |state| {
            let address = "192.0.2.1".parse().unwrap();
            outcome_of(&Neighbour { index: 2, address, state, mac: Some(mac) })
        };
        for state in [reachable, without_arp, permanent] {
            assert_eq!(outcome(state), Some(Some(mac)), "{state}");
        }
        for state in [incomplete, stale, delay, probe] {
            assert_eq!(outcome(state), None, "{state}");
        }
        assert_eq!(outcome(failed), Some(None));
    }
}
