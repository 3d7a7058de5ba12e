//! What only one operating system knows: one file for each, which offers the same to the rest of the agent. Nothing else
//! asks on which one it runs, nor reads a path that only one has.

#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")]
pub(crate) use self::linux::{
    Descriptor, HOSTS, MAX_SOCKET_PATH_BYTES, RESOLV_CONF, UNREACHABLE, UPLINKS_RESOLV_CONF, awake, boot_id,
    facts, host_name, interface_number, limit_unacknowledged, set_mark, short_path_of, since_boot,
};
