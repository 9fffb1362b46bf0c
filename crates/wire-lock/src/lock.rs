//! The lock without data.
//!
//! ```text
//!   holder   first ──► a wire        waiting ──► Waiting ⇄ arm ⇄ …        clear ──► Node ⇄ …
//!            who came when there     those behind: in frames of wires     who waits until all
//!            was nobody else         in `lock`, or that wait for          these are gone
//!                                    other things too
//! ```
//!
//! Most locks have one who waits at most. That one needs no links, only a pointer to it, and is handed the lock
//! without a look at queues. A hand-over writes its name into `holder`: whoever waits and finds its own name there
//! has the lock, whatever else has happened to it meanwhile.

use core::cell::Cell;
use core::fmt;
use core::mem;
use core::ptr;

use wire_core::{Interrupt, Kind, Reason, WaitQueue, Wire, block, outside};
use wire_wait::Source;

use crate::take::{Take, WireId, wait_to_take, would_wait_for_itself};

static LOCK: Kind = Kind::new("lock");
static CLEAR: Kind = Kind::new("lock to be clear");

/// Added to the address in `first` while somebody may be in `clear`, so that a release need not look there as well.
const CLEARING: usize = 1;

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
///
/// It belongs to one OS thread, and so does its guard:
///
/// ```compile_fail,E0277
/// fn send<T: Send>(_: T) {}
/// send(wire_lock::Lock::new().try_lock());
/// ```
pub struct Lock {
    holder: Cell<WireId>,
    /// The wire that waits longest, if nobody did when it came: blocked in `wait`, or about to go on there with what
    /// came instead of the lock. Or null. Perhaps with `CLEARING`.
    first: Cell<*const Wire>,
    waiting: WaitQueue,
    /// Who waits until nobody holds it or waits to.
    clear: WaitQueue,
}

// SAFETY: nobody waits for a lock that is owned, since those who do borrow it: `first` is no wire, and the queues are
// empty. `holder` is a number.
unsafe impl Send for Lock {}

impl Lock {
    /// A lock that nobody holds.
    pub const fn new() -> Lock {
        Lock {
            holder: Cell::new(WireId::NONE),
            first: Cell::new(ptr::null()),
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
    /// gave its guard to another counts as the holder still, and so does one that is started in its control
    /// block later. Outside `run()`, unless the lock is free.
    #[inline(always)]
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
    #[inline(always)]
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

    #[inline(always)]
    #[track_caller]
    pub(crate) fn take_because(&self, reason: Reason) -> Result<(), Interrupt> {
        if self.is_held() {
            return self.wait(reason);
        }
        self.holder.set(WireId::current());
        Ok(())
    }

    /// In line up to the switch and behind it, as `block` is: a call that is entered on one stack and left on another
    /// has its return predicted wrongly, and saves registers that the switch saves.
    #[inline(always)]
    #[track_caller]
    fn wait(&self, reason: Reason) -> Result<(), Interrupt> {
        let wire = outside::current();
        let me = WireId::of(wire);
        if !self.first.get().is_null() || self.holder.get() == me || !self.waiting.is_empty() {
            return self.wait_behind(reason);
        }
        self.first.set(wire);
        let first = First(self);
        let result = block(reason);
        if self.holder.get() == me {
            // It was taken out of `first` as it was handed the lock.
            mem::forget(first);
            return Ok(());
        }
        first.wait_on(me, reason, result)
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    fn wait_behind(&self, reason: Reason) -> Result<(), Interrupt> {
        self.refuse_holder()?;
        wait_to_take(self, reason)
    }

    #[track_caller]
    fn refuse_holder(&self) -> Result<(), Interrupt> {
        if would_wait_for_itself(self.holder.get())? {
            panic!("this wire holds the lock already, so it would wait for itself");
        }
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
        if !self.is_held() {
            released_what_nobody_holds();
        }
        self.hand_over();
    }

    /// [`release`](Lock::release) of a lock that is held.
    #[inline(always)]
    pub(crate) fn hand_over(&self) {
        let first = self.first.get();
        if first.is_null() && self.waiting.is_empty() {
            self.holder.set(WireId::NONE);
        } else if first.is_null() || first.addr() & CLEARING != 0 {
            self.hand_over_otherwise();
        } else {
            self.first.set(ptr::null());
            // SAFETY: it was in `first`, and no wire has run since.
            unsafe { self.hand_to(first) };
        }
    }

    /// # Safety
    ///
    /// The wire was taken out of `first`, and none of the thread ran since.
    #[inline(always)]
    unsafe fn hand_to(&self, wire: *const Wire) {
        self.holder.set(WireId::of(wire));
        // SAFETY: by contract it is in `wait`, which it does not leave before it runs: so it is not over.
        outside::unblock(unsafe { &*wire });
    }

    #[cold]
    #[inline(never)]
    fn hand_over_otherwise(&self) {
        let first = self.first_wire();
        if first.is_null() {
            self.holder.set(WireId::NONE);
            while !self.is_held() && self.waiting.wake_one() {}
            if !self.is_held() {
                self.clear.wake_all();
            }
            self.nobody_is_first();
        } else {
            self.nobody_is_first();
            // SAFETY: as in `hand_over`.
            unsafe { self.hand_to(first) };
        }
    }

    fn first_wire(&self) -> *const Wire {
        self.first.get().map_addr(|address| address & !CLEARING)
    }

    #[cold]
    fn nobody_is_first(&self) {
        let somebody = usize::from(!self.clear.is_empty());
        self.first.set(ptr::without_provenance(somebody * CLEARING));
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
        self.wait_clear_of(ptr::from_ref(self).cast())
    }

    /// [`wait_clear`](Lock::wait_clear) of the object that reports are to name.
    #[track_caller]
    pub(crate) fn wait_clear_of(&self, object: *const ()) -> Result<(), Interrupt> {
        while self.is_held() {
            self.refuse_holder()?;
            self.first
                .set(self.first.get().map_addr(|address| address | CLEARING));
            self.clear.wait(Reason::on(&CLEAR, object))?;
        }
        Ok(())
    }
}

/// Takes the running wire out of `first` again, however its wait ends.
struct First<'a>(&'a Lock);

impl First<'_> {
    /// Goes on waiting, if no interrupt has ended that.
    #[cold]
    #[inline(never)]
    #[track_caller]
    fn wait_on(
        self,
        me: WireId,
        reason: Reason,
        mut result: Result<(), Interrupt>,
    ) -> Result<(), Interrupt> {
        while self.0.holder.get() != me {
            result?;
            result = block(reason);
        }
        mem::forget(self);
        Ok(())
    }
}

impl Drop for First<'_> {
    fn drop(&mut self) {
        self.0.nobody_is_first();
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn released_what_nobody_holds() -> ! {
    panic!("released a lock that nobody holds")
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

/// Waiting for the lock as one of several things.
impl<'a> Source for &'a Lock {
    type Item = LockGuard<'a>;

    fn try_take(&self) -> Option<LockGuard<'a>> {
        self.take_for(WireId::of(outside::taker()))
            .then(|| LockGuard { lock: self })
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
        let awaited = !self.first_wire().is_null() || !self.waiting.is_empty();
        f.debug_struct("Lock")
            .field("held", &self.is_held())
            .field("awaited", &awaited)
            .finish()
    }
}

/// Holds a [`Lock`] until dropped. Forgetting it leaves the lock held, until somebody calls [`release`](Lock::release).
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
