//! What is known of each descriptor, in a table indexed by its number.
//!
//! ```text
//!   one mapping, reserved for as many descriptors as the hard limit allows; the kernel gives it
//!   memory page by page as numbers come into use, and entries never move
//!   ┌─────────┬─────────┬─────────┬─ ─ ─
//!   │ Entry 0 │ Entry 1 │ Entry 2 │
//!   └─────────┴─────────┴─────────┴─ ─ ─
//!   epoll's data word:  generation << 32 | descriptor     never a pointer
//! ```
//!
//! A number is used again for another descriptor as soon as it is closed, and the kernel may still
//! hold events for the one before; the generation tells them apart.

use std::cell::Cell;
use std::os::fd::RawFd;
use std::ptr::NonNull;

use nix::sys::resource::{Resource, getrlimit};
use wire_core::WaitQueue;

use crate::error::RegisterError;
use crate::reserved::Reserved;

/// Remembered readiness, one bit each.
pub(crate) const READ: u8 = 1;
pub(crate) const WRITE: u8 = 2;
/// The other side is done, the connection broken, or urgent data on its way: a short read no longer
/// means "drained".
pub(crate) const ENDING: u8 = 4;
/// The owner has closed it; waiting ends with an error.
pub(crate) const CLOSED: u8 = 8;

/// One registered descriptor.
#[derive(Debug)]
pub(crate) struct Entry {
    /// 0 in memory never used; the first registration makes it 1.
    generation: Cell<u32>,
    pub(crate) state: Cell<u8>,
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

    /// Whether the registration that was given this number is over. When the thread's table is gone, with
    /// the thread, nothing is known, and nothing over.
    #[inline]
    pub(crate) fn is_over(&self, generation: u32) -> bool {
        self.generation.get() != generation && self.generation.get() != 0
    }

    /// The number of the registration.
    pub(crate) fn generation(&self) -> u32 {
        self.generation.get()
    }

    fn has_waiters(&self) -> bool {
        !self.readers.is_empty() || !self.writers.is_empty()
    }

    /// Ends the registration: events still on their way no longer match.
    pub(crate) fn retire(&self) {
        self.generation.set(next(self.generation.get()));
    }
}

fn next(generation: u32) -> u32 {
    generation.wrapping_add(1).max(1)
}

/// A program that raises its limit beyond this gets an error, not a larger reservation.
const MOST: usize = 1 << 20;

#[derive(Debug)]
pub(crate) struct Table {
    entries: Reserved<Entry>,
    /// Behind the highest number that was ever registered.
    high: Cell<usize>,
    /// Where a waiter was found last.
    found: Cell<usize>,
}

impl Table {
    pub(crate) fn map() -> Result<Table, RegisterError> {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        let len = usize::try_from(hard).map_or(MOST, |hard| hard.clamp(1024, MOST));
        Ok(Table {
            entries: Reserved::map(len)?,
            high: Cell::new(0),
            found: Cell::new(0),
        })
    }

    fn at(&self, fd: RawFd) -> Option<NonNull<Entry>> {
        let index = usize::try_from(fd).ok()?;
        // SAFETY: inside the mapping.
        (index < self.entries.len()).then(|| unsafe { self.entries.at(index) })
    }

    /// The word for epoll of the next registration of `fd`.
    pub(crate) fn next_word(&self, fd: RawFd) -> Result<u64, RegisterError> {
        let limit = self.entries.len();
        let entry = self.at(fd).ok_or(RegisterError::TooLarge { fd, limit })?;
        // SAFETY: the mapping is zeroed or holds an entry; reading the number is fine in both.
        let generation = next(unsafe { (*entry.as_ptr().cast_const()).generation.get() });
        Ok((u64::from(generation) << 32) | u64::from(fd as u32))
    }

    /// A fresh entry for the registration that epoll has just taken under `word`, which
    /// [`next_word`](Table::next_word) gave.
    pub(crate) fn open(&self, word: u64) -> NonNull<Entry> {
        let entry = self
            .at(word as u32 as RawFd)
            .expect("its number was looked up before");
        self.high.set(self.high.get().max(word as u32 as usize + 1));
        // SAFETY: inside the mapping. Epoll takes a descriptor once, so this entry has no registration. Who
        // still waits in it does so for one that was closed behind our back; they find that it is over.
        unsafe {
            if (*entry.as_ptr().cast_const()).generation.get() != 0 {
                let before = entry.as_ref();
                before.retire();
                before.readers.wake_all();
                before.writers.wake_all();
            }
            entry.write(Entry {
                generation: Cell::new((word >> 32) as u32),
                state: Cell::new(0),
                spent: Cell::new(0),
                readers: WaitQueue::new(),
                writers: WaitQueue::new(),
            });
            entry
        }
    }

    /// Whether somebody waits for a registered descriptor. Looks first where it found one before.
    pub(crate) fn has_waiters(&self) -> bool {
        let high = self.high.get();
        let from = self.found.get();
        let found = (from..high).chain(0..from.min(high)).find(|&index| {
            // SAFETY: inside the mapping; zeroes, where nothing was registered, are a good entry with
            // nobody in its queues.
            unsafe { self.entries.at(index).as_ref() }.has_waiters()
        });
        self.found.set(found.unwrap_or(0));
        found.is_some()
    }

    /// The entry that epoll's word means, unless its registration is over.
    pub(crate) fn find(&self, word: u64) -> Option<&Entry> {
        let entry = self.at(word as u32 as RawFd)?;
        // SAFETY: words come from `open`, so the entry was written; entries never move.
        let entry = unsafe { entry.as_ref() };
        (entry.generation.get() == (word >> 32) as u32).then_some(entry)
    }
}

impl Drop for Table {
    /// Gives the memory back but keeps the addresses: the destructor of some other thread-local
    /// value may still read and write a `Watch`, whose entry then says "nothing is known".
    fn drop(&mut self) {
        // SAFETY: entries are plain cells and queues, in which nobody waits when the thread ends;
        // zeroes are what they were before their first use.
        unsafe { self.entries.forget_all() };
    }
}

/// What a kernel event says, in the table's bits.
pub(crate) fn readiness(events: u32) -> u8 {
    let has = |bits: i32| events & bits as u32 != 0;
    // Urgent data as well: a read stops short at its mark, with more behind it.
    let ending = has(libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR | libc::EPOLLPRI);
    let mut state = 0;
    if ending || has(libc::EPOLLIN) {
        state |= READ;
    }
    if has(libc::EPOLLOUT | libc::EPOLLHUP | libc::EPOLLERR) {
        state |= WRITE;
    }
    if ending {
        state |= ENDING;
    }
    state
}
