//! The latest run slices and marks of a thread, in a ring that other threads may read at any time.
//!
//! ```text
//!              first                    head = how many there ever were
//!                │                        │
//!   slots  ┌─────▼─────┬───────────┬──────▼────┬───────────┐
//!          │ stamp 5   │ stamp 6   │ stamp 3   │ stamp 4   │      stamp = index + 1
//!          └───────────┴───────────┴───────────┴───────────┘
//! ```
//!
//! One thread writes: the one that has claimed the ring. A slot is invalid (stamp 0) while it is filled.
//! Who reads takes the stamp, the rest and the stamp again; if that is the same, what lies between
//! belongs together. What is added to a slice later, its end and what came of it, changes from nothing to
//! its value once, and each of these is good by itself.

use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering, fence};
use core::{ptr, slice, str};
use std::time::Duration;

use crate::reason::Kind;

/// What a slice ends with if its wire does.
pub(super) static ENDED: Kind = Kind::new("end");
/// What a slice ends with if its wire has the OS thread sleep.
pub(super) static ASLEEP: Kind = Kind::new("asleep");
/// What a mark has in that place.
pub(super) static MARK: Kind = Kind::new("mark");

const DEFAULT_LIMIT: u64 = 10_000_000;

/// A run slice, or a mark. Times are in nanoseconds.
pub(super) struct Slot {
    stamp: AtomicU64,
    wire: AtomicU64,
    /// The wire's name, or the mark's: a `&'static str` in its two parts.
    name: AtomicPtr<u8>,
    len: AtomicUsize,
    start: AtomicU64,
    /// 0 while the slice runs.
    end: AtomicU64,
    /// When the wire was made ready, if it had not just yielded, else 0.
    ready: AtomicU64,
    /// Twice the number of the wire that did so (0 if none did), and one more if it started it.
    by: AtomicU64,
    /// The stamp of the wire's slice before, or 0.
    before: AtomicU64,
    /// Why it ended: what the wire waits for, [`ENDED`], or null if it yielded. Good when there is an end.
    then: AtomicPtr<Kind>,
    object: AtomicPtr<()>,
    /// When that wait was over, or recording, or 0.
    over: AtomicU64,
}

impl Slot {
    pub(super) const fn new() -> Slot {
        Slot {
            stamp: AtomicU64::new(0),
            wire: AtomicU64::new(0),
            name: AtomicPtr::new(ptr::null_mut()),
            len: AtomicUsize::new(0),
            start: AtomicU64::new(0),
            end: AtomicU64::new(0),
            ready: AtomicU64::new(0),
            by: AtomicU64::new(0),
            before: AtomicU64::new(0),
            then: AtomicPtr::new(ptr::null_mut()),
            object: AtomicPtr::new(ptr::null_mut()),
            over: AtomicU64::new(0),
        }
    }

    /// For the thread that records.
    fn wait_is_over(&self, now: u64) {
        let waits = !self.then.load(RELAXED).is_null();
        if waits && self.over.load(RELAXED) == 0 {
            self.over.store(now, RELAXED);
        }
    }
}

/// What a slot holds, read in one piece.
#[derive(Clone, Copy)]
pub(super) struct Event {
    pub(super) wire: u64,
    pub(super) name: &'static str,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) ready: u64,
    pub(super) by: u64,
    pub(super) before: u64,
    pub(super) then: Option<&'static Kind>,
    pub(super) object: *const (),
    pub(super) over: u64,
}

impl Event {
    /// A slice that begins.
    pub(super) fn new(wire: u64, name: &'static str, start: u64) -> Event {
        Event {
            wire,
            name,
            start,
            end: 0,
            ready: 0,
            by: 0,
            before: 0,
            then: None,
            object: ptr::null(),
            over: 0,
        }
    }

    /// Whether it ended with this.
    pub(super) fn ended_with(&self, kind: &'static Kind) -> bool {
        self.then.is_some_and(|then| ptr::eq(then, kind))
    }
}

