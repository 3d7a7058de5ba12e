//! Real name servers, on loopback only. Times are asserted as outcomes: what comes before the end of an attempt.

use std::sync::atomic::{AtomicUsize, Ordering};

use hickory_proto::op::ResponseCode;
use landmark_proto::reference_server::MAX_SERVERS;
use rustix::io::Errno;
use tokio::sync::watch;
use tokio::time::timeout;

use super::testing::{Machine, Reply, at, name, server, v4, waiting};
use super::*;

const NOT_FOUND: ResolveError = ResolveError::NotFound;
const FAILED: ResolveError = ResolveError::Failed { os_error: None };

/// Without a scope no machine has a route to it.
fn no_route() -> IpAddr {
    "fe80::1".parse().unwrap()
}

#[tokio::test]
async fn the_system_knows_this_machine() {
    let found = Resolver::system().lookups().of(&name("localhost")).await.unwrap().unwrap();
    assert!(found.iter().all(|address| address.ip().is_loopback()), "{found:?}");
    let mut once = found.to_vec();
    once.dedup();
    assert_eq!(once, *found, "each address once");
}

#[tokio::test]
async fn a_name_is_looked_up_once_in_an_evaluation_and_afresh_in_the_next() {
    let machine = Machine::with(vec![server(|_, n| at(u8::try_from(n).unwrap()))]).await;
    for evaluation in 0..2 {
        let mut lookups = machine.resolver.lookups();
        for _ in 0..8 {
            let found = lookups.of(&name("db.lab")).await.unwrap().unwrap();
            assert_eq!(found[0].ip(), v4(evaluation));
        }
    }
    assert_eq!(machine.heard(1), ["A db.lab.", "A db.lab.", "AAAA db.lab.", "AAAA db.lab."]);
}

#[tokio::test]
async fn the_hosts_file_comes_first_and_no_server_is_asked() {
    let machine = Machine::with(vec![server(|_, _| at(1))]).await;
    machine.write("hosts", "127.0.9.2 db db.lab\n127.0.9.3 DB\n127.0.9.4 pc.localhost");
    assert_eq!(machine.resolve("db").await, Ok(vec![v4(2), v4(3)]));
    assert_eq!(machine.resolve("db.lab").await, Ok(vec![v4(2)]));
    assert_eq!(machine.resolve("pc.localhost").await, Ok(vec![v4(4)]));
    assert_eq!(machine.heard(1), [""; 0]);
    assert_eq!(machine.resolve("other.lab").await, Ok(vec![v4(1)]));
}

