//! Sleeping, for those who have nothing to do about an interrupt.

use std::time::{Duration, Instant};

/// Waits for `duration` while other wires run; zero returns at once. Outside a wire this is
/// [`std::thread::sleep`].
///
/// A cancellation or a deadline around it unwinds the wire from here. [`wire_fd::sleep`] returns
/// it instead.
///
/// # Panics
///
/// If the thread's monitor cannot be set up.
pub fn sleep(duration: Duration) {
    wire_fd::sleep(duration).unwrap_or_else(leave);
}

/// [`sleep`] until a moment; one that has passed returns at once.
///
/// # Panics
///
/// If the thread's monitor cannot be set up.
pub fn sleep_until(deadline: Instant) {
    wire_fd::sleep_until(deadline).unwrap_or_else(leave);
}

/// In a destructor that runs because the wire unwinds, a sleep ends at once instead.
fn leave(interrupt: wire_core::Interrupt) {
    if interrupt != wire_core::Interrupt::Unwinding {
        interrupt.unwind();
    }
}
