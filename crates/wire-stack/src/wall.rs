//! How far a process is from the limit on its mappings, which guards made by `mprotect` use up.
//!
//! ```text
//!   0                     counted by us                     limit - SPARE     limit
//!   ├──────────────────────────────────────────┬────────────────┬───────────────┤
//!   │ the process's mappings, at the last look │ room, half of  │ SPARE: for    │
//!   │                                          │ it granted     │ everybody     │
//! ```
//!
//! At the limit itself `malloc`, thread starts and unmapping fail, and most programs abort then. So guards
//! stop before it. Looking means to read as many lines as there are mappings; half of the room left is
//! used between two looks, so that any number of guards takes a dozen.

use std::sync::atomic::{AtomicUsize, Ordering};

use nix::errno::Errno;

use crate::{StackError, sys};

/// Mappings that are left to the rest of the process.
const SPARE: usize = 128;

/// What one guard may add: the pages before it, and those behind it.
const GUARD: usize = 2;

/// Mappings that may be added before the next look.
static ROOM: AtomicUsize = AtomicUsize::new(0);

/// Makes sure that there is room for the mappings of a guard.
///
/// # Errors
///
/// If there is none.
pub(crate) fn enter() -> Result<(), Errno> {
    let take = || {
        ROOM.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| {
            room.checked_sub(GUARD)
        })
    };
    while take().is_err() {
        let (Some(limit), Some(used)) = (limit(), used()) else {
            // Then the kernel decides.
            return Ok(());
        };
        match limit.saturating_sub(used + SPARE) {
            left if left < GUARD => return Err(Errno::ENOMEM),
            left => ROOM.store((left / 2).max(GUARD), Ordering::Relaxed),
        }
    }
    Ok(())
}

/// The error for a guard that the system refused, of a place that wants so many.
#[cold]
pub(crate) fn error(errno: Errno, guards: usize) -> StackError {
    let limit = limit();
    let enough = |limit: usize| {
        let mappings = guards.checked_mul(GUARD)?.checked_add(limit + SPARE)?;
        // As people write limits, and with something to spare.
        mappings.checked_next_multiple_of(1 << 16)
    };
    StackError::Guard {
        errno: errno as i32,
        limit,
        enough: limit.and_then(enough),
    }
}

/// `vm.max_map_count`.
fn limit() -> Option<usize> {
    let mut number = None;
    sys::read(c"/proc/sys/vm/max_map_count", |text| {
        let text = std::str::from_utf8(text).ok();
        number = text.and_then(|text| text.trim().parse().ok());
    })?;
    number
}

/// How many mappings the process has.
fn used() -> Option<usize> {
    let mut lines = 0;
    sys::read(c"/proc/self/maps", |text| {
        lines += text.iter().filter(|&&byte| byte == b'\n').count();
    })?;
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_are_counted() {
        let before = used().unwrap();
        assert!(before > 5);
        // Each differs from its neighbours, so that none can be joined to another.
        let page = sys::page_size();
        let whole = std::num::NonZeroUsize::new(page * 2001).unwrap();
        let low = sys::map(whole).unwrap();
        for at in (1..2000).step_by(2) {
            // SAFETY: a page of the mapping above, which nobody uses.
            unsafe { sys::guard(low.byte_add(at * page), page, crate::Guards::Mprotect, 1) }
                .unwrap();
        }
        let more = used().unwrap() - before;
        // Other tests' threads may come and go.
        assert!((1950..2050).contains(&more), "{more}");
        // SAFETY: as above.
        unsafe { sys::unmap(low, whole.get()) };
    }

    #[test]
    fn the_limit_suggested_is_enough_and_a_round_number() {
        let StackError::Guard {
            limit: Some(limit),
            enough: Some(enough),
            ..
        } = error(Errno::ENOMEM, 1_000_000)
        else {
            panic!("it can be read here");
        };
        assert!(enough >= limit + 2_000_000 && enough.is_multiple_of(1 << 16));
        let none = error(Errno::ENOMEM, usize::MAX);
        assert!(matches!(none, StackError::Guard { enough: None, .. }));
    }
}
