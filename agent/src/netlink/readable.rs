//! Waits until a descriptor can be read. It must not know of what.

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// An own descriptor that does not block.
pub(crate) struct Readable(AsyncFd<OwnedFd>);

impl Readable {
    /// Must be called within a runtime.
    ///
    /// # Errors
    /// The runtime cannot wait for it.
    pub(crate) fn new(descriptor: OwnedFd) -> io::Result<Self> {
        #[expect(
            deprecated,
            reason = "its replacement is unsafe for the sake of descriptors that may be closed meanwhile, and this one is owned"
        )]
        let descriptor = AsyncFd::with_interest(descriptor, Interest::READABLE)?;
        Ok(Self(descriptor))
    }

    /// Waits until `read` gives something else than that it would block. May be cancelled: then nothing was read.
    ///
    /// # Errors
    /// Those of `read`.
    pub(crate) async fn read<T>(&self, mut read: impl FnMut(&OwnedFd) -> io::Result<T>) -> io::Result<T> {
        self.0.async_io(Interest::READABLE, |descriptor| read(descriptor)).await
    }

    pub(crate) fn descriptor(&self) -> &OwnedFd {
        self.0.get_ref()
    }
}
