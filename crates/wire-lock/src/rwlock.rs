//! Data that many may read, or one may change: who reads has a permit, and who writes has all there are.
//!
//! So all come in their order, and a writer is not passed by readers that come later: [`Permits`] keeps for it what
//! those before it give back.

use core::cell::{Cell, UnsafeCell};
use core::fmt;
use core::mem;
use core::ops::{Deref, DerefMut};

use wire_core::{Interrupt, Kind, Reason, WaitQueue};
use wire_wait::Source;

use crate::permits::Permits;
use crate::take::{WireId, would_wait_for_itself};

static READ: Kind = Kind::new("rwlock read");
static WRITE: Kind = Kind::new("rwlock write");

/// What a writer has. More readers than that are none that a program could have.
const ALL: usize = usize::MAX;

/// Data that any number of wires may read at a time, or one may change, in the order in which they came.
///
/// Who reads and wants to read again waits behind those who came to write in between, and they wait for its first
/// guard; and who reads and wants to write waits for its own guard. Such wires are told as
/// [stuck](wire_core#the-blocking-contract), with the lock's address, once nothing else can run; a wire that writes is
/// refused at once, by a panic. There is no poisoning; see the [front page](crate#what-is-sure).
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
///
/// [`reading`](RwLock::reading) is for waiting for it or something else. There is no such form for writing: a writer
/// that waits holds up those behind, so it has to keep its place when its turn comes too early, and to tell when it
/// leaves; a [`Source`] does neither. Let another wire write, or bound the wait by a deadline.
///
/// It belongs to one OS thread, and so do its guards:
///
/// ```compile_fail,E0277
/// fn send<T: Send>(_: T) {}
/// send(wire_lock::RwLock::new(0).try_read());
/// ```
///
/// ```compile_fail,E0277
/// fn send<T: Send>(_: T) {}
/// send(wire_lock::RwLock::new(0).try_write());
/// ```
pub struct RwLock<T: ?Sized> {
    permits: Permits,
    /// Who writes.
    writer: Cell<WireId>,
    value: UnsafeCell<T>,
}

impl<T> RwLock<T> {
    /// Data that nobody uses yet.
    pub const fn new(value: T) -> RwLock<T> {
        RwLock {
            permits: Permits::new(ALL),
            writer: Cell::new(WireId::NONE),
            value: UnsafeCell::new(value),
        }
    }

    /// The data, for good. If a guard was forgotten, that does not matter.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Waits until nobody changes the data, or came before to do so.
    ///
    /// # Errors
    ///
    /// The interrupt that came first. Who was let in is, even if an interrupt came before it ran; and what is free is
    /// had at once, also by a cancelled wire.
    ///
    /// # Panics
    ///
    /// If this wire changes the data; outside `run()`, unless it is free. A wire that gave its guard to another counts
    /// as having it still.
    #[inline]
    #[track_caller]
    pub fn read(&self) -> Result<RwLockReadGuard<'_, T>, Interrupt> {
        if !self.permits.try_take(1) {
            self.wait(1, &READ)?;
        }
        Ok(RwLockReadGuard { lock: self })
    }

    /// The data to read, if nobody changes it or waits to.
    #[inline]
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        self.permits
            .try_take(1)
            .then(|| RwLockReadGuard { lock: self })
    }

    /// Reading as one of several things to wait for, by [`wait_any`](wire_wait::wait_any) and the like.
    pub fn reading(&self) -> Reading<'_, T> {
        Reading { lock: self }
    }

    /// Waits until nobody else uses the data.
    ///
    /// # Errors
    ///
    /// As for [`read`](RwLock::read).
    ///
    /// # Panics
    ///
    /// If this wire changes the data already; outside `run()`, unless it is free. A wire that gave its guard to another
    /// counts as having it still.
    #[inline]
    #[track_caller]
    pub fn write(&self) -> Result<RwLockWriteGuard<'_, T>, Interrupt> {
        if !self.permits.try_take(ALL) {
            self.wait(ALL, &WRITE)?;
        }
        Ok(self.written_by_this_wire())
    }

    /// The data to change, if nobody uses it.
    #[inline]
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        self.permits
            .try_take(ALL)
            .then(|| self.written_by_this_wire())
    }

    #[inline]
    fn written_by_this_wire(&self) -> RwLockWriteGuard<'_, T> {
        self.writer.set(WireId::current());
        RwLockWriteGuard { lock: self }
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    fn wait(&self, permits: usize, kind: &'static Kind) -> Result<(), Interrupt> {
        if would_wait_for_itself(self.writer.get())? {
            panic!("this wire holds the lock for writing already, so it would wait for itself");
        }
        self.permits.wait(permits, self.on(kind))
    }

    fn on(&self, kind: &'static Kind) -> Reason {
        Reason::on(kind, core::ptr::from_ref(self).cast::<()>())
    }

    /// The data, of a lock that nobody else can reach.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

/// Waiting to read an [`RwLock`] as one of several things: made by [`RwLock::reading`].
pub struct Reading<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
}

impl<'a, T: ?Sized> Source for Reading<'a, T> {
    type Item = RwLockReadGuard<'a, T>;

    fn try_take(&self) -> Option<RwLockReadGuard<'a, T>> {
        self.lock.try_read()
    }

    fn queue(&self) -> &WaitQueue {
        self.lock.permits.queue()
    }

    fn reason(&self) -> Reason {
        self.lock.on(&READ)
    }
}

impl<T: ?Sized> fmt::Debug for Reading<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").finish_non_exhaustive()
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
    #[inline]
    fn drop(&mut self) {
        self.lock.permits.add(1);
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: there is no guard to write while one to read has a permit, and both stay on one OS thread.
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

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// Goes on reading, with nobody writing in between. Readers that wait are let in, up to the next writer.
    ///
    /// A function, not a method, so that it hides none of the data's: `RwLockWriteGuard::downgrade(guard)`.
    pub fn downgrade(guard: Self) -> RwLockReadGuard<'a, T> {
        let lock = guard.lock;
        mem::forget(guard);
        lock.writer.set(WireId::NONE);
        let guard = RwLockReadGuard { lock };
        lock.permits.add(ALL - 1);
        guard
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.writer.set(WireId::NONE);
        self.lock.permits.add(ALL);
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard has all permits until it is dropped, so there is no other. It and the lock stay on one OS
        // thread.
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
