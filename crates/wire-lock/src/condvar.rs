//! Waiting for a change of data under a mutex.

use core::fmt;

use wire_core::{Interrupt, Kind, Reason, WaitQueue, check_interrupt, outside, shield};

use crate::{Lock, MutexGuard};

static CONDVAR: Kind = Kind::new("condition");

/// Waits, without the mutex, until another wire says that its data changed.
///
/// Woken wires come in the order in which they began to wait, and then wait for the mutex like others. There
/// are no wake-ups without reason, but another wire may have been at the data before: look again, or use
/// [`wait_while`](Condvar::wait_while). Between wires that only change data between two waits a
/// [`Wakeup`](wire_wait::Wakeup) is enough.
///
/// ```
/// use wire_lock::{Condvar, Mutex};
/// # use std::ptr::NonNull;
/// # use wire_core::{Stack, Wire, run, scope};
/// # fn stack() -> Stack<'static> {
/// #     #[repr(align(16))]
/// #     struct Memory([u8; 64 * 1024]);
/// #     let memory = Box::leak(Box::new(Memory([0; 64 * 1024])));
/// #     // SAFETY: leaked, aligned, used by nothing else, and ample for what runs here.
/// #     unsafe { Stack::from_raw(NonNull::from(&mut memory.0).cast(), 64 * 1024) }
/// # }
/// let (ready, changed, wire) = (Mutex::new(false), Condvar::new(), Wire::new());
/// run(|| scope(|s| {
///     let setter = s.spawn(&wire, stack(), "setter", || {
///         *ready.lock().unwrap() = true;
///         changed.notify_one();
///     }).unwrap();
///     let mut seen = ready.lock().unwrap();
///     changed.wait_while(&mut seen, |seen| !*seen).unwrap();
///     assert!(*seen);
///     drop(seen);
///     setter.join().unwrap();
/// }));
/// ```
#[derive(Default)]
pub struct Condvar {
    waiting: WaitQueue,
}

impl Condvar {
    /// One that nobody waits for.
    pub const fn new() -> Condvar {
        Condvar {
            waiting: WaitQueue::new(),
        }
    }

    /// Releases the mutex, waits for a notification, and locks again. Nobody can notify in between unseen. The guard
    /// holds the mutex when this returns, however it does; waiting for that is not ended by interrupts.
    ///
    /// # Errors
    ///
    /// The interrupt that came before a notification. Who was notified has been, even if an interrupt came before it
    /// ran.
    ///
    /// # Panics
    ///
    /// Outside `run()`.
    #[track_caller]
    pub fn wait<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>) -> Result<(), Interrupt> {
        assert!(
            outside::in_wire(),
            "waiting for a condition needs a wire: call it inside `run`"
        );
        // With the mutex still held, as there is nothing to wait for then.
        check_interrupt()?;
        let again = Again(guard);
        again.0.lock().hand_over();
        self.waiting.wait(Reason::on(&CONDVAR, self))
    }

    /// [`wait`](Condvar::wait)s as long as `condition` says so of the data.
    ///
    /// # Errors
    ///
    /// As for `wait`, with the condition as it then is.
    ///
    /// # Panics
    ///
    /// As for `wait`, if it has to.
    #[track_caller]
    pub fn wait_while<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> Result<(), Interrupt> {
        while condition(&mut **guard) {
            self.wait(guard)?;
        }
        Ok(())
    }

    /// Lets the wire go on that waits longest; says whether there was one.
    pub fn notify_one(&self) -> bool {
        self.waiting.wake_one()
    }

    /// Lets all go on that wait; says how many there were.
    pub fn notify_all(&self) -> usize {
        self.waiting.wake_all()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar")
            .field("awaited", &!self.waiting.is_empty())
            .finish()
    }
}

/// Locks a mutex again that was released behind its guard's back. Before that, nobody may use the guard.
struct Again<'a, 'm, T: ?Sized>(&'a mut MutexGuard<'m, T>);

impl<T: ?Sized> Drop for Again<'_, '_, T> {
    fn drop(&mut self) {
        /// Aborts rather than unwind: a guard without the mutex would release it for another.
        extern "C" fn take(lock: &Lock) {
            let taken = shield(|| lock.take());
            // Unwinding is the one thing that a shield does not keep off, and it was refused at the start.
            assert!(taken.is_ok(), "a shielded wait ended: {taken:?}");
        }
        take(self.0.lock());
    }
}