/// See the module's diagram. All zeros when new, so that a static one takes no room in the program.
pub(super) struct Ring<S: ?Sized = [Slot]> {
    /// Whether a thread records here.
    claimed: AtomicBool,
    head: AtomicU64,
    /// The stamp of the slice that runs, or 0.
    running: AtomicU64,
    /// When recording began last.
    since: AtomicU64,
    /// When it stopped last, 0 while it goes on.
    until: AtomicU64,
    /// Marks that found no room behind the slice that runs.
    marks_lost: AtomicU64,
    /// What `set_limit` was told, in nanoseconds, or 0.
    limit: AtomicU64,
    slots: S,
}

const RELAXED: Ordering = Ordering::Relaxed;

impl<S> Ring<S> {
    pub(super) const fn new(slots: S) -> Ring<S> {
        Ring {
            claimed: AtomicBool::new(false),
            head: AtomicU64::new(0),
            running: AtomicU64::new(0),
            since: AtomicU64::new(0),
            until: AtomicU64::new(0),
            marks_lost: AtomicU64::new(0),
            limit: AtomicU64::new(0),
            slots,
        }
    }
}

/// For the thread that records, which has claimed the ring.
impl Ring {
    /// Makes the calling thread the one that writes, if there is none.
    pub(super) fn claim(&self, now: u64) -> bool {
        let free = self
            .claimed
            .compare_exchange(false, true, Ordering::Acquire, RELAXED)
            .is_ok();
        if free {
            self.since.store(now, RELAXED);
            self.until.store(0, RELAXED);
        }
        free
    }

    /// Undoes `claim`.
    pub(super) fn give_back(&self, now: u64) {
        self.close(now);
        // What becomes of those that wait is not recorded.
        for slot in &self.slots {
            slot.wait_is_over(now);
        }
        self.until.store(now, RELAXED);
        self.claimed.store(false, Ordering::Release);
    }

    /// When recording began.
    pub(super) fn since(&self) -> u64 {
        self.since.load(RELAXED)
    }

    /// The slot of an index, whatever is in it.
    fn at(&self, index: u64) -> &Slot {
        &self.slots[index as usize & (self.slots.len() - 1)]
    }

    /// The slot with that stamp, if it is still there.
    fn stamped(&self, stamp: u64) -> Option<&Slot> {
        let slot = self.at(stamp.checked_sub(1)?);
        (slot.stamp.load(RELAXED) == stamp).then_some(slot)
    }

    /// The wire that runs, or 0.
    pub(super) fn running(&self) -> u64 {
        self.stamped(self.running.load(RELAXED))
            .map_or(0, |slot| slot.wire.load(RELAXED))
    }

    /// Fills the next slot and gives its stamp.
    fn push(&self, event: &Event) -> u64 {
        let index = self.head.load(RELAXED);
        let slot = self.at(index);
        slot.stamp.store(0, RELAXED);
        // Who reads anything of what follows, sees the stamp gone.
        fence(Ordering::Release);
        slot.wire.store(event.wire, RELAXED);
        slot.name.store(event.name.as_ptr().cast_mut(), RELAXED);
        slot.len.store(event.name.len(), RELAXED);
        slot.start.store(event.start, RELAXED);
        slot.end.store(event.end, RELAXED);
        slot.ready.store(event.ready, RELAXED);
        slot.by.store(event.by, RELAXED);
        slot.before.store(event.before, RELAXED);
        let then = event.then.map_or(ptr::null(), ptr::from_ref);
        slot.then.store(then.cast_mut(), RELAXED);
        slot.object.store(event.object.cast_mut(), RELAXED);
        slot.over.store(event.over, RELAXED);
        slot.stamp.store(index + 1, Ordering::Release);
        self.head.store(index + 1, Ordering::Release);
        index + 1
    }

    /// Begins a slice and gives its stamp.
    pub(super) fn open(&self, slice: &Event) -> u64 {
        let stamp = self.push(slice);
        self.running.store(stamp, RELAXED);
        stamp
    }

    /// What the wire of the slice that runs is about to wait for.
    pub(super) fn then(&self, kind: &'static Kind, object: *const ()) {
        if let Some(slot) = self.stamped(self.running.load(RELAXED)) {
            slot.then.store(ptr::from_ref(kind).cast_mut(), RELAXED);
            slot.object.store(object.cast_mut(), RELAXED);
        }
    }

