//! Renders a policy: from what it says to rules that say the same to the kernel. Pure.
//!
//! ```text
//! input ─► cut flows, replies, loopback, what always passes ─┬─ TCP ──► input-tcp ─► exceptions for TCP, level
//!                                                            ├─ UDP ──► input-udp ─► exceptions for UDP, level
//!                                                            └─ rest ─► the other exceptions, level
//! ```
//!
//! `output` is the same for the other direction. A new TCP connection so walks past no exception that could not match it.
//! Every packet that gets as far as the exceptions is counted by one rule: that of the exception that decides, or that of the
//! level. [`landmark_proto::firewall::ruling`] is what all this must agree with.

pub(super) mod always;
mod sets;

use landmark_proto::firewall::remote::AddressRange;
use landmark_proto::firewall::ruling::Flow;
use landmark_proto::firewall::{self, Exception, Mode, Policy, Remote, Traffic};

use self::sets::{Addresses, Sets};
use super::ground::Ground;
use super::protocol::{ICMP, ICMPV6, TCP, UDP};
use super::ruleset::{
    Action, Base, CUT_MARK, Chain, Family, Hook, OWN_MARK, Rule, Ruleset, Side, States, Test, Verdict,
};

/// The most bytes of a comment: the kernel takes 128 (`NFTNL_UDATA_COMMENT_MAXLEN`).
const MAX_COMMENT: usize = 120;

/// Rules, and what those of them that count do count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Sets and chains by name.
    pub ruleset: Ruleset,
    /// Every counted rule once. Several may belong to one exception and flow: they are added up.
    pub counters: Vec<Counter>,
}

/// What the counter of a rule counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Its chain.
    pub chain: String,
    /// Its place there, from 0.
    pub rule: usize,
    /// What decides on the packets that it counts.
    pub decided_by: DecidedBy,
    /// Of which connections.
    pub flow: Flow,
    /// What becomes of them, or would if the policy did not only observe.
    pub action: firewall::Action,
}

/// What decides on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DecidedBy {
    /// The exception of the policy at this place, from 0.
    Exception(usize),
    /// The level of the policy.
    Level,
}

/// Renders a policy. The same policy on the same ground always gives the same.
pub fn render(policy: &Policy, ground: &Ground) -> Rendered {
    let exceptions = policy.exceptions.as_slice();
    let mut renderer = Renderer {
        policy,
        remotes: exceptions.iter().map(|exception| addresses(exception, ground)).collect(),
        sets: Sets::default(),
        chains: Vec::new(),
        counters: Vec::new(),
    };
    for flow in [Flow::Inbound, Flow::Outbound] {
        renderer.direction(flow, ground);
    }
    let Renderer { sets, chains, counters, policy: _, remotes: _ } = renderer;
    Rendered { ruleset: Ruleset { sets: sets.into_sorted(), chains: by_name(chains) }, counters }
}

/// What stands where there is nothing to enforce: everything passes.
///
/// Connection tracking begins to look at packets when the first rule asks for it, and a flow that began before is unknown to
/// it. Were these rules not there, the flows of that time would be dropped as soon as a policy comes into force which lets
/// nothing but replies in; the agent's own would be among them, and none of them would be known as its own.
pub fn base() -> Ruleset {
    let chain = |hook, rules| Chain {
        name: name(hook).to_owned(),
        base: Some(Base { hook, policy: Verdict::Accept }),
        rules,
    };
    Ruleset {
        sets: Vec::new(),
        chains: vec![
            chain(Hook::Input, vec![replies("nothing to enforce; flows become known")]),
            chain(Hook::Output, vec![replies("nothing to enforce; flows become known"), own()]),
        ],
    }
}

/// Exceptions by what can match them. A packet belongs to one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    Tcp,
    Udp,
    Rest,
}

struct Renderer<'a> {
    policy: &'a Policy,
    /// Of each exception.
    remotes: Vec<Addresses>,
    sets: Sets,
    chains: Vec<Chain>,
    counters: Vec<Counter>,
}

