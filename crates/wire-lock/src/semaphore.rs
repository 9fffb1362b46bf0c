//! So many at a time.

use core::fmt;

use wire_core::{Interrupt, Kind, Reason, WaitQueue};
use wire_wait::Source;

use crate::permits::Permits;

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
///
/// Some may want more than one, such as the bytes of a buffer that many share. Who waits for many is not passed by
/// those behind who want few: what is released is kept for it until it is enough.
///
/// ```
/// let bytes = wire_lock::Semaphore::new(64 * 1024);
/// wire_core::run(|| {
///     let request = bytes.acquire_many(4096).unwrap();
///     assert_eq!((request.count(), bytes.available()), (4096, 60 * 1024));
/// });
/// ```
///
/// A permit belongs to one OS thread, like the semaphore:
///
/// ```compile_fail,E0277
/// fn send<T: Send>(_: T) {}
/// send(wire_lock::Semaphore::new(1).try_acquire());
/// ```
pub struct Semaphore {
    permits: Permits,
}

impl Semaphore {
    /// A semaphore with so many permits.
    pub const fn new(permits: usize) -> Semaphore {
        Semaphore {
            permits: Permits::new(permits),
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
    #[inline]
    #[track_caller]
    pub fn acquire(&self) -> Result<Permit<'_>, Interrupt> {
        self.acquire_many(1)
    }

    /// Waits for so many permits, which are given back together when the guard is dropped. None at all are had at once.
    ///
    /// # Errors
    ///
    /// As for [`acquire`](Semaphore::acquire). What was kept for this wire goes to those behind.
    ///
    /// # Panics
    ///
    /// As for [`acquire`](Semaphore::acquire).
    #[inline]
    #[track_caller]
    pub fn acquire_many(&self, permits: usize) -> Result<Permit<'_>, Interrupt> {
        self.take_many(permits)?;
        Ok(self.permit(permits))
    }

    /// A permit, if one is left.
    #[inline]
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        self.try_acquire_many(1)
    }

    /// So many permits, if they are left.
    #[inline]
    pub fn try_acquire_many(&self, permits: usize) -> Option<Permit<'_>> {
        self.try_take_many(permits).then(|| self.permit(permits))
    }

    fn permit(&self, count: usize) -> Permit<'_> {
        Permit {
            semaphore: self,
            count,
        }
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
        self.take_many(1)
    }

    /// [`acquire_many`](Semaphore::acquire_many) without a guard.
    ///
    /// # Errors
    ///
    /// As for [`acquire_many`](Semaphore::acquire_many).
    ///
    /// # Panics
    ///
    /// As for [`acquire`](Semaphore::acquire).
    #[inline]
    #[track_caller]
    pub fn take_many(&self, permits: usize) -> Result<(), Interrupt> {
        if self.permits.try_take(permits) {
            return Ok(());
        }
        self.permits.wait(permits, self.reason())
    }

    /// [`try_acquire`](Semaphore::try_acquire) without a guard; says whether it has a permit.
    #[inline]
    #[must_use = "a permit that was taken has to be released"]
    pub fn try_take(&self) -> bool {
        self.try_take_many(1)
    }

    /// [`try_acquire_many`](Semaphore::try_acquire_many) without a guard; says whether it has the permits.
    #[inline]
    #[must_use = "permits that were taken have to be released"]
    pub fn try_take_many(&self, permits: usize) -> bool {
        self.permits.try_take(permits)
    }

    /// Gives a permit back, or adds one: it goes to the one that waits longest.
    ///
    /// # Panics
    ///
    /// With more than `usize::MAX` permits.
    #[inline]
    #[track_caller]
    pub fn release(&self) {
        self.add(1);
    }

    /// Gives permits back, or adds some.
    ///
    /// # Panics
    ///
    /// With more than `usize::MAX` permits.
    #[inline]
    #[track_caller]
    pub fn add(&self, permits: usize) {
        self.permits.add(permits);
    }

    /// How many permits are left. Those that are kept for one who waits for more do not count.
    pub fn available(&self) -> usize {
        self.permits.free()
    }

    fn reason(&self) -> Reason {
        Reason::on(&SEMAPHORE, self)
    }
}

/// Waiting for one permit as one of several things.
impl<'a> Source for &'a Semaphore {
    type Item = Permit<'a>;

    fn try_take(&self) -> Option<Permit<'a>> {
        self.try_acquire()
    }

    fn queue(&self) -> &WaitQueue {
        self.permits.queue()
    }

    fn reason(&self) -> Reason {
        Semaphore::reason(self)
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("permits", &self.available())
            .field("awaited", &self.permits.is_awaited())
            .finish()
    }
}

/// Permits of a [`Semaphore`], given back when dropped. Forgotten, they are gone for good, like by
/// [`forget`](Permit::forget).
#[derive(Debug)]
#[must_use = "dropping the permit gives it back"]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
    count: usize,
}

impl Permit<'_> {
    /// How many permits it is.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Takes the permits away for good.
    pub fn forget(self) {
        core::mem::forget(self);
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        self.semaphore.add(self.count);
    }
}
