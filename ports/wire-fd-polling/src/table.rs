//! What is known of each descriptor, in a table indexed by its number.
//!
//! ```text
//!   one slab, as large as the hard limit on descriptors; the system gives it memory page by page as
//!   numbers come into use, and entries never move
//!   ┌─────────┬─────────┬─────────┬─ ─ ─
//!   │ Entry 0 │ Entry 1 │ Entry 2 │
//!   └─────────┴─────────┴─────────┴─ ─ ─
//!   the poller's key:  generation │ descriptor     half a word each, never a pointer
//! ```
//!
//! A number is used again for another descriptor as soon as it is closed, and the poller may still
//! hold events for the one before; the generation tells them apart.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::os::fd::{BorrowedFd, RawFd};
use std::ptr::NonNull;

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit};
use wire_core::WaitQueue;
use wire_stack::Slab;

use crate::error::RegisterError;

/// Remembered readiness, one bit each.
pub(crate) const READ: u8 = 1;
pub(crate) const WRITE: u8 = 2;
/// Who waits asks the kernel anew, so what a short read says may be believed.
pub(crate) const ASKS: u8 = 4;
/// The owner has closed it; waiting ends with an error.
pub(crate) const CLOSED: u8 = 8;

/// What tells one open file from another.
pub(crate) type FileId = (u64, u64);

/// One registered descriptor.
#[derive(Debug)]
pub(crate) struct Entry {
    /// 0 in memory never used; the first registration has generation 1.
    key: Cell<usize>,
    /// Between `claim` and `release`.
    claimed: Cell<bool>,
    /// Device and number of the file, by which one is told that was closed behind our back.
    file: Cell<FileId>,
    /// The poller has it.
    pub(crate) listed: Cell<bool>,
    /// Directions that the poller will report, where it is asked for each wait.
    pub(crate) asked: Cell<u8>,
    state: Cell<u8>,
    /// Operations since the last turn given to others.
    spent: Cell<u8>,
    pub(crate) readers: WaitQueue,
    pub(crate) writers: WaitQueue,
}

impl Entry {
    pub(crate) fn set(&self, bits: u8) {
        self.state.set(self.state.get() | bits);
    }

    pub(crate) fn clear(&self, bits: u8) {
        self.state.set(self.state.get() & !bits);
    }

    pub(crate) fn has(&self, bits: u8) -> bool {
        self.state.get() & bits != 0
    }

    /// Counts an operation; says how many there were since [`refill`](Entry::refill).
    pub(crate) fn spend(&self) -> u8 {
        let spent = self.spent.get() + 1;
        self.spent.set(spent);
        spent
    }

    pub(crate) fn refill(&self) {
        self.spent.set(0);
    }

    /// What the poller calls it.
    pub(crate) fn key(&self) -> usize {
        self.key.get()
    }

    /// Whether the registration with this key goes on.
    pub(crate) fn is(&self, key: usize) -> bool {
        self.key.get() == key && self.claimed.get()
    }

    /// The descriptor, while it is registered.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        // SAFETY: its owner keeps it open as long as it is registered.
        unsafe { BorrowedFd::borrow_raw((self.key.get() & NUMBER) as RawFd) }
    }

    /// The directions that somebody waits for.
    pub(crate) fn awaited(&self) -> u8 {
        let bit = |queue: &WaitQueue, bit| if queue.is_empty() { 0 } else { bit };
        bit(&self.readers, READ) | bit(&self.writers, WRITE)
    }
}

const HALF: u32 = usize::BITS / 2;
/// The half of a key that is the descriptor's number.
const NUMBER: usize = (1 << HALF) - 1;

/// A program that raises its limit beyond this gets an error, not a larger reservation. Less than half
/// a word can count, so that no key is the one that pollers keep for themselves (all ones).
const MOST: usize = if NUMBER < 1 << 20 { NUMBER } else { 1 << 20 };

#[derive(Debug)]
pub(crate) struct Table {
    slab: ManuallyDrop<Slab<Entry>>,
    claimed: Cell<usize>,
    /// Behind the highest number that was ever registered.
    high: Cell<usize>,
    /// Where a waiter was found last.
    found: Cell<usize>,
}

