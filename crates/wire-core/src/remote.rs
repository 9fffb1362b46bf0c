//! Waking wires from anywhere: the protocol between the wakers of futures, which may be on any OS
//! thread and outlive everything, and the threads whose wires wait.
//!
//! ```text
//!   Waker = a number: slot index │ generation            may be cloned, kept, leaked, used for ever
//!                         │
//!                         ▼
//!   slots  [ … │ generation, count of wakers, state │ … ]          a static table; one per wait
//!                         │ woken from another thread
//!                         ▼
//!   homes  [ … │ woken ─► slot ─► slot, asleep, bell │ … ]         one per thread that has waits
//! ```
//!
//! A waker holds no pointer. It changes its slot in one step, and only if that is still of its
//! generation; the wait's end makes a new one, so wakers that are late change nothing. The states:
//!
//! ```text
//!                wake                              (1) wake by its own thread, which unblocks the wire
//!   ┌─────────┐ ──────► ┌───────┐ ◄──────────────────────────────────┐
//!   │ POLLING │         │ WOKEN │                                    │
//!   └─────────┘ ◄────── └───────┘ ◄── drain, unblocks ── ┌────────┐  │
//!        │       poll                                    │ QUEUED │  │
//!        │ wait                                          └────────┘  │
//!        └────────────► ┌─────────┐ ── (2) wake by another ──► ▲     │
//!                       │ WAITING │ ─────────────────────────────────┘
//!                       └─────────┘          a wait that ends early while QUEUED leaves a ZOMBIE,
//!                                            for whoever drains to free
//! ```
//!
//! The last waker's drop wakes too: the next poll either makes another, or the wait is seen to be one
//! that nobody can end. Since wakers come from wakers and from polls, a wait that begins with none stays
//! so. `tests/loom.rs` tries all orders in which threads can do these steps.

// `tests/loom.rs` compiles this file with its own versions of both.
use crate::bell::Bell;
use crate::sync::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};

/// As many waits there can be at once with wakers of their own.
pub(crate) const MOST: usize = 1 << INDEX_BITS;
const INDEX_BITS: u32 = 16;

// The word of a slot: 44 bits generation, 16 bits count, 4 bits state.
const STATE: u64 = 15;
/// Also the state of a free slot: a wait needs no other before its first waker.
const POLLING: u64 = 0;
const WOKEN: u64 = 1;
const WAITING: u64 = 2;
const QUEUED: u64 = 3;
const ZOMBIE: u64 = 4;

const ONE_WAKER: u64 = 1 << 4;
/// That many, or more: no longer counted, so that the wait is taken for one that somebody can end.
const UNCOUNTED: u64 = 0xffff << 4;
const ONE_GENERATION: u64 = 1 << GENERATION_SHIFT;
const GENERATION_SHIFT: u32 = 20;

/// What a waker carries. On 32-bit machines only the low 16 bits of the generation fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(pub(crate) usize);

impl Ticket {
    fn new(index: usize, word: u64) -> Ticket {
        Ticket(index | Ticket::generation(word))
    }

    fn generation(word: u64) -> usize {
        ((word >> GENERATION_SHIFT) << INDEX_BITS) as usize
    }

    fn index(self) -> usize {
        self.0 % MOST
    }

    fn is_for(self, word: u64) -> bool {
        self.0 - self.index() == Ticket::generation(word)
    }
}

/// A thread's place in the table of homes, from 1. No thread has 0.
pub(crate) type HomeId = u32;

/// What a wake-up changes in the word of a slot.
fn woken(word: u64, by_its_own_thread: bool) -> u64 {
    let state = match word & STATE {
        POLLING => WOKEN,
        WAITING if by_its_own_thread => WOKEN,
        WAITING => QUEUED,
        same => same,
    };
    word & !STATE | state
}

pub(crate) struct Slot {
    pub(crate) word: AtomicU64,
    /// The next in the list it is in: of woken slots one more than its index, or 0; of free ones, the
    /// distance to that which follows in the table, so that a zeroed table is one list of all.
    pub(crate) next: AtomicU32,
    /// Set for each wait, before it has wakers.
    pub(crate) home: AtomicU32,
    pub(crate) wire: AtomicPtr<()>,
}

pub(crate) struct Home {
    pub(crate) taken: AtomicBool,
    /// The last of the slots woken from other threads.
    pub(crate) woken: AtomicU32,
    pub(crate) asleep: AtomicBool,
    pub(crate) bell: Bell,
}

