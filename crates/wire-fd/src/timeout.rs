//! A timeout that is set and reset, and waited for beside other things.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::time::{Duration, Instant};

use wire_core::outside::NEVER;
use wire_core::{Interrupt, Kind, Reason, WaitQueue};
use wire_wait::Source;

use crate::alarm;
use crate::clock;
use crate::error::RegisterError;
use crate::moments::{NOWHERE, Place};

static TIMEOUT: Kind = Kind::new("timeout");

/// A timeout in the user's memory: [`reset`](Timeout::reset) has it pass after some time, again and
/// again, at a few instructions if that moves it later. It is a [`Source`]: ready from when it passed until it
/// is reset or stopped. Any number of them may run at once, whatever deadlines their wires have.
///
/// The thread's monitor knows its address while it runs, hence the pin; dropping it stops it.
///
/// ```
/// use std::pin::pin;
/// use std::time::Duration;
/// use wire_fd::Timeout;
/// use wire_wait::{Either, Wakeup, wait_two};
///
/// wire_core::run(|| {
///     let (idle, data) = (pin!(Timeout::new()), Wakeup::new());
///     let idle = idle.as_ref();
///     idle.reset(Duration::from_millis(5))?;
///     data.resume();
///     assert_eq!(wait_two(&data, &*idle), Ok(Either::First(())));
///     data.reset();
///     idle.reset(Duration::from_millis(5))?; // something came: the time starts anew
///     assert_eq!(wait_two(&data, &*idle), Ok(Either::Second(())));
///     Ok::<_, wire_fd::RegisterError>(())
/// })?;
/// # Ok::<_, wire_fd::RegisterError>(())
/// ```
pub struct Timeout {
    /// When it passes; [`NEVER`] if it does not run or has passed.
    pub(crate) moment: Cell<u64>,
    pub(crate) place: Cell<Place>,
    passed: Cell<bool>,
    pub(crate) waiting: WaitQueue,
    /// Its address is known to the monitor of its thread.
    _pinned: PhantomPinned,
    _not_send: std::marker::PhantomData<*const ()>,
}

impl Timeout {
    /// One that does not run.
    pub const fn new() -> Timeout {
        Timeout {
            moment: Cell::new(NEVER),
            place: Cell::new(NOWHERE),
            passed: Cell::new(false),
            waiting: WaitQueue::new(),
            _pinned: PhantomPinned,
            _not_send: std::marker::PhantomData,
        }
    }

    /// Has it pass `duration` from now, and at no other time; zero is now. What passed before is forgotten.
    ///
    /// # Errors
    ///
    /// If the thread's monitor cannot be started: outside `run()`, above all. It does not run then.
    pub fn reset(self: Pin<&Self>, duration: Duration) -> Result<(), RegisterError> {
        let now = clock::now();
        self.reset_to(now, clock::add(now, duration))
    }

    /// [`reset`](Timeout::reset) to a moment; one that has passed is now.
    ///
    /// # Errors
    ///
    /// As for [`reset`](Timeout::reset).
    pub fn reset_until(self: Pin<&Self>, moment: Instant) -> Result<(), RegisterError> {
        self.reset(moment.saturating_duration_since(Instant::now()))
    }

    fn reset_to(self: Pin<&Self>, now: u64, moment: u64) -> Result<(), RegisterError> {
        self.passed.set(false);
        self.moment.set(moment);
        // Pinned: it stays until it is dropped, which has it forgotten.
        alarm::timeout(&self, now).inspect_err(|_| self.stop())?;
        if moment <= now {
            self.pass();
        }
        Ok(())
    }

    /// Has it never pass, and what passed forgotten, until it is reset. Those who wait go on waiting.
    pub fn stop(&self) {
        self.moment.set(NEVER);
        self.passed.set(false);
    }

    /// Whether it was reset, and has neither passed nor been stopped since.
    pub fn is_running(&self) -> bool {
        self.moment.get() != NEVER && !self.has_passed()
    }

    /// Whether it has passed, and was neither reset nor stopped since.
    pub fn has_passed(&self) -> bool {
        self.passed.get() || (self.moment.get() != NEVER && self.moment.get() <= clock::now())
    }

    /// Waits for just this one. Returns at once if it has passed.
    ///
    /// # Errors
    ///
    /// The interrupt that came first. If it does not run, nothing else ends this but a reset.
    ///
    /// # Panics
    ///
    /// Outside `run()`, unless it has passed.
    #[track_caller]
    pub fn wait(&self) -> Result<(), Interrupt> {
        wire_wait::wait(self)
    }

    /// Its moment has come.
    pub(crate) fn pass(&self) {
        self.moment.set(NEVER);
        self.passed.set(true);
        self.waiting.wake_all();
    }
}

impl Source for Timeout {
    type Item = ();

    fn try_take(&self) -> Option<()> {
        self.has_passed().then_some(())
    }

    fn queue(&self) -> &WaitQueue {
        // Asked for by who is about to wait. While nobody waited, the monitor may have forgotten it. If it
        // cannot be told, the wait will be found stuck, which says as much as an error could.
        if self.moment.get() != NEVER {
            let _ = alarm::timeout(self, clock::now());
        }
        &self.waiting
    }

    fn reason(&self) -> Reason {
        Reason::on(&TIMEOUT, self)
    }
}

impl Default for Timeout {
    fn default() -> Timeout {
        Timeout::new()
    }
}

impl Drop for Timeout {
    fn drop(&mut self) {
        alarm::wake_never(self.place.replace(NOWHERE));
    }
}

impl fmt::Debug for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout")
            .field("running", &self.is_running())
            .field("passed", &self.has_passed())
            .finish_non_exhaustive()
    }
}
