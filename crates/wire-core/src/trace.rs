//! A record of what the wires of a thread did when, for a timeline.
//!
//! With the feature `trace` of wire-core (libwire passes its own `trace` on), a `Trace` in a `static`
//! records which wire ran from when to when, what each one waited for, and who woke or started it.
//! It is written as JSON that <https://ui.perfetto.dev> and `chrome://tracing` open: one track per
//! wire, with its run slices and waits, arrows from who wakes to who goes on, and a counter that names
//! wires that run for longer than a limit without letting others run, even one that has not stopped
//! yet. `Trace` shows how; the example `trace` of libwire is a program that does it.
//!
//! Without the feature there is no `Trace`, [`mark`] does nothing, and no instruction of it is left in
//! the scheduler. With it, and nothing being recorded, each switch and wake-up looks at one word of
//! thread-local storage: about 6 instructions a switch. While it records, each of them reads the clock
//! and each switch writes 96 bytes, which comes to some 60 ns a switch on a virtual machine; nothing is
//! allocated. Time is given in microseconds, to the nanosecond, from the first recording of the process
//! on.

// The one place that chooses. Whoever calls the hooks does so in either case.
#[cfg(not(feature = "trace"))]
mod off;
#[cfg(feature = "trace")]
mod on;

#[cfg(not(feature = "trace"))]
use off as hooks;
#[cfg(feature = "trace")]
use on as hooks;

pub(crate) use hooks::{Tag, asleep, begins, ends, rests, runs, spawned, waits, woken};
#[cfg(feature = "trace")]
pub use on::{InUse, Recording, Trace, write_json, write_json_to};

/// Puts a point with a name into the timeline, at the wire that runs. Does nothing while nothing is
/// recorded, and without the feature `trace`. Waits for nothing, allocates nothing.
#[inline]
pub fn mark(name: &'static str) {
    hooks::mark(name);
}
