//! A pool whose size is known when the program runs.
//!
//! ```text
//!   entries   │ 0 │ 1 │ 2 │ … max │                  a mapping: pages touched as the pool grows
//!   stacks    │guard│stack│guard│stack│ … max │      an arena: as above, guards as well
//! ```
//!
//! Growing needs no allocator and moves nothing: room for all is mapped at the start, and costs
//! address space only.

use std::fmt;

use wire_core::{Interrupt, JoinHandle, Scope, Stack};
use wire_stack::{Arena, ArenaBuilder, Guards, Place, Slab, StackError};

use crate::entries::{self, Entries, Entry, State};
use crate::{SpawnError, TrySpawnError};

/// A pool of wires in mapped memory, unmapped when dropped.
///
/// In a frame, it starts wires in a scope; where it is `'static` (by [`Box::leak`], say), it also
/// starts wires that outlive any.
///
/// ```
/// use wire_pool::{MappedPool, run, scope};
///
/// let pool = MappedPool::builder().max(1000).build().unwrap();
/// let words = ["least", "overhead"];
/// let length: usize = run(|| {
///     scope(|s| {
///         let jobs = words.each_ref().map(|word| pool.spawn_in(s, "length", || word.len()).unwrap());
///         jobs.into_iter().map(|job| job.join().unwrap()).sum()
///     })
/// });
/// assert_eq!(length, 13);
/// ```
///
/// Outside a scope a frame is not enough, since nothing would keep the pool there until the wire is
/// over:
///
/// ```compile_fail,E0597
/// use wire_pool::{MappedPool, run};
///
/// let pool = MappedPool::builder().build().unwrap();
/// run(|| pool.spawn("outlives its pool", || ()).unwrap().detach());
/// ```
pub struct MappedPool {
    state: State,
    entries: Slab<Entry>,
    stacks: Arena,
}

impl MappedPool {
    /// A pool to be mapped: 1024 wires, with stacks as an [`Arena`] has them, unless told
    /// otherwise.
    pub const fn builder() -> MappedPoolBuilder {
        MappedPoolBuilder {
            max: 1024,
            stacks: Arena::builder(),
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

    /// [`spawn`](MappedPool::spawn) that waits until a wire is free: first come, first served.
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

    /// [`spawn`](MappedPool::spawn) of a closure that borrows from around `scope`.
    ///
    /// # Errors
    ///
    /// As for `spawn`.
    #[inline]
    pub fn spawn_in<'scope, F, T>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        name: &'static str,
        f: F,
    ) -> Result<JoinHandle<'scope, T>, TrySpawnError<F>>
    where
        F: FnOnce() -> T + 'scope,
        T: 'scope,
    {
        Entries::spawn_in(self, scope, name, f)
    }

    /// [`spawn_wait`](MappedPool::spawn_wait) of a closure that borrows from around `scope`.
    ///
    /// # Errors
    ///
    /// As for `spawn_wait`.
    pub fn spawn_wait_in<'scope, F, T>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        name: &'static str,
        f: F,
    ) -> Result<JoinHandle<'scope, T>, SpawnError>
    where
        F: FnOnce() -> T + 'scope,
        T: 'scope,
    {
        Entries::spawn_wait_in(self, scope, name, f)
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

    /// How many wires there can be.
    pub fn capacity(&self) -> usize {
        self.entries.places().len()
    }

    /// How many are not free. A wire that can be joined is free when it was.
    pub fn in_use(&self) -> usize {
        self.state.in_use()
    }

    /// Gives the memory of the stacks of all free wires back to the system; says of how many.
    pub fn give_back(&self) -> usize {
        Entries::give_back(self)
    }
}

impl<'m> Entries<'m> for &'m MappedPool {
    fn state(self) -> &'m State {
        &self.state
    }

    fn places(self) -> &'m [Place<Entry>] {
        self.entries.places()
    }

    fn stack(self, _: usize) -> Result<Stack<'m>, StackError> {
        self.stacks.stack()
    }

    fn give_back_stack(self, _: usize, stack: &mut Stack<'_>) {
        self.stacks.give_back_lent(stack);
    }
}

impl fmt::Debug for MappedPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MappedPool")
            .field("capacity", &self.capacity())
            .field("in_use", &self.in_use())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

/// The shape of a [`MappedPool`].
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is mapped before `build` is called"]
pub struct MappedPoolBuilder {
    max: usize,
    stacks: ArenaBuilder,
}

impl MappedPoolBuilder {
    /// How many wires at most. One that is never used costs address space only.
    pub const fn max(mut self, wires: usize) -> Self {
        self.max = wires;
        self
    }

    /// The size of a wire's stack; see [`ArenaBuilder::stack_size`].
    pub const fn stack_size(mut self, bytes: usize) -> Self {
        self.stacks = self.stacks.stack_size(bytes);
        self
    }

    /// The size of the guard below it; see [`ArenaBuilder::guard_size`].
    pub const fn guard_size(mut self, bytes: usize) -> Self {
        self.stacks = self.stacks.guard_size(bytes);
        self
    }

    /// How to guard it.
    pub const fn guards(mut self, how: Guards) -> Self {
        self.stacks = self.stacks.guards(how);
        self
    }

    /// Maps the pool.
    ///
    /// # Errors
    ///
    /// If a stack would be too small, or the system has no such room.
    pub fn build(self) -> Result<MappedPool, StackError> {
        let stacks = self.stacks.count(self.max).build()?;
        Ok(MappedPool {
            state: State::new(),
            entries: Slab::new(self.max)?,
            stacks,
        })
    }
}

impl Default for MappedPoolBuilder {
    fn default() -> Self {
        MappedPool::builder()
    }
}
