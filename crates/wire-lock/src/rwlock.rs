//! Data that many may read, or one may change.
//!
//! ```text
//!   read:   pass the gate ──► readers + 1                       until dropped: readers - 1
//!   write:  hold the gate ──► wait until there is no reader     until dropped: release the gate
//! ```
//!
//! The gate is the fair lock, so that all go by in the order in which they came: who wants to write holds up those
//! behind, and does not starve.

use core::cell::{Cell, UnsafeCell};
use core::fmt;
use core::ops::{Deref, DerefMut};

use wire_core::{Interrupt, Kind, Reason, WaitQueue};

use crate::lock::Lock;

static READ: Kind = Kind::new("rwlock read");
static WRITE: Kind = Kind::new("rwlock write");

/// Data that any number of wires may read at a time, or one may change, in the order in which they came.
///
/// Who reads and wants to read again waits behind those who came to write in between, and they wait for its first guard: such
/// wires are told as stuck. There is no poisoning; see the [front page](crate#what-is-sure).
///
/// ```
/// let number = wire_lock::RwLock::new(6);
/// wire_core::run(|| {
///     let (first, second) = (number.read().unwrap(), number.read().unwrap());
///     assert_eq!(*first, *second);
///     assert!(number.try_write().is_none());
///     drop((first, second));
///     *number.write().unwrap() *= 7;
/// });
/// assert_eq!(number.into_inner(), 42);
/// ```
pub struct RwLock<T: ?Sized> {
    gate: Lock,
    readers: Cell<usize>,
    /// The one at the gate that waits for the readers to go.
    last_reader: WaitQueue,
    value: UnsafeCell<T>,
}

impl<T> RwLock<T> {
    /// Data that nobody uses yet.
    pub const fn new(value: T) -> RwLock<T> {
        RwLock {
            gate: Lock::new(),
            readers: Cell::new(0),
            last_reader: WaitQueue::new(),
            value: UnsafeCell::new(value),
        }
    }

    /// The data, for good. If a guard was forgotten, that does not matter.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    fn on(&self, kind: &'static Kind) -> Reason {
        Reason::on(kind, core::ptr::from_ref(self).cast::<()>())
    }

    /// Waits until nobody changes the data, or came before to do so.
    ///
    /// # Errors
    ///
    /// The interrupt that came first. What is free is had at once, also by a cancelled wire.
    ///
    /// # Panics
    ///
    /// If this wire changes the data, or waits to; outside `run()`, unless it is free; with more than `usize::MAX` guards.
    #[track_caller]
    pub fn read(&self) -> Result<RwLockReadGuard<'_, T>, Interrupt> {
        self.gate.take_because(self.on(&READ))?;
        let guard = self.enter();
        self.gate.release();
        Ok(guard)
    }

    /// The data to read, if nobody changes it or waits to.
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        (!self.gate.is_held()).then(|| self.enter())
    }

    fn enter(&self) -> RwLockReadGuard<'_, T> {
        let readers = self.readers.get().checked_add(1);
        self.readers.set(readers.expect("too many readers"));
        RwLockReadGuard { lock: self }
    }

    /// Waits until nobody else uses the data.
    ///
    /// # Errors
    ///
    /// The interrupt that came first. What is free is had at once, also by a cancelled wire.
    ///
    /// # Panics
    ///
    /// If this wire changes the data already; outside `run()`, unless it is free.
    #[track_caller]
    pub fn write(&self) -> Result<RwLockWriteGuard<'_, T>, Interrupt> {
        self.gate.take_because(self.on(&WRITE))?;
        // Releases the gate if the wait ends otherwise.
        let guard = RwLockWriteGuard { lock: self };
        while self.readers.get() > 0 {
            let result = self.last_reader.wait(self.on(&WRITE));
            if self.readers.get() > 0 {
                result?;
            }
        }
        Ok(guard)
    }

    /// The data to change, if nobody uses it.
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        let free = self.readers.get() == 0 && self.gate.try_take();
        free.then(|| RwLockWriteGuard { lock: self })
    }

    /// The data, of a lock that nobody else can reach.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> RwLock<T> {
        RwLock::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> RwLock<T> {
        RwLock::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_read() {
            Some(value) => f.debug_tuple("RwLock").field(&&*value).finish(),
            None => f.write_str("RwLock(<locked>)"),
        }
    }
}

/// Gives the data of an [`RwLock`] to read, until dropped. Forgetting it keeps others from writing.
#[must_use = "dropping the guard releases the lock"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    /// Not `Sync`, so that the guard is neither `Send` nor `Sync`.
    lock: &'a RwLock<T>,
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    fn drop(&mut self) {
        let readers = self.lock.readers.get() - 1;
        self.lock.readers.set(readers);
        if readers == 0 {
            self.lock.last_reader.wake_one();
        }
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: there is no guard to write while one to read is counted, and both stay on one OS thread.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Gives the data of an [`RwLock`] to change, until dropped. Forgetting it leaves the lock held.
#[must_use = "dropping the guard releases the lock"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    /// Not `Sync`, as above.
    lock: &'a RwLock<T>,
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    fn drop(&mut self) {
        self.lock.gate.release();
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the gate is held until the guard is dropped, so there is no other, and there was no reader when this
        // one was given out.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and the only guard is borrowed exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
