//! The hooks of a build with the feature `trace`, and the recorder that users own.
//!
//! ```text
//!   a wire     ├── run ──┤╌╌╌╌ wait ╌╌╌╌┤  ready  ├── run ──┤
//!              ▲         ▲              ▲         ▲         ▲
//!   hooks     runs     waits          woken      runs      ends
//!                      + runs (of the next one)            + runs (of the next one)
//! ```
//!
//! The slice that runs is in the ring from its beginning on, so that one without an end is seen too. A
//! wait belongs to the slice it ends; who wakes writes the time into that slice, if it is still there.

mod json;
mod ring;

use core::cell::Cell;
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use std::io;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

pub use json::{Recording, write_json, write_json_to};
use ring::{ASLEEP, ENDED, Event, Slot};

/// Of any size.
type Ring = ring::Ring<[Slot]>;

use crate::scheduler::scheduler;
use crate::wire::Wire;

thread_local! {
    /// Where this thread records. Given out by `start`, and by each recorder to one thread at a time.
    static RECORDER: Cell<Option<&'static Ring>> = const { Cell::new(None) };
}

/// Nanoseconds from the first recording of the process on, never 0, which stands for "not yet".
fn now() -> u64 {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    let elapsed = EPOCH.get_or_init(Instant::now).elapsed();
    elapsed.as_nanos() as u64 + 1
}

/// What a recorder has to know of a wire. Control blocks serve many wires and so do stacks, so each
/// wire gets a number when it is first met.
pub(crate) struct Tag {
    /// Its number, or 0.
    id: Cell<u64>,
    /// One more than the index of its last slice in the ring, or 0.
    last: Cell<u64>,
    /// When it was made ready, if it was not by yielding, else 0.
    ready: Cell<u64>,
    /// Who did that, as in [`Slot`].
    by: Cell<u64>,
}

impl Tag {
    pub(crate) const fn new() -> Tag {
        Tag {
            id: Cell::new(0),
            last: Cell::new(0),
            ready: Cell::new(0),
            by: Cell::new(0),
        }
    }

    fn id(&self) -> u64 {
        static IDS: AtomicU64 = AtomicU64::new(1);
        if self.id.get() == 0 {
            self.id.set(IDS.fetch_add(1, Ordering::Relaxed));
        }
        self.id.get()
    }
}

/// The main wire starts; its tag is that of the one before it on this thread.
pub(crate) fn begins(main: &Wire) {
    let tag = &main.details().trace;
    tag.id.set(0);
    tag.last.set(0);
    tag.ready.set(0);
    runs(main);
}

/// The slice that ran is over, that of `next` begins.
#[inline]
pub(crate) fn runs(next: &Wire) {
    if let Some(ring) = RECORDER.get() {
        slice(ring, next);
    }
}

#[inline(never)]
fn slice(ring: &Ring, next: &Wire) {
    let now = now();
    ring.close(now);
    let details = next.details();
    let tag = &details.trace;
    let id = tag.id();
    // It may run without having been woken: the main wire to see to stuck ones, a parked one as nobody
    // else is ready. Its wait is over in any case.
    if !ring.wait_is_over(tag.last.get(), id, now) {
        tag.last.set(0);
    }
    // A wake-up from before this recording has nothing that an arrow could start from.
    let ready = tag.ready.replace(0);
    let (ready, by) = if ready >= ring.since() {
        (ready, tag.by.get())
    } else {
        (0, 0)
    };
    let last = ring.open(&Event {
        ready,
        by,
        before: tag.last.get(),
        ..Event::new(id, details.name.get(), now)
    });
    tag.last.set(last);
}

/// The running wire blocks.
#[inline]
pub(crate) fn waits(me: &Wire) {
    if let (Some(ring), Some(wait)) = (RECORDER.get(), me.wait()) {
        ring.then(wait.reason.kind(), wait.reason.object());
    }
}

/// The running wire has made a blocked one ready.
#[inline]
pub(crate) fn woken(wire: &Wire) {
    if let Some(ring) = RECORDER.get() {
        ready(ring, wire, 0);
    }
}

/// The running wire has started one.
#[inline]
pub(crate) fn spawned(wire: &Wire) {
    if let Some(ring) = RECORDER.get() {
        ready(ring, wire, 1);
    }
}

#[inline(never)]
fn ready(ring: &Ring, wire: &Wire, spawned: u64) {
    let now = now();
    let tag = &wire.details().trace;
    ring.wait_is_over(tag.last.get(), tag.id(), now);
    tag.ready.set(now);
    tag.by.set(ring.running() << 1 | spawned);
}

/// The running wire ends; what is left of its slice is freeing and waking.
#[inline]
pub(crate) fn ends() {
    if let Some(ring) = RECORDER.get() {
        ring.then(&ENDED, core::ptr::null());
    }
}

/// `run()` is over.
#[inline]
pub(crate) fn rests() {
    if let Some(ring) = RECORDER.get() {
        ring.then(&ENDED, core::ptr::null());
        ring.close(now());
    }
}

/// The running wire has its OS thread sleep in `f` because no wire is ready, which is not running.
pub(crate) fn asleep<T>(f: impl FnOnce() -> T) -> T {
    let Some(ring) = RECORDER.get() else {
        return f();
    };
    ring.then(&ASLEEP, core::ptr::null());
    ring.close(now());
    let result = f();
    if let (Some(ring), Some(me)) = (RECORDER.get(), scheduler().current()) {
        slice(ring, me);
    }
    result
}

pub(super) fn mark(name: &'static str) {
    if let Some(ring) = RECORDER.get() {
        ring.mark(name, now());
    }
}

