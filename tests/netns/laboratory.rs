//! The laboratory itself: what the other tests rely on.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use landmark_tests::lab::{GATE, LOCKS, Lab, Listener, Namespace, Site, server_address};
use landmark_tests::place::Place;
use landmark_tests::process::Process;
use landmark_tests::scratch::{Scratch, test};
use landmark_tests::wait::{LIMIT, wait_until};

const PORT: u16 = 7000;

fn office_server() -> SocketAddr {
    SocketAddr::from((server_address(11), PORT))
}

/// A program that stays in a namespace, once it is there: `ip` is started before it enters.
async fn sleeper(scratch: &Scratch, place: &Place) -> Result<Process> {
    let mut command = place.command("sleep");
    command.arg("1000");
    let process = Process::start("sleeper", command, &scratch.log("sleeper"))?;
    let (name, pid) = (place.name().unwrap_or_default(), process.pid().to_string());
    wait_until("the sleeper is in its namespace", LIMIT, async || {
        let listed = Command::new("ip").args(["netns", "pids", name]).output()?;
        let listed = String::from_utf8_lossy(&listed.stdout);
        ensure!(listed.lines().any(|line| line.trim() == pid), "{pid} is not among {listed:?}");
        Ok(())
    })
    .await?;
    Ok(process)
}

#[tokio::test]
async fn only_in_the_office_is_the_company_there() -> Result<()> {
    test(async |scratch| {
        let Some(lab) = Lab::build(scratch)? else { return Ok(()) };
        let listener = Listener::start(lab.office(), office_server())?;
        let mut laptop = lab.laptop("laptop")?;
        let place = laptop.place();
        ensure!(place.connect(office_server()).await.is_err(), "unplugged");
        for site in [Site::Office, Site::Home, Site::Cafe, Site::OfficeV6, Site::Office] {
            laptop.plug(site)?;
            let reached = place.connect(office_server()).await.map(drop);
            ensure!(reached.is_ok() == (site == Site::Office), "{site:?}: {reached:?}");
        }
        laptop.change_address()?;
        place.connect(office_server()).await?;
        laptop.flap(100)?;
        place.connect(office_server()).await?;
        // Twice in the office, and after each of the changes there.
        wait_until("all visits are counted", LIMIT, async || {
            ensure!(listener.n_visits() == 4, "{}", listener.n_visits());
            Ok(())
        })
        .await
    })
    .await
}

/// From no namespace is there a way to the network of this machine.
#[tokio::test]
async fn nothing_leaves_it() -> Result<()> {
    test(async |scratch| {
        let Some(lab) = Lab::build(scratch)? else { return Ok(()) };
        let mut laptop = lab.laptop("laptop")?;
        for site in Site::ALL {
            laptop.plug(site)?;
            for namespace in [lab.router(site), lab.internet(), laptop.namespace()] {
                ensure_links_stay_within(&lab, namespace)?;
            }
        }
        // All of them lead to the internet, and there it ends.
        for family in ["-4", "-6"] {
            let routes = lab.internet().ask(&[family, "route", "show", "default"])?;
            ensure!(routes.is_empty(), "{routes}");
        }
        let public = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 80), 7));
        let error = lab.internet().place().connect(public).await.err().context("someone answers")?;
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        ensure!(kind == Some(io::ErrorKind::NetworkUnreachable), "{error:#}");
        Ok(())
    })
    .await
}

/// Every link of a namespace is its loopback, a bridge, or ends in another namespace of the laboratory: `ip` names it.
fn ensure_links_stay_within(lab: &Lab, namespace: &Namespace) -> Result<()> {
    let of_lab = lab.internet().name().trim_end_matches("internet");
    let links = namespace.ask(&["-o", "-d", "link"])?;
    let mut n_ends = 0;
    for link in links.lines() {
        if link.contains(" link/loopback ") || link.contains(" bridge forward_delay ") {
            continue;
        }
        let stays = link.contains(&format!(" link-netns {of_lab}"));
        ensure!(stays, "a link of {} leaves the laboratory: {link}", namespace.name());
        n_ends += 1;
    }
    ensure!(n_ends > 0, "{} has no link: {links}", namespace.name());
    Ok(())
}

