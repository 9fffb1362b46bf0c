//! The lock with data.

use core::cell::UnsafeCell;
use core::fmt;
use core::ops::{Deref, DerefMut};

use wire_core::{Interrupt, Kind, Reason, WaitQueue, outside};
use wire_wait::Source;

use crate::lock::Lock;
use crate::take::{Take, WireId};

static MUTEX: Kind = Kind::new("mutex");

/// Data that one wire at a time may use, in the order in which they came.
///
/// A wire that panics or is cancelled while it has the data releases it as it unwinds, and the next one finds the data
/// as that one left it. There is no poisoning: see the [front page](crate#what-is-sure).
///
/// ```
/// let number = wire_lock::Mutex::new(6);
/// wire_core::run(|| *number.lock().unwrap() *= 7);
/// assert_eq!(number.into_inner(), 42);
/// ```
///
/// A mutex belongs to one OS thread; a guard cannot leave it:
///
/// ```compile_fail,E0277
/// fn send<T: Send>(_: T) {}
/// send(wire_lock::Mutex::new(0).try_lock());
/// ```
///
/// nor can a reference, while the mutex itself may be given away or put in a
/// [`Local`](wire_core::Local):
///
/// ```compile_fail,E0277
/// fn send<T: Send>(_: T) {}
/// send(&wire_lock::Mutex::new(0));
/// ```
pub struct Mutex<T: ?Sized> {
    lock: Lock,
    value: UnsafeCell<T>,
}

impl<T> Mutex<T> {
    /// Data that nobody uses yet.
    pub const fn new(value: T) -> Mutex<T> {
        Mutex {
            lock: Lock::new(),
            value: UnsafeCell::new(value),
        }
    }

    /// The data, for good. If a guard was forgotten, that does not matter.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    fn reason(&self) -> Reason {
        Reason::on(&MUTEX, core::ptr::from_ref(self).cast::<()>())
    }

    /// Waits until nobody else uses the data.
    ///
    /// # Errors
    ///
    /// The interrupt that came first; see [`Lock::lock`].
    ///
    /// # Panics
    ///
    /// If this wire has locked it and not released it, as [`Lock::lock`] has it; outside `run()`, unless it is free.
    #[inline(always)]
    #[track_caller]
    pub fn lock(&self) -> Result<MutexGuard<'_, T>, Interrupt> {
        self.lock.take_because(self.reason())?;
        Ok(MutexGuard { mutex: self })
    }

    /// The data, if nobody uses it.
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.lock.try_take().then(|| MutexGuard { mutex: self })
    }

    /// The data, of a mutex that nobody else can reach.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Whether somebody uses the data.
    pub fn is_locked(&self) -> bool {
        self.lock.is_held()
    }

    /// Waits until nobody uses the data or waits to; see [`Lock::wait_clear`].
    ///
    /// # Errors
    ///
    /// The interrupt that came first.
    ///
    /// # Panics
    ///
    /// As for [`Lock::wait_clear`].
    #[track_caller]
    pub fn wait_clear(&self) -> Result<(), Interrupt> {
        self.lock.wait_clear_of(core::ptr::from_ref(self).cast())
    }
}

/// Waiting for the data as one of several things.
impl<'a, T: ?Sized> Source for &'a Mutex<T> {
    type Item = MutexGuard<'a, T>;

    fn try_take(&self) -> Option<MutexGuard<'a, T>> {
        self.lock
            .take_for(WireId::of(outside::taker()))
            .then(|| MutexGuard { mutex: self })
    }

    fn queue(&self) -> &WaitQueue {
        self.lock.waiting()
    }

    fn reason(&self) -> Reason {
        Mutex::reason(self)
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Mutex<T> {
        Mutex::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Mutex<T> {
        Mutex::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_lock() {
            Some(value) => f.debug_tuple("Mutex").field(&&*value).finish(),
            None => f.write_str("Mutex(<locked>)"),
        }
    }
}

/// Gives the data of a [`Mutex`] until dropped. Forgetting it leaves the mutex locked.
///
/// It belongs to one OS thread, like the mutex, but may be given to another wire.
#[must_use = "dropping the guard releases the mutex"]
pub struct MutexGuard<'a, T: ?Sized> {
    /// Not `Sync`, so that the guard is neither `Send` nor `Sync`.
    mutex: &'a Mutex<T>,
}

impl<T: ?Sized> MutexGuard<'_, T> {
    /// What the guard holds, for `Condvar`, which releases and takes it in between.
    pub(crate) fn lock(&self) -> &Lock {
        &self.mutex.lock
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.mutex.lock.hand_over();
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the lock is held until the guard is dropped, and only guards reach the value by
        // shared reference. There is one guard at a time; it and the mutex stay on one OS thread.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and the only guard is borrowed exclusively.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
