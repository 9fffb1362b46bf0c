//! The clock of timers and deadlines: nanoseconds of the system's monotonic clock since this program
//! first asked.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Farther than any moment; what an overflowing sum becomes.
pub(crate) use wire_core::outside::NEVER;

static START: OnceLock<Instant> = OnceLock::new();

/// The time now.
pub(crate) fn now() -> u64 {
    nanos(START.get_or_init(Instant::now).elapsed())
}

/// The moment `duration` from now; [`NEVER`] if that is beyond counting (584 years).
pub(crate) fn after(duration: Duration) -> u64 {
    add(now(), duration)
}

/// The moment `duration` after `now`; [`NEVER`] if that is beyond counting.
pub(crate) fn add(now: u64, duration: Duration) -> u64 {
    now.saturating_add(nanos(duration))
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(NEVER)
}
