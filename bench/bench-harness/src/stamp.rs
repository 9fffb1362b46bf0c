//! When a measurement began and ended, as one of those measured saw it, and what was spent in between.

use std::sync::OnceLock;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::Cost;

static BEGIN: OnceLock<Stamp> = OnceLock::new();
static END: OnceLock<Stamp> = OnceLock::new();
static ALLOCATIONS: OnceLock<fn() -> u64> = OnceLock::new();

struct Stamp {
    cpu: Duration,
    wall: Duration,
    allocations: u64,
}

impl Stamp {
    #[inline(never)]
    fn now() -> Stamp {
        let clock = |id| Duration::from(clock_gettime(id).expect("Linux has this clock"));
        Stamp {
            cpu: clock(ClockId::CLOCK_PROCESS_CPUTIME_ID),
            wall: clock(ClockId::CLOCK_MONOTONIC),
            allocations: ALLOCATIONS.get().map_or(0, |count| count()),
        }
    }
}

/// From now on, what `count` says is read as well.
///
/// # Panics
///
/// If called twice.
pub fn count_allocations(count: fn() -> u64) {
    ALLOCATIONS.set(count).expect("called once");
}

/// The first call counts.
pub fn begin() {
    BEGIN.get_or_init(Stamp::now);
}

/// The first call counts.
pub fn end() {
    END.get_or_init(Stamp::now);
}

/// What these operations between the two came to.
///
/// # Errors
///
/// If one of the two was never called.
pub fn cost(operations: u64) -> Result<Cost, String> {
    let (Some(begin), Some(end)) = (BEGIN.get(), END.get()) else {
        return Err("the measurement did not get to its end".to_owned());
    };
    let nanoseconds = |duration: Duration| duration.as_nanos() as u64;
    Ok(Cost {
        operations,
        cpu: nanoseconds(end.cpu - begin.cpu),
        wall: nanoseconds(end.wall - begin.wall),
        allocations: end.allocations - begin.allocations,
    })
}
