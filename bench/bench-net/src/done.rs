//! How much is done: requests answered or sleeps over, counted where they happen, and the moments between
//! which they count.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bench_harness::{Plan, stamp};

static DONE: AtomicU64 = AtomicU64::new(0);
static NEXT: AtomicU64 = AtomicU64::new(u64::MAX);
static LAST: AtomicU64 = AtomicU64::new(u64::MAX);

/// Sets the moments, before anything is done. It begins with the last one that warms up.
pub fn plan(plan: Plan) {
    NEXT.store(plan.warm_up.max(1), Relaxed);
    LAST.store(plan.warm_up.max(1) + plan.operations, Relaxed);
}

/// Another one is done.
#[inline(always)]
pub fn note() {
    // Not an atomic addition: only one thread counts, and it would cost them all.
    let done = DONE.load(Relaxed) + 1;
    DONE.store(done, Relaxed);
    if done >= NEXT.load(Relaxed) {
        reached(done);
    }
}

#[cold]
#[inline(never)]
fn reached(done: u64) {
    let last = LAST.load(Relaxed);
    if done < last {
        NEXT.store(last, Relaxed);
        stamp::begin();
    } else {
        NEXT.store(u64::MAX, Relaxed);
        stamp::end();
    }
}

/// Whether all of it is.
#[inline]
#[must_use]
pub fn is_all() -> bool {
    DONE.load(Relaxed) >= LAST.load(Relaxed)
}

#[must_use]
pub fn count() -> u64 {
    DONE.load(Relaxed)
}
