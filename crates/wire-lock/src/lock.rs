//! The lock without data.

use core::cell::Cell;
use core::fmt;

use wire_core::{Interrupt, Kind, Reason, WaitQueue, check_interrupt};
use wire_wait::Source;

use crate::take::{Take, WireId, wait_to_take};

static LOCK: Kind = Kind::new("lock");
static CLEAR: Kind = Kind::new("lock to be clear");

/// A fair lock: held by one, and handed over in the order in which others came.
///
/// For data to go with it, see [`Mutex`](crate::Mutex).
///
/// ```
/// let lock = wire_lock::Lock::new();
/// let guard = lock.try_lock().unwrap();
/// assert!(lock.try_lock().is_none());
/// drop(guard);
/// assert!(!lock.is_held());
/// ```
pub struct Lock {
    holder: Cell<WireId>,
    waiting: WaitQueue,
    /// Who waits until nobody holds it or waits to.
    clear: WaitQueue,
}

impl Lock {
    /// A lock that nobody holds.
    pub const fn new() -> Lock {
        Lock {
            holder: Cell::new(WireId::NONE),
            waiting: WaitQueue::new(),
            clear: WaitQueue::new(),
        }
    }

    /// Waits until the lock is this wire's. It is held until the guard is dropped.
    ///
    /// # Errors
    ///
    /// The interrupt that came first. Who was handed the lock has it, even if an interrupt came
    /// before it ran; and one that is free is had at once, also by a cancelled wire.
    ///
    /// # Panics
    ///
    /// If this wire took the lock and has not released it: it would wait for itself. A wire that
    /// gave its guard to another counts as the holder still. Outside `run()`, unless the lock is
    /// free.
    #[track_caller]
    pub fn lock(&self) -> Result<LockGuard<'_>, Interrupt> {
        self.take()?;
        Ok(LockGuard { lock: self })
    }

    /// The lock, if it is free.
    pub fn try_lock(&self) -> Option<LockGuard<'_>> {
        self.try_take().then(|| LockGuard { lock: self })
    }

    /// [`lock`](Lock::lock) without a guard, for what a guard's scope does not fit: whoever takes
    /// must see to [`release`](Lock::release).
    ///
    /// # Errors
    ///
    /// As for [`lock`](Lock::lock).
    ///
    /// # Panics
    ///
    /// As for [`lock`](Lock::lock).
    #[inline]
    #[track_caller]
    pub fn take(&self) -> Result<(), Interrupt> {
        self.take_because(Reason::on(&LOCK, self))
    }

    /// [`try_lock`](Lock::try_lock) without a guard; says whether it has the lock.
    #[inline]
    #[must_use = "a lock that was taken has to be released"]
    pub fn try_take(&self) -> bool {
        self.take_for(WireId::current())
    }

    #[inline]
    #[track_caller]
    pub(crate) fn take_because(&self, reason: Reason) -> Result<(), Interrupt> {
        if self.try_take() {
            return Ok(());
        }
        self.deny_waiting_for_oneself()?;
        wait_to_take(self, reason)
    }

    /// A wire that unwinds learns that it cannot wait, rather than panic once more.
    #[cold]
    #[track_caller]
    fn deny_waiting_for_oneself(&self) -> Result<(), Interrupt> {
        if let Err(interrupt @ Interrupt::Unwinding) = check_interrupt() {
            return Err(interrupt);
        }
        let me = WireId::current();
        assert!(
            !me.is_a_wire() || self.holder.get() != me,
            "this wire holds the lock already, so it would wait for itself"
        );
        Ok(())
    }

    /// Releases the lock: it goes to the one that waits longest, who runs when its turn comes.
    ///
    /// # Panics
    ///
    /// If nobody holds it.
    #[inline]
    #[track_caller]
    pub fn release(&self) {
        assert!(self.is_held(), "released a lock that nobody holds");
        self.holder.set(WireId::NONE);
        if !self.waiting.is_empty() || !self.clear.is_empty() {
            self.hand_over();
        }
    }

    #[cold]
    fn hand_over(&self) {
        while !self.is_held() && self.waiting.wake_one() {}
        if !self.is_held() {
            self.clear.wake_all();
        }
    }

    /// Whether somebody holds it.
    #[inline]
    pub fn is_held(&self) -> bool {
        self.holder.get() != WireId::NONE
    }

    /// Waits until nobody holds the lock or waits for it. So it is when this returns; if others keep
    /// coming, that may take for ever.
    ///
    /// # Errors
    ///
    /// The interrupt that came first.
    ///
    /// # Panics
    ///
    /// If this wire holds the lock; outside `run()`, unless it is free.
    #[track_caller]
    pub fn wait_clear(&self) -> Result<(), Interrupt> {
        while self.is_held() {
            self.deny_waiting_for_oneself()?;
            self.clear.wait(Reason::on(&CLEAR, self))?;
        }
        Ok(())
    }
}

impl Take for Lock {
    #[inline]
    fn take_for(&self, wire: WireId) -> bool {
        let free = !self.is_held();
        if free {
            self.holder.set(wire);
        }
        free
    }

    fn waiting(&self) -> &WaitQueue {
        &self.waiting
    }
}

/// Waiting for the lock as one of several things. The holder's own attempts to lock again are not
/// recognised then.
impl<'a> Source for &'a Lock {
    type Item = LockGuard<'a>;

    fn try_take(&self) -> Option<LockGuard<'a>> {
        self.try_lock()
    }

    fn queue(&self) -> &WaitQueue {
        &self.waiting
    }

    fn reason(&self) -> Reason {
        Reason::on(&LOCK, *self)
    }
}

impl Default for Lock {
    fn default() -> Lock {
        Lock::new()
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock")
            .field("held", &self.is_held())
            .field("awaited", &!self.waiting.is_empty())
            .finish()
    }
}

/// Holds a [`Lock`] until dropped. Forgetting it leaves the lock held.
#[derive(Debug)]
#[must_use = "dropping the guard releases the lock"]
pub struct LockGuard<'a> {
    lock: &'a Lock,
}

impl Drop for LockGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        // By raw means it may have been released already.
        if self.lock.is_held() {
            self.lock.release();
        }
    }
}
