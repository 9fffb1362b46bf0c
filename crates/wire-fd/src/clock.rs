//! The clock of timers and deadlines: nanoseconds of `CLOCK_MONOTONIC`.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Farther than any moment; what an overflowing sum becomes.
pub(crate) use wire_core::outside::NEVER;

/// The time now.
pub(crate) fn now() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("Linux has a monotonic clock");
    time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
}

/// The moment `duration` after `now`; [`NEVER`] if that is beyond counting.
pub(crate) fn add(now: u64, duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).map_or(NEVER, |ns| now.saturating_add(ns))
}
