//! One network namespace: made with `ip`, given links, addresses, routes and packet rules.
//!
//! It must not know which site it is, nor remove itself: its laboratory's claim does.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::claim::Claim;
use crate::place::Place;

/// A namespace of the laboratory. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Namespace {
    name: String,
    place: Place,
}

impl Namespace {
    /// Makes it, with nothing but its loopback.
    pub(super) fn make(claim: &Claim, short: &str) -> Result<Self> {
        let name = claim.name(short);
        let made = Command::new("ip").args(["netns", "add", &name]).output().context("run ip")?;
        let said = String::from_utf8_lossy(&made.stderr);
        ensure!(made.status.success(), "make namespace {name}: {}", said.trim());
        let namespace = Self { place: Place::namespace(&name), name };
        // A new address is used at once: nobody else can have it. Errors are not rationed: a reject is always heard.
        for (key, value) in [
            ("net/ipv6/conf/default/accept_dad", "0"),
            ("net/ipv6/conf/all/accept_dad", "0"),
            ("net/ipv6/conf/default/accept_ra", "0"),
            ("net/ipv4/icmp_ratemask", "0"),
            ("net/ipv6/icmp/ratelimit", "0"),
        ] {
            namespace.set(key, value)?;
        }
        namespace.ip("link set lo up")?;
        Ok(namespace)
    }

    /// Its full name, as `ip netns` knows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where programs and sockets are put into it.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Runs commands of `ip`, one a line, in it.
    ///
    /// # Errors
    /// The first that fails, in the words of `ip`.
    pub fn ip(&self, commands: &str) -> Result<()> {
        let mut ip = Command::new("ip");
        ip.args(["-n", &self.name, "-batch", "-"]);
        feed(ip, commands).with_context(|| format!("in {}: {commands}", self.name))
    }

    /// What a command of `ip` prints, such as `["-j", "addr"]`.
    ///
    /// # Errors
    /// It fails.
    pub fn ask(&self, arguments: &[&str]) -> Result<String> {
        let answer =
            Command::new("ip").args(["-n", &self.name]).args(arguments).output().context("run ip")?;
        let said = String::from_utf8_lossy(&answer.stderr);
        ensure!(answer.status.success(), "in {}: ip {arguments:?}: {}", self.name, said.trim());
        Ok(String::from_utf8_lossy(&answer.stdout).into_owned())
    }

    /// Adds packet rules, in the language of `nft`.
    ///
    /// # Errors
    /// They are not accepted, in the words of `nft`.
    pub fn nft(&self, rules: &str) -> Result<()> {
        let mut nft = self.place.command("nft");
        nft.args(["-f", "-"]);
        feed(nft, rules).with_context(|| format!("in {}: {rules}", self.name))
    }

    /// What `nft` says, such as to `["list", "ruleset"]`.
    ///
    /// # Errors
    /// It fails.
    pub fn ask_nft(&self, arguments: &[&str]) -> Result<String> {
        let answer = self.place.command("nft").args(arguments).output().context("run nft")?;
        let said = String::from_utf8_lossy(&answer.stderr);
        ensure!(answer.status.success(), "in {}: nft {arguments:?}: {}", self.name, said.trim());
        Ok(String::from_utf8_lossy(&answer.stdout).into_owned())
    }

    /// Writes a kernel setting, by its path below /proc/sys.
    ///
    /// # Errors
    /// It is not accepted.
    pub fn set(&self, key: &str, value: &str) -> Result<()> {
        let path = format!("/proc/sys/{key}");
        // /proc/sys/net is that of the thread that opens it.
        self.place
            .within(|| Ok(File::create(&path)?.write_all(value.as_bytes())?))
            .with_context(|| format!("in {}: write {value} to {path}", self.name))
    }

    /// Gives processes that start in it a file of their own in place of `/etc/FILE`. Written where it stands, so that those
    /// that run see it too.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_etc(&self, file: &str, content: &str) -> Result<PathBuf> {
        let folder = Claim::files_of(&self.name);
        std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        let path = folder.join(file);
        let mut file = File::create(&path).with_context(|| format!("write {}", path.display()))?;
        file.write_all(content.as_bytes())?;
        Ok(path)
    }
}

/// Runs a command with this input.
fn feed(mut command: Command, input: &str) -> Result<()> {
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("start {:?}", command.get_program()))?;
    // A program that ends before it has read all of it says why on its standard error.
    child.stdin.take().context("no input")?.write_all(input.as_bytes()).unwrap_or_default();
    let ended = child.wait_with_output()?;
    ensure!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr).trim());
    Ok(())
}
