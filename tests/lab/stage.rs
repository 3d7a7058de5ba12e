//! What stands in the laboratory: the management server, three reference servers, and one machine with an agent.
//!
//! The first reference server is recognised by its key. The third has a port that captive portals play, and none.

use std::net::{IpAddr, SocketAddr, SocketAddrV4};

use anyhow::{Context as _, Result, bail, ensure};
use landmark_tests::fleet::{Agent, Ctl, Server};
use landmark_tests::lab::{Lab, Laptop, Listener, Site, server_address};
use landmark_tests::reference::nginx::{self, Identity, TlsServer};
use landmark_tests::reference::{ReferenceServer, vsftpd};
use landmark_tests::scratch::Scratch;

use crate::command::{Command, HELP, Order};
use crate::news::News;

/// Of the first reference server, from outside; portals play it, too, without its key.
const SECURED_PORT: u16 = 443;
/// Of the third reference server: one that captive portals play, too.
const OPEN_PORT: u16 = 80;

// What runs in the laboratory ends before it.
pub(crate) struct Stage {
    agent: Agent,
    server: Server,
    ctl: Ctl,
    references: Vec<Reference>,
    laptop: Laptop,
    lab: Lab,
}

enum Reference {
    Keyed(TlsServer),
    Real(ReferenceServer),
    Plain(Listener),
}

impl Stage {
    /// Everything runs, the machine is in the office, and the list is assigned.
    pub(crate) async fn set(scratch: &Scratch, lab: Lab) -> Result<Self> {
        let mut references = Vec::new();
        let address = |number| IpAddr::V4(server_address(number));
        let office = lab.office().clone();
        if let Some(web) = nginx::start_tls_at(scratch, office, address(11), "TLSv1.3").await? {
            lab.publish(SocketAddrV4::new(server_address(11), web.server.port()), SECURED_PORT)?;
            references.push(Reference::Keyed(web));
        }
        if let Some(files) = vsftpd::start_at(scratch, lab.office().clone(), address(12)).await? {
            references.push(Reference::Real(files));
        }
        let open = SocketAddr::new(address(13), OPEN_PORT);
        references.push(Reference::Plain(Listener::start(lab.office(), open)?));

        let mut laptop = lab.laptop("laptop")?;
        laptop.plug(Site::Office)?;
        let mut server = lab.server(scratch)?;
        server.start().await?;
        let ctl = server.ctl();
        let mut agent = Agent::placed(scratch, "laptop", laptop.place())?;
        agent.set("machine.name", "laptop");
        agent.join(&server).await?;
        for reference in &references {
            let (host, port) = (reference.address().ip().to_string(), reference.address().port().to_string());
            let pin = reference.pin();
            let pin = pin.iter().flat_map(|pin| ["--pin", pin]);
            let arguments: Vec<&str> = ["servers", "add", &host, &port].into_iter().chain(pin).collect();
            ctl.ok(&arguments).await?;
        }
        ctl.ok(&["servers", "enable"]).await?;
        ctl.assign().await?;
        Ok(Self { agent, server, ctl, references, laptop, lab })
    }

    /// Where is what, and how to get there.
    pub(crate) fn directions(&self) -> String {
        let mut lines = vec!["The laboratory stands. A shell in it, in another terminal:".to_owned()];
        let machine = ("laptop", self.laptop.namespace());
        let sites = [("office", Site::Office), ("home", Site::Home), ("cafe", Site::Cafe)];
        let sites = sites.map(|(name, site)| (name, self.lab.router(site)));
        for (name, namespace) in [machine].into_iter().chain(sites).chain([("internet", self.lab.internet())])
        {
            lines.push(format!("  {name:<9}ip netns exec {} bash", namespace.name()));
        }
        lines.push("In the office:".to_owned());
        let administration = self.server.at(&self.server.listeners().administration);
        lines.push(format!(
            "  the management server  {administration}  ({})",
            self.server.state_folder().display()
        ));
        for (index, reference) in self.references.iter().enumerate() {
            let pin = reference.pin().map_or(String::new(), |pin| format!(", {pin}"));
            lines.push(format!(
                "  reference server {}     {} ({}{pin})",
                index + 1,
                reference.address(),
                reference.name()
            ));
        }
        lines.push(
            "Default gateways, for ctl gateways add and ctl location set --criterion gateway:".to_owned(),
        );
        for (name, site) in
            [("office", Site::Office), ("v6", Site::OfficeV6), ("home", Site::Home), ("cafe", Site::Cafe)]
        {
            let plan = site.plan();
            let v4 = plan.v4.map(|network| network.gateway.to_string());
            let v6 = plan.v6.map(|prefix| format!("{prefix}1"));
            for address in [v4, v6].into_iter().flatten() {
                lines.push(format!("  {name:<9}{address},{}", plan.gateway_mac));
            }
        }
        lines.push(format!("The agent's state folder: {}\n", self.agent.state_folder().display()));
        lines.join("\n")
    }

