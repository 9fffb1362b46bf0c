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
use wire_stack::{Place, StackError};

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
    /// One more than this entry's place.
    number: u32,
    /// The number of the next free entry, or 0.
    next: Cell<u32>,
}

// SAFETY: a pool that is owned, not borrowed, has no living wire (those borrow it), and its control
// blocks are `Send` then. `state` is written before each use; the stack is the entry's own.
unsafe impl Send for Entry {}

/// Which entries are free, and who waits. All zeroes at first.
pub(crate) struct State {
    /// The number of the first free entry, or 0.
    top: Cell<u32>,
    free: Cell<u32>,
    /// Free ones that belong to those who were woken.
    promised: Cell<u32>,
    made: Cell<u32>,
    closed: Cell<bool>,
    waiters: WaitQueue,
    idle_waiters: WaitQueue,
}

impl State {
    pub(crate) const fn new() -> State {
        State {
            top: Cell::new(0),
            free: Cell::new(0),
            promised: Cell::new(0),
            made: Cell::new(0),
            closed: Cell::new(false),
            waiters: WaitQueue::new(),
            idle_waiters: WaitQueue::new(),
        }
    }

    pub(crate) fn in_use(&self) -> usize {
        (self.made.get() - self.free.get()) as usize
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Fails those who wait, and all who come.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        // Whoever was woken but has not run yet finds it closed and claims nothing.
        self.promised.set(0);
        self.waiters.wake_all();
    }

    pub(crate) fn wait_until_idle(&self) -> Result<(), Interrupt> {
        while self.in_use() > 0 {
            self.idle_waiters.wait(Reason::on(&POOL_IDLE, self))?;
        }
        Ok(())
    }

    fn put(&self, entry: &Entry) {
        entry.next.set(self.top.replace(entry.number));
        self.free.set(self.free.get() + 1);
        if self.waiters.wake_one() {
            self.promised.set(self.promised.get() + 1);
        }
        if self.in_use() == 0 {
            self.idle_waiters.wake_all();
        }
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

    /// # Safety
    ///
    /// An entry was made for this number.
    unsafe fn entry(self, number: u32) -> &'m Entry {
        let place = &self.places()[number as usize - 1];
        // SAFETY: made (contract), hence written, and only shared since.
        unsafe { (*place.get()).assume_init_ref() }
    }

    /// Writes one more entry. There must be a place for it.
    #[cold]
    fn make(self) -> Result<&'m Entry, StackError> {
        let made = self.state().made.get();
        let stack = self.stack(made as usize)?;
        let number = made + 1;
        let entry = Entry {
            wire: Wire::new(),
            low: stack.low(),
            size: stack.size(),
            state: Cell::new(ptr::null()),
            number,
            next: Cell::new(0),
        };
        // The entry has it from now on, and never gives it back.
        std::mem::forget(stack);
        let place = &self.places()[made as usize];
        // SAFETY: nobody refers to a place before its entry is made, which is now.
        let entry = unsafe { (*place.get()).write(entry) };
        self.state().made.set(number);
        Ok(entry)
    }

    /// The entry freed last, else a new one. One must be free or not made yet.
    fn take(self) -> Result<(&'m Wire, Stack<'m>), SpawnError> {
        let state = self.state();
        let entry = match state.top.get() {
            0 => self.make().map_err(SpawnError::Stack)?,
            number => {
                // SAFETY: free entries are made ones.
                let entry = unsafe { self.entry(number) };
                state.top.set(entry.next.get());
                state.free.set(state.free.get() - 1);
                entry
            }
        };
        entry.state.set(state);
        // SAFETY: the stack was lent to the entry for good, is guarded, and is used by nobody
        // else, since the entry was free. The hook finds entry and pool in place for `'m`; it
        // links and wakes, which it may do at any time.
        let stack = unsafe {
            Stack::from_raw(entry.low, entry.size).with_hook(freed, ptr::from_ref(entry).cast())
        };
        Ok((&entry.wire, stack))
    }

    /// How many entries a newcomer could have.
    fn available(self) -> usize {
        let state = self.state();
        self.places().len() - state.in_use() - state.promised.get() as usize
    }

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
        match self.claim()? {
            Some((wire, stack)) => Ok(scope
                .spawn(wire, stack, name, f)
                .map_err(SpawnError::Wire)?),
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
        let mut number = self.state().top.get();
        while number != 0 {
            // SAFETY: free entries are made ones.
            let entry = unsafe { self.entry(number) };
            // SAFETY: the entry's own, and it is free.
            let mut stack = unsafe { Stack::from_raw(entry.low, entry.size) };
            self.give_back_stack(number as usize - 1, &mut stack);
            number = entry.next.get();
            count += 1;
        }
        count
    }
}

/// [`Entries::spawn_in`] for good, outside a scope.
pub(crate) fn spawn<F, T>(
    pool: impl Entries<'static>,
    name: &'static str,
    f: F,
) -> Result<JoinHandle<'static, T>, TrySpawnError<F>>
where
    F: FnOnce() -> T + 'static,
    T: 'static,
{
    match pool.claim()? {
        Some((wire, stack)) => Ok(wire.spawn(stack, name, f).map_err(SpawnError::Wire)?),
        None => Err(TrySpawnError::Full(f)),
    }
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
