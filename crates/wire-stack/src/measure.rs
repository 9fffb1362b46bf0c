//! How much of a stack is in memory.

use crate::sys;

/// How deep a stack has been used, in bytes from its top, rounded up to whole pages: from the
/// lowest page that is in memory. Counted since the stack was mapped or last given back, so it
/// covers the wires before the present one, too. Pages that were swapped out do not count.
///
/// `stack` is the lowest address and the size, as [`WireInfo::stack`](wire_core::WireInfo::stack)
/// has them; `None` if no such memory is mapped.
///
/// ```
/// use wire_stack::{Arena, high_water};
///
/// let arena = Arena::builder().build().unwrap();
/// let stack = arena.stack().unwrap();
/// assert_eq!(high_water((stack.low().addr().get(), stack.size())), Some(0));
/// ```
pub fn high_water(stack: (usize, usize)) -> Option<usize> {
    let (low, size) = stack;
    let page = sys::page_size();
    let end = low.checked_add(size)?;
    let first = low / page * page;
    let mut lowest = None;
    let mapped = sys::residency(first, end - first, |at, resident| {
        if resident && lowest.is_none() {
            lowest = Some(at);
        }
    });
    mapped.then(|| lowest.map_or(0, |at| (end - (first + at * page)).min(size)))
}

/// How many bytes of a stack are in memory. As [`high_water`], but pages that were skipped or
/// swapped out do not count.
pub fn resident(stack: (usize, usize)) -> Option<usize> {
    let (low, size) = stack;
    let page = sys::page_size();
    let first = low / page * page;
    let mut pages = 0;
    let mapped = sys::residency(first, low.checked_add(size)? - first, |_, resident| {
        pages += usize::from(resident);
    });
    mapped.then_some(pages * page)
}