impl Table {
    pub(crate) fn map() -> Result<Table, RegisterError> {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        let len = usize::try_from(hard).map_or(MOST, |hard| hard.clamp(1024, MOST));
        let slab = Slab::new(len).map_err(RegisterError::Stack)?;
        Ok(Table {
            slab: ManuallyDrop::new(slab),
            claimed: Cell::new(0),
            high: Cell::new(0),
            found: Cell::new(0),
        })
    }

    fn at(&self, fd: RawFd) -> Option<NonNull<Entry>> {
        let place = self.slab.places().get(usize::try_from(fd).ok()?)?;
        NonNull::new(place.get().cast())
    }

    /// The entry of a number that is registered, with another file than this.
    pub(crate) fn stale(&self, fd: RawFd, file: FileId) -> Option<&Entry> {
        // SAFETY: the memory is zero or holds an entry; zeroes are one that is not claimed, with nobody in
        // its queues.
        let entry = unsafe { self.at(fd)?.as_ref() };
        (entry.claimed.get() && entry.file.get() != file).then_some(entry)
    }

    /// A fresh entry for a descriptor that is to be registered.
    pub(crate) fn claim(&self, fd: RawFd, file: FileId) -> Result<NonNull<Entry>, RegisterError> {
        let limit = self.slab.places().len();
        let place = self.at(fd).ok_or(RegisterError::TooLarge { fd, limit })?;
        // SAFETY: as in `stale`.
        let before = unsafe { place.as_ref() };
        // Who still waits does so for one that is over: they find that out, and nobody is left behind in
        // queues that are about to be overwritten.
        if !before.claimed.get() {
            before.readers.wake_all();
            before.writers.wake_all();
        }
        if before.claimed.get() {
            return Err(Errno::EEXIST.into());
        }
        let generation = ((before.key.get() >> HALF) + 1) & NUMBER;
        // SAFETY: not claimed, so it has no owner, and nobody waits in it: they were woken.
        unsafe {
            place.write(Entry {
                key: Cell::new(generation.max(1) << HALF | fd as usize),
                claimed: Cell::new(true),
                file: Cell::new(file),
                listed: Cell::new(false),
                asked: Cell::new(0),
                state: Cell::new(0),
                spent: Cell::new(0),
                readers: WaitQueue::new(),
                writers: WaitQueue::new(),
            });
        }
        self.claimed.set(self.claimed.get() + 1);
        self.high.set(self.high.get().max(fd as usize + 1));
        Ok(place)
    }

    /// Ends what `claim` began: events still on their way no longer find it.
    pub(crate) fn release(&self, entry: &Entry) {
        if entry.claimed.replace(false) {
            self.claimed.set(self.claimed.get() - 1);
        }
    }

    /// Whether somebody waits for a registered descriptor. Looks first where it found one before.
    pub(crate) fn has_waiters(&self) -> bool {
        let high = self.high.get();
        let from = self.found.get();
        let found = (from..high).chain(0..from.min(high)).find(|&index| {
            // SAFETY: as in `stale`.
            let entry = self
                .at(index as RawFd)
                .map(|entry| unsafe { entry.as_ref() });
            entry.is_some_and(|entry| entry.awaited() != 0)
        });
        self.found.set(found.unwrap_or(0));
        found.is_some()
    }

    /// How many are registered.
    pub(crate) fn claimed(&self) -> usize {
        self.claimed.get()
    }

    /// The entry that a key means, unless its registration is over.
    pub(crate) fn find(&self, key: usize) -> Option<&Entry> {
        let entry = self.at((key & NUMBER) as RawFd)?;
        // SAFETY: keys come from `claim`, so the entry was written; entries never move.
        let entry = unsafe { entry.as_ref() };
        entry.is(key).then_some(entry)
    }
}

impl Drop for Table {
    /// Keeps the memory if something is still registered: the destructor of some other thread-local
    /// value may still read and write a `Watch`.
    fn drop(&mut self) {
        if self.claimed.get() == 0 {
            // SAFETY: not used any more.
            unsafe { ManuallyDrop::drop(&mut self.slab) };
        }
    }
}
