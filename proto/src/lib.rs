//! Landmark's contract: the wire, and the validated model that server and agent share.
//!
//! ```text
//! wire (generated) ─► convert (every violation, with its path) ─► model ─► convert ─► wire
//! ```
//!
//! The model, in the order in which an assignment travels: [`host`] and [`port`] make a [`reference_server`] list, which
//! with the [`gateway`]s, the location rules and the [`firewall`] makes the [`settings`]; their bytes have a digest and a [`revision`]. [`location`] holds the
//! words of a verdict, [`attempt`] what was tried for it, [`decision`] the rules that give it, [`hysteresis`] what tempers
//! it, [`evidence`] its record and [`explain`] that in words. [`message`] is what a session says.
//! [`join`] is the text that makes a machine an agent.
//!
//! Nothing here knows a clock, a socket or a file.

pub mod attempt;
pub mod codec;
pub mod convert;
pub mod decision;
pub mod evidence;
pub mod explain;
pub mod firewall;
pub mod gateway;
pub mod host;
pub mod hysteresis;
pub mod ids;
pub mod join;
pub mod location;
pub mod location_rules;
pub mod message;
pub mod network;
pub mod pin;
pub mod port;
pub mod reference_server;
pub mod revision;
pub mod settings;
pub mod violation;

/// The generated messages, clients and servers. Used by edge files only.
pub mod wire {
    #![expect(
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        clippy::clone_on_ref_ptr,
        clippy::large_enum_variant,
        clippy::too_many_lines,
        unused_qualifications,
        reason = "generated code"
    )]
    include!("gen/landmark.v1.rs");

    /// The encoded `FileDescriptorSet` of the contract, for reflection.
    pub const DESCRIPTORS: &[u8] = include_bytes!("gen/landmark.v1.descriptors");
}