impl Renderer<'_> {
    /// The chains of one direction.
    fn direction(&mut self, flow: Flow, ground: &Ground) {
        let hook = hook(flow);
        let mut rules = Vec::new();
        if self.policy.mode == Mode::Enforce {
            rules.push(cut());
        }
        rules.push(replies("replies and what belongs to them"));
        rules.push(rule(vec![Test::Loopback(hook)], Action::Verdict(Verdict::Accept), "loopback"));
        if flow == Flow::Outbound {
            rules.push(own());
        }
        rules.extend(always::rules(flow, ground, &mut self.sets));
        for (lane, protocol, word) in [(Lane::Tcp, TCP, "tcp"), (Lane::Udp, UDP, "udp")] {
            let lane_name = format!("{}-{word}", name(hook));
            rules.push(rule(vec![Test::Protocol(protocol)], Action::Goto(lane_name.clone()), ""));
            let chain = Chain { name: lane_name, base: None, rules: Vec::new() };
            self.lane(flow, lane, chain);
        }
        let base = Base { hook, policy: self.verdict(self.policy.level.action(flow.into())) };
        self.lane(flow, Lane::Rest, Chain { name: name(hook).to_owned(), base: Some(base), rules });
    }

    /// Ends a chain with the exceptions of a lane and the level.
    fn lane(&mut self, flow: Flow, lane: Lane, mut chain: Chain) {
        let policy = self.policy;
        for (index, exception) in policy.exceptions.as_slice().iter().enumerate() {
            if exception.direction.covers(flow.into()) {
                let comment = comment(exception.name.as_str());
                for tests in self.tests(index, exception, flow, lane) {
                    let decided_by = DecidedBy::Exception(index);
                    self.count(&mut chain, (tests, comment.clone()), decided_by, flow, exception.action);
                }
            }
        }
        let level = format!("security level {}", policy.level);
        let action = policy.level.action(flow.into());
        self.count(&mut chain, (Vec::new(), level), DecidedBy::Level, flow, action);
        self.chains.push(chain);
    }

    /// The tests of an exception, as many lists of them as it takes rules: none if nothing in this lane can match it.
    fn tests(&mut self, index: usize, exception: &Exception, flow: Flow, lane: Lane) -> Vec<Vec<Test>> {
        let (protocol, ports, only) = match (lane, &exception.traffic) {
            (_, Traffic::All) => (None, None, None),
            (Lane::Tcp, Traffic::Tcp(ports) | Traffic::TcpUdp(ports)) => (Some(TCP), Some(ports), None),
            (Lane::Udp, Traffic::Udp(ports) | Traffic::TcpUdp(ports)) => (Some(UDP), Some(ports), None),
            (Lane::Rest, Traffic::Icmp) => (Some(ICMP), None, Some(Family::V4)),
            (Lane::Rest, Traffic::Icmpv6) => (Some(ICMPV6), None, Some(Family::V6)),
            (Lane::Tcp, Traffic::Udp(_) | Traffic::Icmp | Traffic::Icmpv6)
            | (Lane::Udp, Traffic::Tcp(_) | Traffic::Icmp | Traffic::Icmpv6)
            | (Lane::Rest, Traffic::Tcp(_) | Traffic::Udp(_) | Traffic::TcpUdp(_)) => return Vec::new(),
        };
        let Some(remotes) = self.remotes.get(index) else { return Vec::new() };
        let alternatives = remotes.alternatives(remote_side(flow), only, &mut self.sets);
        if alternatives.is_empty() {
            return alternatives;
        }
        // Whoever begins a connection sends to the port of the other.
        let port = ports.and_then(|ports| self.sets.ports(Side::Destination, ports));
        let service: Vec<Test> = protocol.map(Test::Protocol).into_iter().chain(port).collect();
        alternatives.into_iter().map(|addresses| [service.clone(), addresses].concat()).collect()
    }

    /// Adds a counted rule.
    fn count(
        &mut self,
        chain: &mut Chain,
        (tests, comment): (Vec<Test>, String),
        decided_by: DecidedBy,
        flow: Flow,
        action: firewall::Action,
    ) {
        let chain_name = chain.name.clone();
        self.counters.push(Counter { chain: chain_name, rule: chain.rules.len(), decided_by, flow, action });
        let verdict = self.verdict(action);
        chain.rules.push(Rule { tests, is_counted: true, action: Action::Verdict(verdict), comment });
    }

    /// What becomes of packets in this mode.
    fn verdict(&self, action: firewall::Action) -> Verdict {
        match (self.policy.mode, action) {
            (Mode::Observe, _) | (Mode::Enforce, firewall::Action::Allow) => Verdict::Accept,
            (Mode::Enforce, firewall::Action::Block) => Verdict::Drop,
        }
    }
}

/// Flows from before a policy which forbids them: they would go on for ever as established ones.
fn cut() -> Rule {
    let tests = vec![Test::ConnectionMark(CUT_MARK)];
    rule(tests, Action::Verdict(Verdict::Drop), "flows from before this policy, which it forbids")
}

fn replies(comment: &str) -> Rule {
    let states = States { established: true, related: true, new: false, invalid: false };
    rule(vec![Test::State(states)], Action::Verdict(Verdict::Accept), comment)
}

fn own() -> Rule {
    rule(vec![Test::Mark(OWN_MARK)], Action::AcceptMarked, "the agent's own")
}

fn rule(tests: Vec<Test>, action: Action, comment: &str) -> Rule {
    Rule { tests, is_counted: false, action, comment: comment.to_owned() }
}

/// The other side's addresses that an exception is about.
fn addresses(exception: &Exception, ground: &Ground) -> Addresses {
    if exception.remotes.is_all() {
        return Addresses::All;
    }
    Addresses::new(exception.remotes.as_slice().iter().flat_map(|remote| match remote {
        Remote::Addresses(range) => vec![*range],
        Remote::Name(name) => ground.addresses(name).iter().copied().map(AddressRange::single).collect(),
    }))
}

fn hook(flow: Flow) -> Hook {
    match flow {
        Flow::Inbound => Hook::Input,
        Flow::Outbound => Hook::Output,
    }
}

/// Of the base chain.
fn name(hook: Hook) -> &'static str {
    match hook {
        Hook::Input => "input",
        Hook::Output => "output",
    }
}

/// The side of a connection's first packet that is the remote one.
fn remote_side(flow: Flow) -> Side {
    match flow {
        Flow::Inbound => Side::Source,
        Flow::Outbound => Side::Destination,
    }
}

/// As much of a name as fits.
fn comment(name: &str) -> String {
    name.char_indices()
        .take_while(|(start, char)| start + char.len_utf8() <= MAX_COMMENT)
        .map(|(_, char)| char)
        .collect()
}

fn by_name(mut chains: Vec<Chain>) -> Vec<Chain> {
    chains.sort_by(|one, other| one.name.cmp(&other.name));
    chains
}

#[cfg(test)]
mod tests;
