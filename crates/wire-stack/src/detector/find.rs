//! Which wire's guard an address is in.

use wire_core::outside::{Glimpse, glimpse};

use super::report::Report;
use crate::{colour, sys};

/// The wire whose guard is at `address`. Mostly the running one; but a wire that overflows while it
/// saves its registers to leave is no longer called running.
pub(super) fn find(address: usize) -> Option<Report> {
    let mut running = None;
    let hit = |wire: &Glimpse| {
        if wire.is_running() {
            running = Some(*wire);
        }
        side(wire, address).is_some()
    };
    // SAFETY: `sys::readable` asks the kernel.
    let wire = unsafe { glimpse(sys::readable, hit) }?;
    Some(Report {
        wire,
        running: running.filter(|_| !wire.is_running()),
        address,
        side: side(&wire, address)?,
    })
}

/// Which end of a stack was overrun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Below,
    Above,
}

fn side(wire: &Glimpse, address: usize) -> Option<Side> {
    let (low, size) = wire.stack();
    let high = low + size;
    if low == 0 {
        // The main wire, on a stack of the system's.
        None
    } else if (low.saturating_sub(sys::largest_guard())..low).contains(&address) {
        Some(Side::Below)
    } else if (high..high + colour::MOST + sys::page_size()).contains(&address) {
        Some(Side::Above)
    } else {
        None
    }
}
