//! One network namespace that is connected to nothing: for what needs a kernel of its own, but no sites.

use anyhow::Result;

use super::claim::Claim;
use super::namespace::Namespace;
use super::obstacle;
use crate::skip;

/// The namespace. It goes when this is dropped.
#[derive(Debug)]
pub struct Island {
    namespace: Namespace,
    // Last: it removes the namespace.
    #[expect(dead_code, reason = "what matters is when it is dropped")]
    claim: Claim,
}

impl Island {
    /// Makes it. `None`: this machine does not allow it, and that has been said.
    ///
    /// # Errors
    /// Nothing may be skipped here, or the kernel refuses.
    pub fn make() -> Result<Option<Self>> {
        if let Some(reason) = obstacle() {
            skip::skip(&reason)?;
            return Ok(None);
        }
        let claim = Claim::take()?;
        Ok(Some(Self { namespace: Namespace::make(&claim, "island")?, claim }))
    }

    /// Its namespace.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }
}
