//! So many at a time.

use core::cell::Cell;
use core::fmt;

use wire_core::{Interrupt, Kind, Reason, WaitQueue};
use wire_wait::Source;

use crate::take::{Take, WireId, wait_to_take};

static SEMAPHORE: Kind = Kind::new("semaphore");

/// A counting semaphore: a number of permits, handed out in the order in which wires came.
///
/// ```
/// let at_once = wire_lock::Semaphore::new(2);
/// let (first, _second) = (at_once.try_acquire().unwrap(), at_once.try_acquire().unwrap());
/// assert!(at_once.try_acquire().is_none());
/// drop(first);
/// assert_eq!(at_once.available(), 1);
/// ```
pub struct Semaphore {
    permits: Cell<usize>,
    waiting: WaitQueue,
}

impl Semaphore {
    /// A semaphore with so many permits.
    pub const fn new(permits: usize) -> Semaphore {
        Semaphore {
            permits: Cell::new(permits),
            waiting: WaitQueue::new(),
        }
    }

    /// Waits for a permit, which is given back when the guard is dropped.
    ///
    /// # Errors
    ///
    /// The interrupt that came first. Who was handed a permit has it, even if an interrupt came
    /// before it ran; and one that is left is had at once, also by a cancelled wire.
    ///
    /// # Panics
    ///
    /// Outside `run()`, unless a permit is left.
    #[track_caller]
    pub fn acquire(&self) -> Result<Permit<'_>, Interrupt> {
        self.take()?;
        Ok(Permit { semaphore: self })
    }

    /// A permit, if one is left.
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        self.try_take().then(|| Permit { semaphore: self })
    }

    /// [`acquire`](Semaphore::acquire) without a guard.
    ///
    /// # Errors
    ///
    /// As for [`acquire`](Semaphore::acquire).
    ///
    /// # Panics
    ///
    /// As for [`acquire`](Semaphore::acquire).
    #[inline]
    #[track_caller]
    pub fn take(&self) -> Result<(), Interrupt> {
        if self.try_take() {
            return Ok(());
        }
        wait_to_take(self, self.reason())
    }

    /// [`try_acquire`](Semaphore::try_acquire) without a guard; says whether it has a permit.
    #[inline]
    #[must_use = "a permit that was taken has to be released"]
    pub fn try_take(&self) -> bool {
        match self.permits.get().checked_sub(1) {
            Some(left) => {
                self.permits.set(left);
                true
            }
            None => false,
        }
    }

    /// Gives a permit back, or adds one: it goes to the one that waits longest.
    ///
    /// # Panics
    ///
    /// With more than `usize::MAX` permits.
    pub fn release(&self) {
        self.add(1);
    }

    /// Adds permits.
    ///
    /// # Panics
    ///
    /// With more than `usize::MAX` permits.
    pub fn add(&self, permits: usize) {
        let permits = self.permits.get().checked_add(permits);
        self.permits.set(permits.expect("too many permits"));
        while self.permits.get() > 0 && self.waiting.wake_one() {}
    }

    /// How many permits are left.
    pub fn available(&self) -> usize {
        self.permits.get()
    }

    fn reason(&self) -> Reason {
        Reason::on(&SEMAPHORE, self)
    }
}

impl Take for Semaphore {
    fn take_for(&self, _wire: WireId) -> bool {
        self.try_take()
    }

    fn waiting(&self) -> &WaitQueue {
        &self.waiting
    }
}

/// Waiting for a permit as one of several things.
impl<'a> Source for &'a Semaphore {
    type Item = Permit<'a>;

    fn try_take(&self) -> Option<Permit<'a>> {
        self.try_acquire()
    }

    fn queue(&self) -> &WaitQueue {
        &self.waiting
    }

    fn reason(&self) -> Reason {
        Semaphore::reason(self)
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("permits", &self.permits.get())
            .field("awaited", &!self.waiting.is_empty())
            .finish()
    }
}

/// A permit of a [`Semaphore`], given back when dropped.
#[derive(Debug)]
#[must_use = "dropping the permit gives it back"]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
}

impl Permit<'_> {
    /// Takes the permit away for good.
    pub fn forget(self) {
        core::mem::forget(self);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.semaphore.release();
    }
}