#[tokio::test]
async fn localhost_is_this_machine_without_a_question() {
    let machine = Machine::with(vec![server(|_, _| at(1))]).await;
    for text in ["localhost", "db.localhost"] {
        let mut found = machine.resolve(text).await.unwrap();
        found.sort();
        assert_eq!(found, [IpAddr::V4(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()], "{text}");
    }
    assert_eq!(machine.heard(1), [""; 0]);
}

#[tokio::test]
async fn addresses_of_both_families_are_found_and_those_with_a_route_come_first() {
    let both = vec![no_route(), v4(1), v4(2)];
    let machine = Machine::with(vec![server(move |_, _| Reply::Addresses(both.clone()))]).await;
    assert_eq!(machine.resolve("db.lab").await, Ok(vec![v4(1), v4(2), no_route()]));
}

#[tokio::test]
async fn a_dead_name_server_costs_no_name_its_time() {
    let machine = Machine::with(vec![
        server(|_, _| Reply::Silence),
        server(
            |asked, _| if asked.name.starts_with("db") { at(2) } else { Reply::Code(ResponseCode::NXDomain) },
        ),
    ])
    .await;
    let mut lookups = machine.resolver.lookups();
    let (known, unknown) = (lookups.of(&name("db.lab")), lookups.of(&name("nobody.lab")));
    let both =
        timeout(ATTEMPT_TIMEOUT, async { (known.await.unwrap(), unknown.await.unwrap()) }).await.unwrap();
    assert_eq!((both.0.unwrap()[0].ip(), both.1), (v4(2), Err(NOT_FOUND)));
    // Later in the evaluation it is asked last: whoever answers is asked at once.
    assert_eq!(lookups.of(&name("db.shop")).await.unwrap().unwrap()[0].ip(), v4(2));
    assert!(!machine.heard(1).iter().any(|line| line.contains("shop")), "{:?}", machine.heard(1));
}

#[tokio::test]
async fn without_any_answer_a_name_fails_before_its_attempt_is_over() {
    let machine = Machine::with((0..3).map(|_| server(|_, _| Reply::Silence)).collect()).await;
    let began = Instant::now();
    let resolved = timeout(ATTEMPT_TIMEOUT, machine.resolve("db")).await.expect("nothing to say in time");
    assert_eq!(resolved, Err(FAILED));
    assert!(began.elapsed() + TO_SAY_SO >= ATTEMPT_TIMEOUT, "it had its full time");
}

#[tokio::test]
async fn a_lost_question_and_a_lost_answer_are_made_good() {
    let machine = Machine::with(vec![server(|_, n| if n == 0 { Reply::Silence } else { at(1) })]).await;
    assert_eq!(machine.resolve("db.lab").await, Ok(vec![v4(1)]));
}

#[tokio::test]
async fn an_answer_that_comes_late_still_counts() {
    let (asked_again_tx, asked_again_rx) = watch::channel(0);
    // The first question is answered after it was sent a third time, by when the server was passed over.
    let machine = Machine::with(vec![waiting(move |_, n| {
        asked_again_tx.send_modify(|it| *it = n.max(*it));
        let mut asked_again_rx = asked_again_rx.clone();
        async move {
            if n > 0 {
                return Reply::Silence;
            }
            asked_again_rx.wait_for(|it| *it >= 2).await.unwrap();
            at(1)
        }
    })])
    .await;
    assert_eq!(machine.resolve("db.lab").await, Ok(vec![v4(1)]));
}

#[tokio::test]
async fn what_name_servers_say_is_told_apart() {
    let said = |code| server(move |_, _| Reply::Code(code));
    for (codes, expected) in [
        (vec![ResponseCode::NXDomain], NOT_FOUND),
        (vec![ResponseCode::NoError], NOT_FOUND),
        (vec![ResponseCode::ServFail, ResponseCode::NXDomain], NOT_FOUND),
        (vec![ResponseCode::ServFail], FAILED),
        (vec![ResponseCode::Refused, ResponseCode::ServFail], FAILED),
        (vec![ResponseCode::NotImp, ResponseCode::FormErr], FAILED),
    ] {
        let machine = Machine::with(codes.iter().copied().map(said).collect()).await;
        assert_eq!(machine.resolve("db").await, Err(expected), "{codes:?}");
    }
}

#[tokio::test]
async fn a_server_that_fails_or_is_not_there_is_followed_by_the_next_at_once() {
    let machine =
        Machine::with(vec![server(|_, _| Reply::Code(ResponseCode::ServFail)), server(|_, _| at(2))]).await;
    // Nobody listens on 127.0.0.7.
    for servers in [&[1, 2][..], &[7, 2], &[7, 1, 2]] {
        machine.asks(servers);
        assert_eq!(machine.resolve("db.lab").await, Ok(vec![v4(2)]), "{servers:?}");
    }
    machine.asks(&[7]);
    let refused = ResolveError::Failed { os_error: Some(Errno::CONNREFUSED.raw_os_error()) };
    assert_eq!(machine.resolve("db.lab").await, Err(refused));
}

#[tokio::test]
async fn the_slow_first_server_is_believed_where_the_quick_second_one_does_not_know() {
    // The first question is lost. By when it is sent again, the second server has said no.
    let machine = Machine::with(vec![
        server(|asked, n| match asked.name.as_str() {
            "db.lab." if n == 0 => Reply::Silence,
            "db.lab." => at(1),
            _ => Reply::Code(ResponseCode::NXDomain),
        }),
        server(|_, _| Reply::Code(ResponseCode::NXDomain)),
    ])
    .await;
    assert_eq!(machine.resolve("db.lab").await, Ok(vec![v4(1)]));
    assert_eq!(machine.heard(2), ["A db.lab.", "AAAA db.lab."]);
}

#[tokio::test]
async fn a_computer_name_is_found_by_the_search_list() {
    let machine = Machine::with(vec![server(|asked, _| match asked.name.as_str() {
        "db.example." | "web.corp.example." => at(1),
        "broken.corp.example." => Reply::Code(ResponseCode::ServFail),
        "broken." => at(2),
        _ => Reply::Code(ResponseCode::NXDomain),
    })])
    .await;
    assert_eq!(machine.resolve("web").await, Ok(vec![v4(1)]));
    assert_eq!(machine.resolve("db").await, Err(NOT_FOUND));
    let asked = ["A db.", "A db.corp.example.", "A web.corp.example."];
    let asked = asked.iter().flat_map(|line| [(*line).to_owned(), line.replace("A ", "AAAA ")]);
    let mut asked: Vec<_> = asked.collect();
    asked.sort();
    assert_eq!(machine.heard(1), asked);
    assert_eq!(machine.resolve("broken").await, Ok(vec![v4(2)]));
    machine.write("resolv.conf", "nameserver 127.0.0.1\nsearch lab example");
    assert_eq!(machine.resolve("db").await, Ok(vec![v4(1)]));
}

#[tokio::test]
async fn an_answer_that_is_cut_is_asked_for_again_over_tcp() {
    let machine = Machine::with(vec![server(|asked, _| match asked.over_tcp {
        true => Reply::Addresses(vec![v4(1), v4(2)]),
        false => Reply::Cut(Vec::new()),
    })])
    .await;
    assert_eq!(machine.resolve("db.lab").await, Ok(vec![v4(1), v4(2)]));
    assert_eq!(machine.heard(1), ["A db.lab.", "A db.lab. tcp", "AAAA db.lab.", "AAAA db.lab. tcp"]);
}

#[tokio::test]
async fn what_came_of_a_cut_answer_is_used_where_tcp_does_not_work() {
    for over_tcp in [Reply::Silence, Reply::Code(ResponseCode::ServFail)] {
        let machine = Machine::with(vec![server(move |asked, _| match asked {
            asked if asked.is_v6 => Reply::Addresses(Vec::new()),
            asked if asked.over_tcp => over_tcp.clone(),
            _ => Reply::Cut(vec![v4(1)]),
        })])
        .await;
        assert_eq!(machine.resolve("db.lab").await, Ok(vec![v4(1)]));
    }
}

#[tokio::test]
async fn use_vc_asks_over_tcp_alone_and_no_aaaa_for_ipv4_alone() {
    let machine = Machine::with(vec![server(|_, _| at(1))]).await;
    machine.write("resolv.conf", "nameserver 127.0.0.1\noptions use-vc no-aaaa");
    assert_eq!(machine.resolve("db.lab").await, Ok(vec![v4(1)]));
    assert_eq!(machine.heard(1), ["A db.lab. tcp"]);
}

#[tokio::test]
async fn a_lying_server_is_bounded() {
    let many: Vec<_> = (0..4000_u32).map(|n| IpAddr::from((0x0a00_0000 + n).to_be_bytes())).collect();
    let machine = Machine::with(vec![server(move |asked, _| match asked.over_tcp {
        true => Reply::Addresses(many.clone()),
        false => Reply::Cut(Vec::new()),
    })])
    .await;
    assert_eq!(machine.resolve("db.lab").await.unwrap().len(), MAX_ADDRESSES);
}

#[tokio::test]
async fn a_family_that_nobody_answers_for_does_not_keep_the_other_from_being_used() {
    let machine =
        Machine::with(vec![server(|asked, _| if asked.is_v6 { Reply::Silence } else { at(1) })]).await;
    let resolved = timeout(ATTEMPT_TIMEOUT - TO_SAY_SO, machine.resolve("db.lab")).await;
    assert_eq!(resolved.expect("it waits for IPv6"), Ok(vec![v4(1)]));
}

#[tokio::test]
async fn a_family_that_nobody_answers_for_does_not_keep_the_next_candidate_from_being_asked() {
    let machine = Machine::with(vec![server(|asked, _| match asked.name.as_str() {
        _ if asked.is_v6 => Reply::Silence,
        "db." => at(1),
        _ => Reply::Code(ResponseCode::NXDomain),
    })])
    .await;
    assert_eq!(machine.resolve("db").await, Ok(vec![v4(1)]));
}

/// Some servers say of IPv6 that the name does not exist, though it has an IPv4 address (RFC 4074, section 4.2).
#[tokio::test]
async fn that_there_is_no_name_for_ipv6_leaves_ipv4_its_full_time() {
    // The first question for IPv4 is lost: the answer comes long after the 50 ms.
    let machine = Machine::with(vec![server(|asked, n| match asked.is_v6 {
        true => Reply::Code(ResponseCode::NXDomain),
        false if n == 0 => Reply::Silence,
        false => at(1),
    })])
    .await;
    assert_eq!(machine.resolve("db.lab").await, Ok(vec![v4(1)]));
}

#[tokio::test]
async fn where_one_family_leads_nowhere_the_other_has_its_full_time() {
    // The first question for IPv4 is lost: the answer comes long after the 50 ms.
    let machine = Machine::with(vec![server(|asked, n| match asked.is_v6 {
        true => Reply::Addresses(vec![no_route()]),
        false if n == 0 => Reply::Silence,
        false => at(1),
    })])
    .await;
    assert_eq!(machine.resolve("db.lab").await, Ok(vec![v4(1), no_route()]));
}

#[tokio::test]
async fn changed_files_are_noticed_at_the_next_evaluation() {
    let machine = Machine::with(vec![server(|_, _| at(1)), server(|_, _| at(2))]).await;
    machine.asks(&[1]);
    assert_eq!(machine.resolve("db.lab").await, Ok(vec![v4(1)]));
    machine.asks(&[2]);
    assert_eq!(machine.resolve("db.lab").await, Ok(vec![v4(2)]));
    machine.write("hosts", "127.0.9.5 db.lab");
    assert_eq!(machine.resolve("db.lab").await, Ok(vec![v4(5)]));
    machine.write("hosts", "127.0.9.6 db.lab");
    assert_eq!(machine.resolve("db.lab").await, Ok(vec![v4(6)]));
}

#[tokio::test]
async fn an_evaluation_that_is_closed_asks_nothing_any_more() {
    let n_asked = Arc::new(AtomicUsize::new(0));
    let (counter, (asked_tx, mut asked_rx)) = (Arc::clone(&n_asked), watch::channel(0));
    let machine = Machine::with(vec![server(move |_, _| {
        asked_tx.send_replace(counter.fetch_add(1, Ordering::SeqCst) + 1);
        Reply::Silence
    })])
    .await;
    let mut lookups = machine.resolver.lookups();
    let lookup = lookups.of(&name("db.lab"));
    asked_rx.wait_for(|n| *n == 2).await.unwrap();
    let evaluation = Arc::downgrade(&lookups.evaluation);
    drop(lookups);
    assert!(lookup.await.is_err(), "given up");
    while evaluation.strong_count() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(n_asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn names_that_nobody_answers_for_cost_no_other_name_its_time() {
    let machine = Machine::with(vec![server(|asked, _| match asked.name.as_str() {
        "good.lab." => at(1),
        _ => Reply::Silence,
    })])
    .await;
    let mut lookups = machine.resolver.lookups();
    let dead: Vec<_> = (1..MAX_SERVERS).map(|n| lookups.of(&name(&format!("dead{n}.lab")))).collect();
    let found = timeout(ATTEMPT_TIMEOUT, lookups.of(&name("good.lab"))).await;
    assert_eq!(found.expect("it waits for the dead ones").unwrap().unwrap()[0].ip(), v4(1));
    assert!(dead.iter().all(|lookup| lookup.peek().is_none_or(|it| *it == Ok(Err(FAILED)))));
}

#[test]
fn an_address_counts_more_than_anything_and_that_there_is_no_name_more_than_no_help() {
    let found = || Ok(Answer::Addresses(vec![v4(1)]));
    let no_help = |os_error| Err(NoHelp { os_error });
    let failed = |os_error| Err(ResolveError::Failed { os_error });
    for (one, other, expected) in [
        (found(), Ok(Answer::NoName), Ok(vec![SocketAddr::new(v4(1), 0)])),
        (found(), no_help(Some(1)), Ok(vec![SocketAddr::new(v4(1), 0)])),
        (Ok(Answer::NoName), no_help(None), Err(NOT_FOUND)),
        (Ok(Answer::NoAddress), Ok(Answer::NoAddress), Err(NOT_FOUND)),
        (Ok(Answer::NoAddress), no_help(None), failed(None)),
        (no_help(None), no_help(Some(101)), failed(Some(101))),
    ] {
        assert_eq!(together([one.clone(), other.clone()]), expected);
        assert_eq!(together([other, one]), expected);
    }
}
