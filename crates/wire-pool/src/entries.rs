//! What both kinds of pool have in common: which wires are free, and who waits for one.
//!
//! ```text
//!   places   │ entry │ entry │ entry │ not made yet …           side by side
//!            └───│───┴───────┴───│───┘
//!   stacks     stack   stack   stack                            apart, each the entry's for good
//!
//!   top ──► entry 3 ──► entry 1          free, the last one freed first
//!   waiters ──► wire ──► wire            oldest first; only while none is free but those promised
//! ```
//!
//! An entry is made when it is first needed: its control block is written, its stack fetched and
//! guarded. The state of a fresh pool is all zeroes, so that one in a `static` lies in .bss.
//!
//! An entry that comes free while somebody waits is *promised*: the first one who waits is woken,
//! and what is free less what is promised is all that newcomers get. Which entry it was does not
//! matter, so the promise is a number, and whoever was woken takes the one freed last.

use std::cell::Cell;
use std::ptr::{self, NonNull};

use wire_core::outside::in_wire;
use wire_core::{Interrupt, JoinHandle, Kind, Reason, Scope, Stack, WaitQueue, Wire};
use wire_stack::{Place, StackError, mark_unused};

use crate::{SpawnError, TrySpawnError};

static FREE_WIRE: Kind = Kind::new("free wire of a pool");
static POOL_IDLE: Kind = Kind::new("end of a pool's wires");

/// One wire of a pool.
pub(crate) struct Entry {
    wire: Wire,
    low: NonNull<u8>,
    size: usize,
    /// Where the pool is at present: it may move while nobody uses it.
    state: Cell<*const State>,
    /// The next free entry, or null.
    next: Cell<*const Entry>,
    place: u32,
}

// SAFETY: a pool that is owned, not borrowed, has no living wire (those borrow it), and its control
// blocks are `Send` then. `state` is written before each use; stack and place are the entry's own, and
// free entries stay where they are as long as the pool has been used.
unsafe impl Send for Entry {}

/// Which entries are free, and who waits. All zeroes at first.
pub(crate) struct State {
    /// The first free entry, or null.
    top: Cell<*const Entry>,
    used: Cell<u32>,
    /// Free ones that belong to those who were woken.
    promised: Cell<u32>,
    made: Cell<u32>,
    closed: Cell<bool>,
    /// A free entry may not simply be taken, nor just be put back: the pool is closed, or somebody
    /// waits, or was promised one, or a tool watches.
    special: Cell<bool>,
    /// A tool wants to be told of stacks that are used again.
    watched: Cell<bool>,
    waiters: WaitQueue,
    idle_waiters: WaitQueue,
}

// SAFETY: the pointer goes to an entry of the pool that this is part of, or lent to it for good, which
// is as `Send`; with nobody borrowing the pool, nobody waits in its queues.
unsafe impl Send for State {}

impl State {
    pub(crate) const fn new() -> State {
        State {
            top: Cell::new(ptr::null()),
            used: Cell::new(0),
            promised: Cell::new(0),
            made: Cell::new(0),
            closed: Cell::new(false),
            special: Cell::new(false),
            watched: Cell::new(false),
            waiters: WaitQueue::new(),
            idle_waiters: WaitQueue::new(),
        }
    }

    pub(crate) fn in_use(&self) -> usize {
        self.used.get() as usize
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Fails those who wait, and all who come.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.special.set(true);
        // Whoever was woken but has not run yet finds it closed and claims nothing.
        self.promised.set(0);
        self.waiters.wake_all();
    }

    pub(crate) fn wait_until_idle(&self) -> Result<(), Interrupt> {
        while self.in_use() > 0 {
            self.special.set(true);
            self.idle_waiters.wait(Reason::on(&POOL_IDLE, self))?;
        }
        Ok(())
    }

    #[inline]
    fn put(&self, entry: &Entry) {
        entry.next.set(self.top.replace(entry));
        self.used.set(self.used.get() - 1);
        if self.special.get() {
            self.tell();
        }
    }

    /// An entry came free, and somebody waits for that, or did.
    #[cold]
    fn tell(&self) {
        if self.waiters.wake_one() {
            self.promised.set(self.promised.get() + 1);
        }
        if self.in_use() == 0 {
            self.idle_waiters.wake_all();
        }
        self.special.set(
            self.closed.get()
                || self.promised.get() > 0
                || self.watched.get()
                || !self.waiters.is_empty()
                || !self.idle_waiters.is_empty(),
        );
    }
}

