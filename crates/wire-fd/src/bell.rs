//! What wakes a thread that sleeps in the kernel: an eventfd.
//!
//! It is registered edge-triggered and never read: each write is an edge, and its count cannot
//! overflow in the lifetime of a machine.

use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};

#[derive(Debug)]
pub(crate) struct Bell(EventFd);

impl Bell {
    pub(crate) fn new() -> Result<Bell, Errno> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        EventFd::from_value_and_flags(0, flags).map(Bell)
    }

    pub(crate) fn ring(&self) {
        // It can only fail if the count would overflow, and then the edge was there long ago.
        let _ = nix::unistd::write(self.0.as_fd(), &1_u64.to_ne_bytes());
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
