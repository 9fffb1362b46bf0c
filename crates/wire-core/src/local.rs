//! A `static` for things that belong to one OS thread.

use core::cell::Cell;
use core::fmt;
use core::ops::Deref;
use core::sync::atomic::{AtomicU64, Ordering};

/// A value that the first OS thread to use it keeps for good; to all others it is an error.
///
/// Wires, pools and channels never cross threads, so they are not `Sync` and cannot stand in a
/// `static` by themselves.
///
/// ```
/// use std::cell::Cell;
/// use wire_core::Local;
///
/// static COUNT: Local<Cell<u32>> = Local::new(Cell::new(0));
///
/// COUNT.set(COUNT.get() + 1);
/// assert_eq!(COUNT.get(), 1);
/// let elsewhere = std::thread::spawn(|| COUNT.try_get().is_err());
/// assert!(elsewhere.join().unwrap());
/// ```
pub struct Local<T> {
    /// The number of the thread that owns the value; 0: none yet.
    owner: AtomicU64,
    value: T,
}

// SAFETY: the value is reached by shared reference from one thread only, ever: the first to claim
// it. That thread may not be the one that made the value, hence `Send`.
unsafe impl<T: Send> Sync for Local<T> {}

/// A [`Local`] was used by an OS thread that is not its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongThread;

impl fmt::Display for WrongThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this `Local` belongs to another OS thread, the first one that used it")
    }
}

impl core::error::Error for WrongThread {}

/// A number of the calling thread that no other thread has had or will have.
fn thread_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static NUMBER: Cell<u64> = const { Cell::new(0) };
    }
    NUMBER.with(|number| {
        if number.get() == 0 {
            number.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        number.get()
    })
}

impl<T> Local<T> {
    /// A value nobody owns yet.
    pub const fn new(value: T) -> Local<T> {
        Local {
            owner: AtomicU64::new(0),
            value,
        }
    }

    /// The value, if this thread owns it or nobody does yet.
    ///
    /// # Errors
    ///
    /// If another thread owns it, which stays so even after that thread has ended.
    pub fn try_get(&self) -> Result<&T, WrongThread> {
        let me = thread_number();
        // Looked at first, since an exchange is dear even if it changes nothing.
        if self.owner.load(Ordering::Relaxed) == me {
            return Ok(&self.value);
        }
        match self
            .owner
            .compare_exchange(0, me, Ordering::Relaxed, Ordering::Relaxed)
        {
            Ok(_) => Ok(&self.value),
            Err(_) => Err(WrongThread),
        }
    }
}

impl<T> Deref for Local<T> {
    type Target = T;

    /// # Panics
    ///
    /// If another thread owns the value.
    #[track_caller]
    fn deref(&self) -> &T {
        match self.try_get() {
            Ok(value) => value,
            Err(error) => panic!("{error}"),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Local<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_get() {
            Ok(value) => f.debug_tuple("Local").field(value).finish(),
            Err(_) => f.write_str("Local(<of another thread>)"),
        }
    }
}
