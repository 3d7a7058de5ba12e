//! Linux: os-release(5), uname(2), and the kernel's boot id (proc_sys_kernel(5)).

use std::fs;
use std::path::Path;

use landmark_proto::ids::BootId;
use landmark_proto::message::HostFacts;
use rustix::system::uname;

use super::{AGENT_VERSION, MachineError};

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
const OS_RELEASE: [&str; 2] = ["/etc/os-release", "/usr/lib/os-release"];

/// Which boot this is.
pub(super) fn boot_id() -> Result<BootId, MachineError> {
    let path = Path::new(BOOT_ID);
    let text = fs::read_to_string(path).map_err(|source| MachineError::Read { path: path.into(), source })?;
    text.trim().parse().map_err(|source| MachineError::Invalid { path: path.into(), source })
}

/// What this machine calls itself.
pub(super) fn facts() -> HostFacts {
    let names = uname();
    let os_release = OS_RELEASE.iter().find_map(|path| fs::read_to_string(path).ok()).unwrap_or_default();
    HostFacts {
        host_name: names.nodename().to_string_lossy().into_owned(),
        operating_system: pretty_name(&os_release).unwrap_or_else(|| "Linux".to_owned()),
        kernel: names.release().to_string_lossy().into_owned(),
        architecture: names.machine().to_string_lossy().into_owned(),
        agent_version: AGENT_VERSION.to_owned(),
    }
}

/// The value of `PRETTY_NAME`, without its quotes.
fn pretty_name(os_release: &str) -> Option<String> {
    let value = os_release.lines().find_map(|line| line.trim().strip_prefix("PRETTY_NAME="))?;
    let value = value.trim();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    let value = quote.map_or(value, |quote| value.trim_matches(quote));
    (!value.is_empty()).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_pretty_name_with_and_without_quotes() {
        let debian = "NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";
        assert_eq!(pretty_name(debian).as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
        assert_eq!(pretty_name("PRETTY_NAME='Arch Linux'").as_deref(), Some("Arch Linux"));
        assert_eq!(pretty_name("PRETTY_NAME=Void").as_deref(), Some("Void"));
        assert_eq!(pretty_name("NAME=x\nPRETTY_NAME=\"\""), None);
    }
}
