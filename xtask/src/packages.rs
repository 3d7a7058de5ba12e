//! The system packages that tests and benchmarks need: real reference servers, the tools of the laboratory, a
//! browser, and what an agent is compared with.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::command::{run, succeeds};

/// A program that a test starts, and the Debian package that has it.
pub(crate) struct Needed {
    package: &'static str,
    /// Any one of these is enough; a `*` stands for one folder.
    programs: &'static [&'static str],
}

/// What companies have, and agents try.
pub(crate) const REFERENCE_SERVERS: [Needed; 3] = [
    Needed { package: "nginx", programs: &["/usr/sbin/nginx", "/usr/local/sbin/nginx"] },
    Needed { package: "vsftpd", programs: &["/usr/sbin/vsftpd"] },
    Needed { package: "postgresql", programs: &["/usr/lib/postgresql/*/bin/postgres"] },
];

/// What network namespaces are made and spoilt with.
pub(crate) const LABORATORY: [Needed; 3] = [
    Needed { package: "iproute2", programs: &["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip", "/bin/ip"] },
    Needed { package: "nftables", programs: &["/usr/sbin/nft", "/sbin/nft"] },
    Needed { package: "libfaketime", programs: &["/usr/lib/*/faketime/libfaketimeMT.so.1"] },
];

/// What people at the console have, and what drives it.
pub(crate) const BROWSER: [Needed; 2] = [
    Needed { package: "chromium", programs: &["/usr/bin/chromium", "/usr/bin/google-chrome"] },
    Needed {
        package: "chromium-driver",
        programs: &["/usr/bin/chromedriver", "/usr/lib/chromium/chromedriver"],
    },
];

/// What an agent is compared with.
pub(crate) const COMPARED: [Needed; 1] =
    [Needed { package: "netcat-openbsd", programs: &["/usr/bin/nc.openbsd", "/bin/nc.openbsd"] }];

/// Makes sure that they are there, or says which command would: tests that miss one are skipped, visibly.
///
/// # Errors
/// Root on Debian, and the installation failed.
pub(crate) fn ensure(needed: &[Needed]) -> Result<()> {
    let missing: Vec<&str> =
        needed.iter().filter(|needed| !is_there(needed)).map(|needed| needed.package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let has_apt = Path::new("/usr/bin/apt-get").exists();
    if !(has_apt && is_root()) {
        eprintln!("not installed: {}; tests that need them will be skipped.", missing.join(", "));
        if has_apt {
            eprintln!("To run them too: sudo apt-get install -y {}", missing.join(" "));
        }
        return Ok(());
    }
    install(&missing)
}

fn is_there(needed: &Needed) -> bool {
    needed.programs.iter().any(|pattern| match pattern.split_once('*') {
        None => Path::new(pattern).exists(),
        Some((folder, rest)) => {
            folders(Path::new(folder)).any(|found| found.join(rest.trim_start_matches('/')).exists())
        }
    })
}

fn folders(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn install(packages: &[&str]) -> Result<()> {
    let _quiet = NoServices::new()?;
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    let mut install = apt();
    install.args(["install", "-y", "-q", "--no-install-recommends"]).args(packages);
    if succeeds(&mut install) {
        return Ok(());
    }
    run(apt().args(["update", "-q"]))?;
    run(&mut install)
}

/// While it lives, installing a package starts no service: a test machine shall not begin to serve the network.
struct NoServices {
    /// Ours to remove; `None` when the machine has a policy of its own.
    policy: Option<PathBuf>,
}

impl NoServices {
    fn new() -> Result<Self> {
        let policy = PathBuf::from("/usr/sbin/policy-rc.d");
        if policy.exists() {
            return Ok(Self { policy: None });
        }
        fs::write(&policy, "#!/bin/sh\nexit 101\n").with_context(|| format!("write {}", policy.display()))?;
        fs::set_permissions(&policy, fs::Permissions::from_mode(0o755))?;
        Ok(Self { policy: Some(policy) })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if let Some(policy) = &self.policy
            && let Err(error) = fs::remove_file(policy)
        {
            eprintln!("could not remove {}: {error}", policy.display());
        }
    }
}
