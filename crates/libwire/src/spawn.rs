//! The default pool of each OS thread, and starting wires from it.

use std::cell::OnceCell;

use wire_core::JoinHandle;
use wire_pool::{MappedPool, SpawnError, TrySpawnError};

/// Wires of one OS thread at most; only address space is set aside for them (8 GiB).
const MOST: usize = 1 << 16;

thread_local! {
    static POOL: OnceCell<&'static MappedPool> = const { OnceCell::new() };
}

/// This thread's default pool. It is never unmapped, because handles to its wires may be stored
/// anywhere; a thread that used it leaves its address space behind.
fn pool() -> Result<&'static MappedPool, SpawnError> {
    POOL.with(|cell| match cell.get() {
        Some(pool) => Ok(*pool),
        None => {
            let pool = MappedPool::builder()
                .max(MOST)
                .build()
                .map_err(SpawnError::Stack)?;
            Ok(*cell.get_or_init(|| Box::leak(Box::new(pool))))
        }
    })
}

/// How to start a wire from the default pool.
///
/// ```
/// libwire::run(|| {
///     let wire = libwire::Builder::new().name("adder").spawn(|| 1 + 1).unwrap();
///     assert_eq!(wire.join().unwrap(), 2);
/// });
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is started before `spawn`"]
pub struct Builder {
    name: &'static str,
}

impl Builder {
    /// A wire without a name of its own.
    pub const fn new() -> Builder {
        Builder { name: "wire" }
    }

    /// The name that reports show.
    pub const fn name(mut self, name: &'static str) -> Builder {
        self.name = name;
        self
    }

    /// Starts a wire that runs `f`, behind all that are ready.
    ///
    /// # Errors
    ///
    /// Outside `run()`, when the pool is full, and when memory cannot be had.
    pub fn spawn<F, T>(self, f: F) -> Result<JoinHandle<'static, T>, TrySpawnError<F>>
    where
        F: FnOnce() -> T + 'static,
        T: 'static,
    {
        pool()?.spawn(self.name, f)
    }

    /// [`Builder::spawn`] in a scope, for an `f` that borrows.
    ///
    /// # Errors
    ///
    /// As for [`Builder::spawn`].
    pub fn spawn_in<'scope, F, T>(
        self,
        scope: Scope<'scope, '_>,
        f: F,
    ) -> Result<JoinHandle<'scope, T>, TrySpawnError<F>>
    where
        F: FnOnce() -> T + 'scope,
        T: 'scope,
    {
        pool()?.spawn_in(scope.0, self.name, f)
    }
}

impl Default for Builder {
    fn default() -> Builder {
        Builder::new()
    }
}

/// Starts a wire from this OS thread's default pool, behind all that are ready. [`Builder`] gives it
/// a name, and errors in place of panics.
///
/// # Panics
///
/// As [`std::thread::spawn`] does when there is no thread to be had: outside `run()`, when the pool
/// is full (65,536 wires), and when memory cannot be had.
#[track_caller]
pub fn spawn<F, T>(f: F) -> JoinHandle<'static, T>
where
    F: FnOnce() -> T + 'static,
    T: 'static,
{
    match Builder::new().spawn(f) {
        Ok(handle) => handle,
        Err(error) => panic!("no wire could be started: {error}"),
    }
}

/// Where wires that borrow are started, from the default pool; see [`scope`](scope()).
#[derive(Clone, Copy, Debug)]
pub struct Scope<'scope, 'env>(&'scope wire_core::Scope<'scope, 'env>);

impl<'scope, 'env> Scope<'scope, 'env> {
    /// Starts a wire in the scope, behind all that are ready.
    ///
    /// # Panics
    ///
    /// As for [`spawn`].
    #[track_caller]
    pub fn spawn<F, T>(self, f: F) -> JoinHandle<'scope, T>
    where
        F: FnOnce() -> T + 'scope,
        T: 'scope,
    {
        match Builder::new().spawn_in(self, f) {
            Ok(handle) => handle,
            Err(error) => panic!("no wire could be started: {error}"),
        }
    }

    /// The scope below, in which wires from other memory can be started.
    pub fn inner(self) -> &'scope wire_core::Scope<'scope, 'env> {
        self.0
    }
}

/// Runs `f`, in which wires can be started that borrow from around the scope, and waits until all
/// of them are over. See [`wire_core::scope`](wire_core::scope()) for what unwinding does.
///
/// # Panics
///
/// As [`wire_core::scope`](wire_core::scope()) does.
#[track_caller]
pub fn scope<'env, T>(f: impl for<'scope> FnOnce(Scope<'scope, 'env>) -> T) -> T {
    wire_core::scope(|s| f(Scope(s)))
}