pub(crate) struct Table<const SLOTS: usize, const HOMES: usize> {
    pub(crate) slots: [Slot; SLOTS],
    pub(crate) homes: [Home; HOMES],
    /// The first free slot, below a count of changes.
    pub(crate) free: AtomicU64,
}

/// How a poll that had no result was followed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// It was woken meanwhile: poll again.
    Woken,
    /// The wire is to block. Somebody may wake it, or there is no waker.
    Begun { expected: bool },
}

// For the thread that waits.
impl<const SLOTS: usize, const HOMES: usize> Table<SLOTS, HOMES> {
    /// Makes a place in the table this thread's, if there is one.
    pub(crate) fn take_home(&self) -> Option<HomeId> {
        let index = self.homes.iter().position(|home| {
            home.taken
                .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
        })?;
        Some(index as HomeId + 1)
    }

    /// Undoes it. No wait of the thread is under way. Slots that are woken too late arrive at who has
    /// the place next.
    pub(crate) fn leave_home(&self, home: HomeId) {
        self.home(home).taken.store(false, Ordering::Release);
    }

    pub(crate) fn home(&self, home: HomeId) -> &Home {
        &self.homes[home as usize - 1]
    }

    fn slot(&self, ticket: Ticket) -> &Slot {
        &self.slots[ticket.index()]
    }

    /// A slot for a wait of this wire, if there is one.
    pub(crate) fn claim(&self, home: HomeId, wire: *mut ()) -> Option<Ticket> {
        let mut head = self.free.load(Ordering::Acquire);
        let index = loop {
            let index = head as u32;
            let next = self.slots.get(index as usize)?.next.load(Ordering::Relaxed);
            let next = next.wrapping_add(index + 1);
            match self.change_free(head, next) {
                Ok(()) => break index as usize,
                Err(now) => head = now,
            }
        };
        let slot = &self.slots[index];
        slot.home.store(home, Ordering::Relaxed);
        slot.wire.store(wire, Ordering::Relaxed);
        Some(Ticket::new(index, slot.word.load(Ordering::Relaxed)))
    }

    fn free(&self, index: usize) {
        let mut head = self.free.load(Ordering::Relaxed);
        loop {
            let distance = (head as u32).wrapping_sub(index as u32 + 1);
            self.slots[index].next.store(distance, Ordering::Relaxed);
            match self.change_free(head, index as u32) {
                Ok(()) => return,
                Err(now) => head = now,
            }
        }
    }

    fn change_free(&self, head: u64, to: u32) -> Result<(), u64> {
        // Counted, since the same slot may come back to the front while somebody looks at it.
        let to = ((head >> 32).wrapping_add(1) << 32) | u64::from(to);
        self.free
            .compare_exchange(head, to, Ordering::AcqRel, Ordering::Acquire)
            .map(drop)
    }

    /// The future is about to be polled: wake-ups count from here.
    pub(crate) fn begin_poll(&self, ticket: Ticket) {
        let polling = |word| Some(word & !STATE | POLLING);
        let word = &self.slot(ticket).word;
        let _ = word.fetch_update(Ordering::AcqRel, Ordering::Relaxed, polling);
    }

    /// The poll had no result.
    pub(crate) fn begin_wait(&self, ticket: Ticket) -> Wait {
        let waiting = |word| (word & STATE == POLLING).then_some(word & !STATE | WAITING);
        let word = &self.slot(ticket).word;
        match word.fetch_update(Ordering::AcqRel, Ordering::Relaxed, waiting) {
            Ok(word) => Wait::Begun {
                expected: word & UNCOUNTED != 0,
            },
            Err(_) => Wait::Woken,
        }
    }

    pub(crate) fn is_woken(&self, ticket: Ticket) -> bool {
        self.slot(ticket).word.load(Ordering::Acquire) & STATE == WOKEN
    }

    /// The wait is over, whatever its state; wakers of it do nothing from here on.
    pub(crate) fn end(&self, ticket: Ticket) {
        let next = |word: u64| {
            let state = if word & STATE == QUEUED {
                ZOMBIE
            } else {
                POLLING
            };
            let generation = (word & !(ONE_GENERATION - 1)).wrapping_add(ONE_GENERATION);
            Some(generation | state)
        };
        let word = &self.slot(ticket).word;
        let (Ok(before) | Err(before)) =
            word.fetch_update(Ordering::AcqRel, Ordering::Relaxed, next);
        if before & STATE != QUEUED {
            self.free(ticket.index());
        }
    }

