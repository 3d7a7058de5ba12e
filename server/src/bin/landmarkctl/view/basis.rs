//! Where a machine is, and why.

use std::fmt;

use landmark_proto::convert::location::basis_from_wire;
use landmark_proto::explain::words::BasisDocument;
use landmark_proto::location;
use landmark_proto::violation::Path;
use landmark_proto::wire;
use serde::{Serialize, Serializer};

/// Where a machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Location {
    /// Inside the company network
    Internal,
    /// Outside
    External,
    /// Before the first decision, or without an assignment
    Unknown,
}

impl Location {
    pub(super) fn read(number: i32) -> Option<Self> {
        match wire::Location::try_from(number) {
            Ok(wire::Location::Internal) => Some(Self::Internal),
            Ok(wire::Location::External) => Some(Self::External),
            Ok(wire::Location::Unknown) => Some(Self::Unknown),
            Ok(wire::Location::Unspecified) | Err(_) => None,
        }
    }

    pub(crate) fn to_wire(self) -> wire::Location {
        match self {
            Self::Internal => wire::Location::Internal,
            Self::External => wire::Location::External,
            Self::Unknown => wire::Location::Unknown,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Internal => "internal",
            Self::External => "external",
            Self::Unknown => "unknown",
        })
    }
}

/// Why a machine is where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Basis(location::Basis);

impl Basis {
    pub(super) fn read(basis: wire::Basis) -> Option<Self> {
        basis_from_wire(Some(basis), &Path::root()).ok().map(Self)
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Basis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        BasisDocument::from(&self.0).serialize(serializer)
    }
}