    /// For the prompt.
    pub(crate) fn place(&self) -> String {
        let site = match self.laptop.site() {
            None => "unplugged",
            Some(Site::Office) => "office",
            Some(Site::OfficeV6) => "v6",
            Some(Site::Home) => "home",
            Some(Site::Cafe) => "cafe",
        };
        format!("{site}{}", if self.laptop.has_vpn() { "+vpn" } else { "" })
    }

    /// What the agent comes to from now on.
    pub(crate) fn news(&self) -> Result<News> {
        News::of(&self.agent)
    }

    /// Does it; gives what it says.
    pub(crate) async fn perform(&mut self, command: Command) -> Result<String> {
        match command {
            Command::Plug(site) => self.laptop.plug(site)?,
            Command::Unplug => self.laptop.unplug()?,
            Command::Cable(connected) => {
                ensure!(self.laptop.site().is_some(), "not plugged in");
                self.laptop.cable(connected)?;
            }
            Command::Vpn(up) => self.laptop.vpn(up)?,
            Command::SignIn => {
                ensure!(self.laptop.site() == Some(Site::Cafe), "only the café has a portal");
                let guest = self.laptop.address().context("the machine has no address")?;
                self.lab.portal().sign_in(guest)?;
            }
            Command::Address => self.laptop.change_address()?,
            Command::Flap(times) => self.laptop.flap(times)?,
            Command::Delay(one_way) => self.laptop.delay_by(one_way),
            Command::Resolver(address) => self.laptop.use_resolver(address)?,
            Command::Router(mac) => {
                let office = self.lab.router(Site::Office);
                // It tells its neighbours, as a router that takes over does.
                office.set("net/ipv4/conf/lan/arp_notify", "1")?;
                office.ip(&format!("link set lan address {mac}"))?;
            }
            Command::Server(Order::Rekey) => bail!("the management server keeps its key"),
            Command::Server(Order::Start) => self.server.start().await?,
            Command::Server(Order::Stop) => self.server.stop().await?,
            Command::Server(Order::Kill) => self.server.kill().await?,
            Command::Reference(number, order) => {
                let index = number.checked_sub(1).context("they are counted from 1")?;
                self.references
                    .get_mut(index)
                    .context("there is no such reference server")?
                    .obey(order)
                    .await?;
            }
            Command::Fault(traffic, fault) => self.lab.faults().add(traffic, fault)?,
            Command::ClearFaults => self.lab.faults().clear()?,
            Command::Dns(manner) => self.lab.dns().behave(manner),
            Command::Agent(arguments) => {
                let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                let output = self.agent.run(&arguments).await?;
                return Ok(output.stdout + &output.stderr);
            }
            Command::Ctl(arguments) => {
                let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                let output = self.ctl.run_as_shown(&arguments).await?;
                return Ok(output.stdout + &output.stderr);
            }
            Command::Help => return Ok(HELP.to_owned()),
            Command::Quit => {}
        }
        Ok(String::new())
    }
}

impl Reference {
    fn name(&self) -> &'static str {
        match self {
            Self::Keyed(web) => web.server.name(),
            Self::Real(server) => server.name(),
            Self::Plain(_) => "an open port",
        }
    }

    fn address(&self) -> SocketAddr {
        match self {
            Self::Keyed(web) => SocketAddr::new(web.server.host(), SECURED_PORT),
            Self::Real(server) => SocketAddr::new(server.host(), server.port()),
            Self::Plain(listener) => listener.address(),
        }
    }

    fn pin(&self) -> Option<String> {
        match self {
            Self::Keyed(web) => Some(web.pin.to_string()),
            Self::Real(_) | Self::Plain(_) => None,
        }
    }

    async fn obey(&mut self, order: Order) -> Result<()> {
        match (self, order) {
            (Self::Keyed(web), Order::Start) => web.server.start().await,
            (Self::Keyed(web), Order::Stop) => web.server.stop().await,
            (Self::Keyed(web), Order::Rekey) => {
                let next = Identity::new(web.server.host())?;
                web.become_known_as(&next).await
            }
            (Self::Real(server), Order::Start) => server.start().await,
            (Self::Real(server), Order::Stop) => server.stop().await,
            (Self::Plain(listener), Order::Start) => listener.restart(),
            (Self::Plain(listener), Order::Stop) => {
                listener.stop().await;
                Ok(())
            }
            (_, Order::Kill) => bail!("a reference server is stopped, not killed"),
            (_, Order::Rekey) => bail!("it has no key"),
        }
    }
}
