//! Which wire's guard an address is in.

use wire_core::outside::{Glimpse, glimpse};

use super::report::Report;
use crate::sys;

/// The wire whose guard is at `address`. Mostly the running one; but a wire that overflows while it
/// saves its registers to leave is no longer called running.
pub(super) fn find(address: usize) -> Option<Report> {
    let mut running = None;
    let hit = |wire: &Glimpse| {
        if wire.is_running() {
            running = Some(*wire);
        }
        side(wire.stack(), address).is_some()
    };
    // SAFETY: `sys::readable` asks the kernel.
    let wire = unsafe { glimpse(sys::readable, hit) }?;
    Some(Report {
        wire,
        running: running.filter(|_| !wire.is_running()),
        address,
        side: side(wire.stack(), address)?,
    })
}

/// Which end of a stack was overrun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Below,
    Above,
}

fn side((low, size): (usize, usize), address: usize) -> Option<Side> {
    let high = low + size;
    // The stack's colour fills its last page; above that lies the next guard, or the arena's last.
    let end = high.next_multiple_of(sys::page_size());
    if low == 0 {
        // The main wire, on a stack of the system's.
        None
    } else if (low.saturating_sub(sys::largest_guard())..low).contains(&address) {
        Some(Side::Below)
    } else if (high..end + sys::page_size()).contains(&address) {
        Some(Side::Above)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_behind_the_guards_is_nobodys_overflow() {
        let page = sys::page_size();
        let low = 100 * page;
        for colour in [0, 64, 960] {
            let stack = (low, 16 * page - colour);
            let end = low + 16 * page;
            assert_eq!(side(stack, low), None);
            assert_eq!(side(stack, low + 16 * page - colour - 1), None);
            for address in [end, end + page - 1] {
                assert_eq!(side(stack, address), Some(Side::Above));
            }
            assert_eq!(side(stack, end + page), None);
        }
        // That of an OS thread is not ours to judge.
        assert_eq!(side((0, 0), 0), None);
    }

    #[test]
    fn below_it_is_as_far_as_the_largest_guard() {
        let page = sys::page_size();
        let arena = crate::Arena::builder()
            .guard_size(5 * page)
            .build()
            .unwrap();
        let stack = arena.stack().unwrap();
        let low = stack.low().addr().get();
        let bounds = (low, stack.size());
        // Others may have made larger ones.
        let largest = sys::largest_guard();
        assert!(largest >= arena.guard_size());
        for address in [low - 1, low - 5 * page, low - largest] {
            assert_eq!(side(bounds, address), Some(Side::Below));
        }
        assert_eq!(side(bounds, low - 64 * largest), None);
    }
}