/// The hook of a pool's stacks: the wire is over and its outcome fetched.
///
/// # Safety
///
/// `entry` is an entry of a pool that is borrowed, still where it was when the entry was claimed.
unsafe fn freed(entry: *const ()) {
    // SAFETY: entries stay in place, and so does the pool while borrowed (contract).
    unsafe {
        let entry = &*entry.cast::<Entry>();
        (*entry.state.get()).put(entry);
    }
}

/// A pool: `'m` is how long it stays where it is.
///
/// What it gives is the pool's own and the same every time, except that `stack` is only called by
/// [`make`](Entries::make), for one place after the other.
pub(crate) trait Entries<'m>: Copy {
    fn state(self) -> &'m State;
    fn places(self) -> &'m [Place<Entry>];
    /// A stack for the entry at a new place; called once for each.
    fn stack(self, at: usize) -> Result<Stack<'m>, StackError>;
    /// Gives the memory of that stack back to the system.
    fn give_back_stack(self, at: usize, stack: &mut Stack<'_>);

    /// Writes one more entry. There must be a place for it.
    #[cold]
    fn make(self) -> Result<&'m Entry, StackError> {
        let made = self.state().made.get();
        let stack = self.stack(made as usize)?;
        let entry = Entry {
            wire: Wire::new(),
            low: stack.low(),
            size: stack.size(),
            state: Cell::new(ptr::null()),
            next: Cell::new(ptr::null()),
            place: made,
        };
        if mark_unused(&stack) {
            self.state().watched.set(true);
            self.state().special.set(true);
        }
        // The entry has it from now on, and never gives it back.
        std::mem::forget(stack);
        let place = &self.places()[made as usize];
        // SAFETY: nobody refers to a place before its entry is made, which is now.
        let entry = unsafe { (*place.get()).write(entry) };
        self.state().made.set(made + 1);
        Ok(entry)
    }

    /// The entry freed last, else a new one. One must be free or not made yet.
    fn take(self) -> Result<(&'m Wire, Stack<'m>), SpawnError> {
        let state = self.state();
        // SAFETY: as in `claim_plainly`.
        let entry = match unsafe { state.top.get().as_ref::<'m>() } {
            Some(entry) => {
                state.top.set(entry.next.get());
                entry
            }
            None => self.make().map_err(SpawnError::Stack)?,
        };
        let (wire, stack) = self.lend(entry);
        mark_unused(&stack);
        Ok((wire, stack))
    }

    /// Control block and stack of an entry that is no longer free.
    #[inline]
    fn lend(self, entry: &'m Entry) -> (&'m Wire, Stack<'m>) {
        let state = self.state();
        state.used.set(state.used.get() + 1);
        // A store less: it seldom changes.
        if !ptr::eq(entry.state.get(), state) {
            entry.state.set(state);
        }
        // SAFETY: the stack was lent to the entry for good, is guarded, and is used by nobody
        // else, since the entry was free. The hook finds entry and pool in place for `'m`; it
        // links and wakes, which it may do at any time.
        let stack = unsafe {
            Stack::from_raw(entry.low, entry.size).with_hook(freed, ptr::from_ref(entry).cast())
        };
        (&entry.wire, stack)
    }

    /// How many entries a newcomer could have.
    fn available(self) -> usize {
        let state = self.state();
        self.places().len() - state.in_use() - state.promised.get() as usize
    }

    #[inline]
    fn check(self) -> Result<(), SpawnError> {
        if !in_wire() {
            return Err(SpawnError::Wire(wire_core::SpawnError::NotRunning));
        }
        if self.state().closed.get() {
            Err(SpawnError::Closed)
        } else {
            Ok(())
        }
    }

    /// An entry used before, if one is free and nothing stands against simply taking it: mostly so.
    #[inline]
    fn claim_plainly(self) -> Option<(&'m Wire, Stack<'m>)> {
        let state = self.state();
        if state.special.get() {
            return None;
        }
        // SAFETY: free entries are made ones, in place for `'m`, and only shared since they were made.
        let entry = unsafe { state.top.get().as_ref::<'m>() }?;
        state.top.set(entry.next.get());
        Some(self.lend(entry))
    }

    /// An entry at once, or `None` if all are in use or promised.
    fn claim(self) -> Result<Option<(&'m Wire, Stack<'m>)>, SpawnError> {
        self.check()?;
        if self.available() == 0 {
            Ok(None)
        } else {
            self.take().map(Some)
        }
    }

    /// An entry, after all who wait already.
    fn claim_wait(self) -> Result<(&'m Wire, Stack<'m>), SpawnError> {
        self.check()?;
        let state = self.state();
        if self.available() == 0 {
            let reason = Reason::on(&FREE_WIRE, state);
            state.special.set(true);
            state
                .waiters
                .wait(reason)
                .map_err(SpawnError::Interrupted)?;
            if state.closed.get() {
                return Err(SpawnError::Closed);
            }
            state.promised.set(state.promised.get() - 1);
        }
        self.take()
    }

    fn spawn_in<F, T>(
        self,
        scope: &'m Scope<'m, '_>,
        name: &'static str,
        f: F,
    ) -> Result<JoinHandle<'m, T>, TrySpawnError<F>>
    where
        F: FnOnce() -> T + 'm,
        T: 'm,
    {
        match self.claim_plainly() {
            Some((wire, stack)) => scope.spawn(wire, stack, name, f).map_err(failed),
            None => self.spawn_specially(f, |wire, stack, f| scope.spawn(wire, stack, name, f)),
        }
    }

    /// Starts a wire where it takes more than to claim an entry plainly.
    #[cold]
    #[inline(never)]
    fn spawn_specially<F, T>(
        self,
        f: F,
        start: impl FnOnce(&'m Wire, Stack<'m>, F) -> Result<JoinHandle<'m, T>, wire_core::SpawnError>,
    ) -> Result<JoinHandle<'m, T>, TrySpawnError<F>> {
        match self.claim()? {
            Some((wire, stack)) => start(wire, stack, f).map_err(failed),
            None => Err(TrySpawnError::Full(f)),
        }
    }

    fn spawn_wait_in<F, T>(
        self,
        scope: &'m Scope<'m, '_>,
        name: &'static str,
        f: F,
    ) -> Result<JoinHandle<'m, T>, SpawnError>
    where
        F: FnOnce() -> T + 'm,
        T: 'm,
    {
        let (wire, stack) = self.claim_wait()?;
        scope.spawn(wire, stack, name, f).map_err(SpawnError::Wire)
    }

    fn give_back(self) -> usize {
        let mut count = 0;
        let mut free = self.state().top.get();
        // SAFETY: as in `take`.
        while let Some(entry) = unsafe { free.as_ref() } {
            // SAFETY: the entry's own, and it is free.
            let mut stack = unsafe { Stack::from_raw(entry.low, entry.size) };
            self.give_back_stack(entry.place as usize, &mut stack);
            free = entry.next.get();
            count += 1;
        }
        count
    }
}

/// [`Entries::spawn_in`] for good, outside a scope.
#[inline]
pub(crate) fn spawn<F, T>(
    pool: impl Entries<'static>,
    name: &'static str,
    f: F,
) -> Result<JoinHandle<'static, T>, TrySpawnError<F>>
where
    F: FnOnce() -> T + 'static,
    T: 'static,
{
    match pool.claim_plainly() {
        Some((wire, stack)) => wire.spawn(stack, name, f).map_err(failed),
        None => pool.spawn_specially(f, |wire, stack, f| wire.spawn(stack, name, f)),
    }
}

#[cold]
fn failed<F>(why: wire_core::SpawnError) -> TrySpawnError<F> {
    TrySpawnError::Failed(SpawnError::Wire(why))
}

/// [`Entries::spawn_wait_in`] for good, outside a scope.
pub(crate) fn spawn_wait<F, T>(
    pool: impl Entries<'static>,
    name: &'static str,
    f: F,
) -> Result<JoinHandle<'static, T>, SpawnError>
where
    F: FnOnce() -> T + 'static,
    T: 'static,
{
    let (wire, stack) = pool.claim_wait()?;
    wire.spawn(stack, name, f).map_err(SpawnError::Wire)
}