    /// Ends the slice that runs, if one does.
    pub(super) fn close(&self, now: u64) {
        if let Some(slot) = self.stamped(self.running.load(RELAXED)) {
            // Behind what came of it.
            slot.end.store(now, Ordering::Release);
        }
        self.running.store(0, RELAXED);
    }

    /// Ends the wait that the slice `stamp` of `wire` ended with, if it did and that is not over. Says
    /// whether the slice is still there.
    pub(super) fn wait_is_over(&self, stamp: u64, wire: u64, now: u64) -> bool {
        // The stamp may be that of another ring, which this thread recorded into before.
        let slot = self.stamped(stamp);
        let slot = slot.filter(|slot| slot.wire.load(RELAXED) == wire);
        if let Some(slot) = slot {
            slot.wait_is_over(now);
        }
        slot.is_some()
    }

    /// Adds a mark of the wire that runs; not over the slice that runs.
    pub(super) fn mark(&self, name: &'static str, now: u64) {
        let running = self.running.load(RELAXED);
        let full = running + self.slots.len() as u64 - 1 == self.head.load(RELAXED);
        if running != 0 && full {
            let lost = self.marks_lost.load(RELAXED);
            return self.marks_lost.store(lost + 1, RELAXED);
        }
        self.push(&Event {
            end: now,
            then: Some(&MARK),
            ..Event::new(self.running(), name, now)
        });
    }
}

/// For any thread.
impl Ring {
    pub(super) fn set_limit(&self, limit: Duration) {
        let limit = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        self.limit.store(limit.max(1), RELAXED);
    }

    /// In nanoseconds.
    pub(super) fn limit(&self) -> u64 {
        match self.limit.load(RELAXED) {
            0 => DEFAULT_LIMIT,
            limit => limit,
        }
    }

    /// How many slices and marks there ever were in the ring.
    pub(super) fn recorded(&self) -> u64 {
        self.head.load(Ordering::Acquire)
    }

    pub(super) fn marks_lost(&self) -> u64 {
        self.marks_lost.load(RELAXED)
    }

    /// When recording stopped, if it has.
    pub(super) fn until(&self) -> Option<u64> {
        match self.until.load(RELAXED) {
            0 => None,
            until => Some(until),
        }
    }

    /// The oldest index that may still be there, if there were `recorded`.
    pub(super) fn oldest(&self, recorded: u64) -> u64 {
        recorded.saturating_sub(self.slots.len() as u64)
    }

    /// What is recorded under an index, unless it had to make room.
    pub(super) fn read(&self, index: u64) -> Option<Event> {
        let slot = self.at(index);
        if slot.stamp.load(Ordering::Acquire) != index + 1 {
            return None;
        }
        let (name, len) = (slot.name.load(RELAXED), slot.len.load(RELAXED));
        // Before what came of it.
        let end = slot.end.load(Ordering::Acquire);
        let then = slot.then.load(RELAXED);
        let event = Event {
            end,
            ready: slot.ready.load(RELAXED),
            by: slot.by.load(RELAXED),
            before: slot.before.load(RELAXED),
            // SAFETY: null, or made of a `&'static Kind`.
            then: unsafe { then.cast_const().as_ref() }.filter(|_| end != 0),
            object: slot.object.load(RELAXED).cast_const(),
            over: slot.over.load(RELAXED),
            ..Event::new(slot.wire.load(RELAXED), "", slot.start.load(RELAXED))
        };
        // If any of this was of a later event, the fence in `push` and this one show that the stamp has gone.
        fence(Ordering::Acquire);
        if slot.stamp.load(RELAXED) != index + 1 {
            return None;
        }
        // SAFETY: both are of one event, since the stamp stayed, and so make up the `&'static str` that
        // one was given. Only the thread that has claimed the ring writes.
        let name = unsafe { str::from_utf8_unchecked(slice::from_raw_parts(name, len)) };
        Some(Event { name, ..event })
    }
}