/// A recorder with room for the latest `N` run slices and marks, a power of two, at 96 bytes each. It
/// lies in a `static`, where it costs memory as it fills.
///
/// ```
/// use wire_core::{run, trace::{Trace, mark}, yield_now};
///
/// static TRACE: Trace<1024> = Trace::new();
///
/// TRACE.record(|| {
///     run(|| {
///         yield_now();
///         mark("half-way");
///         yield_now();
///     })
/// });
/// let mut json = String::new();
/// TRACE.write_json(&mut json).unwrap();
/// assert!(json.contains("half-way"));
/// // To look at it: save it in a file, go to https://ui.perfetto.dev, "Open trace file".
/// # let mut file = Vec::new();
/// TRACE.write_json_to(&mut file).unwrap(); // or any other `io::Write`
/// # assert_eq!(file, json.as_bytes());
/// ```
///
/// One OS thread at a time records into it. For several, take one for each, and have them written into
/// one file by [`write_json`](write_json()). Any thread may write JSON at any time, recording or not:
/// a signal handler's thread, say, or one that looks every second whether a wire is stuck in a loop.
///
/// When it is full, the oldest slices make room; the JSON tells how many are `lost`.
///
/// # What is in the JSON
///
/// - Run slices (category `run`), named like their wire. One that has not ended goes up to the time of
///   writing.
/// - Waits (`wait`), named like the [`Kind`](crate::Kind), with the address of what is waited on. One
///   that has not ended goes up to the time of writing. Between its end and the next run slice the wire
///   was ready. A monitor that sleeps until something happens is `asleep` (`idle`).
/// - Arrows from the wire that woke another (`wake`) or started it (`spawn`) to the latter's next slice.
///   What the outside world causes comes from the wire that watches it.
/// - Points: a wire's start and end, and [marks](crate::trace::mark).
/// - A counter `run slices over 10 ms`: for each slice that is longer, as long as it lasts, its duration
///   in milliseconds under the name of its wire.
///
/// A wire is a thread to the viewer, its number counts all wires of the process; an OS thread with its
/// wires is a process.
pub struct Trace<const N: usize> {
    ring: ring::Ring<[Slot; N]>,
}

/// Why recording cannot start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InUse {
    /// This thread records already. Stop that first.
    ThisThread,
    /// Another thread records into this one. Take one for each.
    AnotherThread,
}

impl fmt::Display for InUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InUse::ThisThread => "this OS thread records a trace already; stop that one first",
            InUse::AnotherThread => {
                "another OS thread records into this trace; take a `Trace` for each thread"
            }
        })
    }
}

impl core::error::Error for InUse {}

impl<const N: usize> Trace<N> {
    /// For any size.
    fn ring(&self) -> &Ring {
        &self.ring
    }

    /// An empty one. `N` must be a power of two, else it does not compile.
    pub const fn new() -> Trace<N> {
        const {
            assert!(
                N.is_power_of_two(),
                "the size of a `Trace` must be a power of two"
            )
        };
        Trace {
            ring: ring::Ring::new([const { Slot::new() }; N]),
        }
    }

    /// Records what the wires of the calling OS thread do while `f` runs, which is usually a whole
    /// [`run`](crate::run()). Unwinding ends it as well.
    ///
    /// # Panics
    ///
    /// With the message of [`InUse`] where [`start`](Trace::start) gives that.
    #[track_caller]
    pub fn record<T>(&'static self, f: impl FnOnce() -> T) -> T {
        struct Stop(&'static Ring);
        impl Drop for Stop {
            fn drop(&mut self) {
                stop(self.0);
            }
        }
        if let Err(error) = self.start() {
            panic!("{error}");
        }
        let _stop = Stop(&self.ring);
        f()
    }

    /// Begins to record what the wires of the calling OS thread do, inside or outside `run()`. What
    /// was recorded before stays, as far as there is room.
    ///
    /// # Errors
    ///
    /// See [`InUse`].
    pub fn start(&'static self) -> Result<(), InUse> {
        if RECORDER.get().is_some() {
            return Err(InUse::ThisThread);
        }
        if !self.ring().claim(now()) {
            return Err(InUse::AnotherThread);
        }
        RECORDER.set(Some(&self.ring));
        if let Some(wire) = scheduler().current() {
            runs(wire);
        }
        Ok(())
    }

    /// Ends what [`start`](Trace::start) began, on the same OS thread; elsewhere it does nothing. A
    /// thread that ends without keeps the recorder for good.
    pub fn stop(&self) {
        stop(&self.ring);
    }

    /// From which duration on a run slice counts as one of a wire that does not let others run: 10 ms
    /// unless it is set. It is applied when the JSON is written.
    pub fn set_limit(&self, limit: Duration) {
        self.ring().set_limit(limit);
    }

    /// Writes all that is recorded. Allocates nothing unless `out` does.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_json(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write_json(&[self.named("wires")], out)
    }

    /// [`Trace::write_json`] for files and the like; needs no buffer in `out`.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_json_to(&self, out: &mut dyn io::Write) -> io::Result<()> {
        write_json_to(&[self.named("wires")], out)
    }

    /// This one under a name, to be written into one file with others: see
    /// [`write_json`](write_json()).
    pub fn named<'a>(&'a self, name: &'a str) -> Recording<'a> {
        Recording {
            ring: self.ring(),
            name,
        }
    }
}

fn stop(ring: &Ring) {
    if RECORDER.get().is_some_and(|mine| core::ptr::eq(mine, ring)) {
        RECORDER.set(None);
        ring.give_back(now());
    }
}

impl<const N: usize> Default for Trace<N> {
    fn default() -> Trace<N> {
        Trace::new()
    }
}

impl<const N: usize> fmt::Debug for Trace<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace")
            .field("size", &N)
            .field("recorded", &self.ring().recorded())
            .finish_non_exhaustive()
    }
}
