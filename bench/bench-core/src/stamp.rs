//! When a measurement began and ended, as one of those measured saw it.

use std::sync::OnceLock;
use std::time::Instant;

static BEGIN: OnceLock<Instant> = OnceLock::new();
static END: OnceLock<Instant> = OnceLock::new();

pub(crate) fn begin() {
    BEGIN.get_or_init(Instant::now);
}

pub(crate) fn end() {
    END.get_or_init(Instant::now);
}

/// Nanoseconds per operation between the two.
pub(crate) fn per(operations: u64) -> f64 {
    let (begin, end) = (BEGIN.get().expect("begun"), END.get().expect("ended"));
    end.duration_since(*begin).as_nanos() as f64 / operations as f64
}