#[tokio::test]
async fn several_stand_side_by_side_and_leave_nothing_behind() -> Result<()> {
    test(async |scratch| {
        let Some(one) = Lab::build(scratch)? else { return Ok(()) };
        let Some(other) = Lab::build(scratch)? else { return Ok(()) };
        let names: Vec<String> = [&one, &other]
            .iter()
            .flat_map(|lab| Site::ALL.map(|site| lab.router(site).name().to_owned()))
            .collect();
        ensure!(names.iter().collect::<HashSet<_>>().len() == 6, "{names:?}");
        let _here = Listener::start(one.office(), office_server())?;
        let mut laptop = other.laptop("laptop")?;
        laptop.plug(Site::Office)?;
        ensure!(laptop.place().connect(office_server()).await.is_err(), "one office is not the other");
        // Who is still in it when it is torn down is ended.
        let mut sleeper = sleeper(scratch, &laptop.place()).await?;
        drop(other);
        ensure!(!sleeper.wait(LIMIT).await?.success());
        drop(one);
        let left = String::from_utf8(Command::new("ip").args(["netns", "list"]).output()?.stdout)?;
        ensure!(!names.iter().any(|name| left.contains(name.as_str())), "{left}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_a_killed_process_has_left_is_removed() -> Result<()> {
    test(async |scratch| {
        // Made first, so that it is known to be allowed here.
        let Some(living) = Lab::build(scratch)? else { return Ok(()) };
        // A lock, a namespace of that name, and a program in it. Held until all of it is there: another test's sweep would
        // remove the lock alone. The lock stays if this test fails, so that a later sweep removes the rest.
        let gate = File::create(Path::new(LOCKS).join(GATE))?;
        gate.lock()?;
        let lock = tempfile::Builder::new().prefix("lm-").rand_bytes(5).tempfile_in(LOCKS)?;
        lock.as_file().lock()?;
        gate.unlock()?;
        let (lock, path) = lock.keep()?;
        let dead = format!("{}-office", path.file_name().unwrap_or_default().to_string_lossy());
        ensure!(Command::new("ip").args(["netns", "add", &dead]).status()?.success());
        let mut sleeper = sleeper(scratch, &Place::namespace(&dead)).await?;
        // Now nobody holds it.
        lock.unlock()?;
        // Another test may sweep at any time.
        let swept = Lab::build(scratch)?;
        ensure!(!sleeper.wait(LIMIT).await?.success());
        let left = String::from_utf8(Command::new("ip").args(["netns", "list"]).output()?.stdout)?;
        ensure!(!left.contains(&dead), "{left}");
        ensure!(!path.exists(), "{} is left", path.display());
        ensure!(left.contains(living.internet().name()), "{left}");
        drop(swept);
        Ok(())
    })
    .await
}

/// The bare cost of a connection is one round trip.
#[tokio::test]
async fn a_slow_cable_delays_both_ways() -> Result<()> {
    test(async |scratch| {
        let Some(lab) = Lab::build(scratch)? else { return Ok(()) };
        let _listener = Listener::start(lab.office(), office_server())?;
        let mut laptop = lab.laptop("laptop")?;
        let one_way = Duration::from_millis(75);
        laptop.delay_by(one_way);
        laptop.plug(Site::Office)?;
        let place = laptop.place();
        place.connect(office_server()).await?;
        let began = Instant::now();
        place.connect(office_server()).await?;
        ensure!(began.elapsed() >= 2 * one_way, "{:?}", began.elapsed());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_process_that_runs_sees_the_resolver_change() -> Result<()> {
    test(async |scratch| {
        let Some(lab) = Lab::build(scratch)? else { return Ok(()) };
        let mut laptop = lab.laptop("laptop")?;
        let script =
            "while read -r _; do grep -c '' /etc/resolv.conf; grep nameserver /etc/resolv.conf; done";
        let mut shell = laptop.place().command("sh");
        let shell = shell.args(["-c", script]).stdin(std::process::Stdio::piped());
        let mut shell = shell.stdout(std::process::Stdio::piped()).spawn()?;
        let (mut input, output) = (shell.stdin.take(), shell.stdout.take());
        let mut answers = io::BufReader::new(output.ok_or_else(|| anyhow::anyhow!("no output"))?);
        for site in [Site::Office, Site::Home, Site::OfficeV6, Site::Cafe] {
            use std::io::{BufRead as _, Write as _};
            laptop.plug(site)?;
            if let Some(input) = &mut input {
                input.write_all(b"\n")?;
            }
            let (mut count, mut line) = (String::new(), String::new());
            answers.read_line(&mut count)?;
            answers.read_line(&mut line)?;
            let seen: IpAddr = line.trim().trim_start_matches("nameserver ").parse()?;
            ensure!(count.trim() == "1" && seen == site.plan().resolver, "{site:?}: {count} {line}");
        }
        drop(input.take());
        ensure!(shell.wait()?.success());
        Ok(())
    })
    .await
}
