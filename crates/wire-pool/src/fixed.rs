//! A pool in a `static`: its size is known when compiling, its memory is part of the program.
//!
//! ```text
//!            ┌─ STACK ─┬─────┬─────────┬─────┬─   ─┬─────────────────┬───────┐
//!   .bss     │ stack 0 │ gap │ stack 1 │ gap │  …  │ entries 0…N-1,  │ state │     all zeroes
//!            │         │     │         │     │     │ side by side    │       │
//!            └─────────┴─────┴─────────┴─────┴─   ─┴─────────────────┴───────┘
//! ```
//!
//! The gap, a page that is never touched, keeps stacks from being a power of two apart, where they
//! would share the same few sets of the caches.
//!
//! Nothing in it needs initialising: control blocks are written, and guards installed, when an
//! entry is first used.

use std::cell::UnsafeCell;
use std::fmt;
use std::mem::MaybeUninit;

use wire_core::{Interrupt, JoinHandle, Scope, Stack};
use wire_stack::{Place, StackError, StaticStack};

use crate::entries::{self, Entries, Entry, State};
use crate::{SpawnError, TrySpawnError};

/// `N` wires with stacks of `STACK` bytes, for a `static`.
///
/// The guard is part of a stack: its lowest `GUARD` bytes; see [`StaticStack`]. Wires start only
/// from a `'static` pool, because the guards are there to stay.
///
/// ```
/// use wire_pool::{Local, Pool, run};
///
/// static POOL: Local<Pool<128, { 64 * 1024 }>> = Local::new(Pool::new());
///
/// let sum: u32 = run(|| {
///     let jobs = [1, 2, 3].map(|n| POOL.spawn_wait("square", move || n * n).unwrap());
///     jobs.into_iter().map(|job| job.join().unwrap()).sum()
/// });
/// assert_eq!(sum, 14);
/// ```
///
/// Not even in a scope will a frame do:
///
/// ```compile_fail,E0597
/// use wire_pool::{Pool, run, scope};
///
/// let pool = Pool::<2, { 64 * 1024 }>::new();
/// run(|| scope(|s| pool.spawn_in(s, "guards the frame", || ()).unwrap().detach()));
/// ```
#[repr(C)]
pub struct Pool<const N: usize, const STACK: usize, const GUARD: usize = 4096> {
    stacks: [Spaced<StaticStack<STACK, GUARD>>; N],
    entries: [Place<Entry>; N],
    state: State,
}

#[repr(C)]
struct Spaced<S> {
    stack: S,
    _gap: MaybeUninit<[u8; 4096]>,
}

impl<const N: usize, const STACK: usize, const GUARD: usize> Pool<N, STACK, GUARD> {
    /// A pool of unused wires.
    pub const fn new() -> Self {
        const { assert!(N < u32::MAX as usize, "entries are numbered in 32 bits") };
        Pool {
            stacks: [const {
                Spaced {
                    stack: StaticStack::new(),
                    _gap: MaybeUninit::uninit(),
                }
            }; N],
            entries: [const { UnsafeCell::new(MaybeUninit::uninit()) }; N],
            state: State::new(),
        }
    }

    /// Starts a wire named `name` that runs `f`, if one is free: that which ended last.
    ///
    /// # Errors
    ///
    /// [`TrySpawnError::Full`] with the closure, if none is; else see [`SpawnError`].
    #[inline]
    pub fn spawn<F, T>(
        &'static self,
        name: &'static str,
        f: F,
    ) -> Result<JoinHandle<'static, T>, TrySpawnError<F>>
    where
        F: FnOnce() -> T + 'static,
        T: 'static,
    {
        entries::spawn(self, name, f)
    }

    /// [`spawn`](Pool::spawn) that waits until a wire is free: first come, first served.
    ///
    /// # Errors
    ///
    /// See [`SpawnError`].
    pub fn spawn_wait<F, T>(
        &'static self,
        name: &'static str,
        f: F,
    ) -> Result<JoinHandle<'static, T>, SpawnError>
    where
        F: FnOnce() -> T + 'static,
        T: 'static,
    {
        entries::spawn_wait(self, name, f)
    }

    /// [`spawn`](Pool::spawn) of a closure that borrows from around `scope`.
    ///
    /// # Errors
    ///
    /// As for `spawn`.
    #[inline]
    pub fn spawn_in<'scope, F, T>(
        &'static self,
        scope: &'scope Scope<'scope, '_>,
        name: &'static str,
        f: F,
    ) -> Result<JoinHandle<'scope, T>, TrySpawnError<F>>
    where
        F: FnOnce() -> T + 'scope,
        T: 'scope,
    {
        Entries::<'scope>::spawn_in(self, scope, name, f)
    }

    /// [`spawn_wait`](Pool::spawn_wait) of a closure that borrows from around `scope`.
    ///
    /// # Errors
    ///
    /// As for `spawn_wait`.
    pub fn spawn_wait_in<'scope, F, T>(
        &'static self,
        scope: &'scope Scope<'scope, '_>,
        name: &'static str,
        f: F,
    ) -> Result<JoinHandle<'scope, T>, SpawnError>
    where
        F: FnOnce() -> T + 'scope,
        T: 'scope,
    {
        Entries::<'scope>::spawn_wait_in(self, scope, name, f)
    }

    /// Lets those who wait, and all who come, fail with [`SpawnError::Closed`]. Wires that run go
    /// on.
    pub fn close(&self) {
        self.state.close();
    }

    /// Whether the pool was closed.
    pub fn is_closed(&self) -> bool {
        self.state.is_closed()
    }

    /// Waits until all wires of the pool are free.
    ///
    /// # Errors
    ///
    /// The interrupt that came first.
    ///
    /// # Panics
    ///
    /// Outside `run()`, unless they are.
    pub fn wait_until_idle(&self) -> Result<(), Interrupt> {
        self.state.wait_until_idle()
    }

    /// How many wires there are.
    pub const fn capacity(&self) -> usize {
        N
    }

    /// How many are not free. A wire that can be joined is free when it was.
    pub fn in_use(&self) -> usize {
        self.state.in_use()
    }

    /// Gives the memory of the stacks of all free wires back to the system; says of how many.
    pub fn give_back(&'static self) -> usize {
        Entries::<'static>::give_back(self)
    }
}

impl<'m, const N: usize, const STACK: usize, const GUARD: usize> Entries<'m>
    for &'static Pool<N, STACK, GUARD>
{
    fn state(self) -> &'m State {
        &self.state
    }

    fn places(self) -> &'m [Place<Entry>] {
        &self.entries
    }

    fn stack(self, at: usize) -> Result<Stack<'m>, StackError> {
        // SAFETY: the stacks are the pool's own, and each is asked for once, for its entry, which
        // keeps it for good. Only `give_back_lent` is called on it below.
        unsafe { self.stacks[at].stack.stack_unnoted() }
    }

    fn give_back_stack(self, at: usize, stack: &mut Stack<'_>) {
        self.stacks[at].stack.give_back_lent(stack);
    }
}

impl<const N: usize, const STACK: usize, const GUARD: usize> Default for Pool<N, STACK, GUARD> {
    fn default() -> Self {
        Pool::new()
    }
}

impl<const N: usize, const STACK: usize, const GUARD: usize> fmt::Debug for Pool<N, STACK, GUARD> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("capacity", &N)
            .field("in_use", &self.in_use())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