    /// Gives the wires woken from other threads to `unblock`, the first one first, all but `running`:
    /// it is about to block and cannot be made runnable yet, so it stays for the next time.
    pub(crate) fn drain(&self, id: HomeId, running: *const (), mut unblock: impl FnMut(*mut ())) {
        let home = self.home(id);
        if home.woken.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut newest = home.woken.swap(0, Ordering::Acquire);
        let mut oldest = 0;
        while newest != 0 {
            let next = &self.slots[newest as usize - 1].next;
            let before = next.load(Ordering::Relaxed);
            next.store(oldest, Ordering::Relaxed);
            oldest = newest;
            newest = before;
        }
        while oldest != 0 {
            let index = oldest as usize - 1;
            let slot = &self.slots[index];
            oldest = slot.next.load(Ordering::Relaxed);
            let wire = slot.wire.load(Ordering::Relaxed);
            if slot.word.load(Ordering::Relaxed) & STATE == ZOMBIE {
                self.free(index);
            } else if wire.cast_const() == running {
                self.push(home, index);
            } else {
                let woken = |word| Some(word & !STATE | WOKEN);
                let _ = slot
                    .word
                    .fetch_update(Ordering::AcqRel, Ordering::Relaxed, woken);
                unblock(wire);
            }
        }
    }

    /// Announces that this thread may sleep; `false` if something was woken, so that it must not.
    pub(crate) fn may_sleep(&self, home: HomeId) -> bool {
        let home = self.home(home);
        home.asleep.store(true, Ordering::Relaxed);
        // Pairs with the fence in `post`: either we see the slot, or who pushed it sees us asleep.
        fence(Ordering::SeqCst);
        if home.woken.load(Ordering::Relaxed) == 0 {
            return true;
        }
        home.asleep.store(false, Ordering::Relaxed);
        false
    }

    /// Takes the announcement back.
    pub(crate) fn awake(&self, home: HomeId) {
        self.home(home).asleep.store(false, Ordering::Relaxed);
    }
}

// For wakers. `here` is the home of the calling thread; the wire they give back is one of its own, to
// be unblocked by the caller.
impl<const SLOTS: usize, const HOMES: usize> Table<SLOTS, HOMES> {
    pub(crate) fn clone_waker(&self, ticket: Ticket) {
        self.change(ticket, 0, |word, _| {
            if word & UNCOUNTED == UNCOUNTED {
                word
            } else {
                word + ONE_WAKER
            }
        });
    }

    #[must_use]
    pub(crate) fn drop_waker(&self, ticket: Ticket, here: HomeId) -> Option<*mut ()> {
        self.change(ticket, here, |word, own| match word & UNCOUNTED {
            // The former cannot be, but for a waker as old as all generations.
            0 | UNCOUNTED => word,
            // `begin_wait` looks at the count itself.
            ONE_WAKER if word & STATE == WAITING => woken(word - ONE_WAKER, own),
            _ => word - ONE_WAKER,
        })
    }

    #[must_use]
    pub(crate) fn wake(&self, ticket: Ticket, here: HomeId) -> Option<*mut ()> {
        // Written even if it stays the same: what was done before this wake-up must be seen by the
        // poll that it, too, is the cause of.
        self.change(ticket, here, woken)
    }

    fn change(
        &self,
        ticket: Ticket,
        here: HomeId,
        to: impl Fn(u64, bool) -> u64,
    ) -> Option<*mut ()> {
        let slot = self.slot(ticket);
        // Set before the word has this generation's states, so it is that of the word just read.
        let own = || slot.home.load(Ordering::Relaxed) == here;
        let change = |word| ticket.is_for(word).then(|| to(word, own()));
        let before = slot
            .word
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, change)
            .ok()?;
        if before & STATE != WAITING {
            return None;
        }
        match to(before, own()) & STATE {
            WOKEN => Some(slot.wire.load(Ordering::Relaxed)),
            QUEUED => {
                // Ours until we have pushed it: it is not freed before it was drained.
                self.post(ticket.index());
                None
            }
            _ => None,
        }
    }

    fn post(&self, index: usize) {
        let home = self.home(self.slots[index].home.load(Ordering::Relaxed));
        self.push(home, index);
        fence(Ordering::SeqCst);
        // One of many rings: the one that takes the announcement away.
        let (asleep, awake) = (true, false);
        if home.asleep.load(Ordering::Relaxed)
            && home
                .asleep
                .compare_exchange(asleep, awake, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            home.bell.ring();
        }
    }

    fn push(&self, home: &Home, index: usize) {
        let mut head = home.woken.load(Ordering::Relaxed);
        loop {
            self.slots[index].next.store(head, Ordering::Relaxed);
            match home.woken.compare_exchange_weak(
                head,
                index as u32 + 1,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }
}
