//! What wakes a thread that sleeps in the kernel: its poller.
//!
//! It comes with a wake-up of its own (an eventfd, a user event or a pipe), which ends the sleep
//! under way or the next one. A ring while another is under way may be swallowed with that; the
//! mailbox and core look for what it was about after every sleep and before the next.

use polling::Poller;

#[derive(Debug)]
pub(crate) struct Bell(pub(crate) Poller);

impl Bell {
    pub(crate) fn ring(&self) {
        // It fails only if the wake-up's pipe is full of others.
        let _ = self.0.notify();
    }
}
