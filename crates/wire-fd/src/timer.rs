//! Sleeping, and deadlines around anything that waits.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use wire_core::outside::{self, NEVER};
use wire_core::{Interrupt, Kind, Reason, Wire, block, check_interrupt};

use crate::alarm;
use crate::clock;
use crate::moments::{NOWHERE, Place};

static SLEEP: Kind = Kind::new("sleep");

/// Waits for `duration`; zero returns at once. Outside a wire this is [`std::thread::sleep`].
///
/// # Errors
///
/// The interrupt that came first.
///
/// # Panics
///
/// If the thread's monitor cannot be set up, or 4 million wires of this thread sleep or have deadlines.
pub fn sleep(duration: Duration) -> Result<(), Interrupt> {
    if duration.is_zero() {
        return check_interrupt();
    }
    let me = outside::current();
    if me.is_null() {
        std::thread::sleep(duration);
        return Ok(());
    }
    let sleeper = Sleeper(me, alarm::sleep(me, duration));
    while sleeper.is_asleep() {
        block(Reason::new(&SLEEP))?;
    }
    Ok(())
}

/// Waits until `deadline`; one that has passed returns at once.
///
/// # Errors
///
/// The interrupt that came first.
///
/// # Panics
///
/// As [`sleep`] does.
pub fn sleep_until(deadline: Instant) -> Result<(), Interrupt> {
    sleep(deadline.saturating_duration_since(Instant::now()))
}

/// A wire's sleep under way. However it ends, nobody is going to wake its wire for it any more.
struct Sleeper(*const Wire, Place);

impl Sleeper {
    /// One farther than any clock counts has no place; only an interrupt ends it.
    #[inline]
    fn is_asleep(&self) -> bool {
        self.1 == NOWHERE || alarm::is_asleep(self.0, self.1)
    }
}

impl Drop for Sleeper {
    #[inline]
    fn drop(&mut self) {
        if self.1 != NOWHERE && alarm::is_asleep(self.0, self.1) {
            alarm::wake_never(self.1);
        }
    }
}

/// The deadline of a [`timeout`] passed before the work was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the deadline passed before the work was done")
    }
}

impl std::error::Error for Elapsed {}

/// Runs `f`, bounding every wait in it: what still waits after `duration` ends with
/// [`Interrupt::DeadlinePassed`] or unwinds to here. Scopes nest; the nearer deadline counts.
///
/// `f` is not stopped while it computes. If it returns after all, its value is given, whatever the
/// time; errors of timed-out calls are for `f` to return. Outside a wire it is called without bound.
///
/// With `panic = "abort"` nothing unwinds: a deadline that passes in a call that cannot return it
/// [ends the process](wire_core#with-panic--abort).
///
/// ```
/// use std::time::Duration;
/// use wire_fd::{Elapsed, sleep, timeout};
///
/// wire_core::run(|| {
///     let late = timeout(Duration::from_millis(5), || sleep(Duration::from_secs(60)));
///     assert_eq!(late, Ok(Err(wire_core::Interrupt::DeadlinePassed)));
///
///     let unwound = timeout(Duration::from_millis(5), || loop {
///         wire_core::yield_now(); // cannot fail, so it unwinds
///     });
///     assert_eq!(unwound, Err::<(), _>(Elapsed));
/// });
/// ```
///
/// # Errors
///
/// [`Elapsed`] if the deadline unwound `f`.
///
/// # Panics
///
/// When `f` does, and if the thread's monitor cannot be set up.
pub fn timeout<T>(duration: Duration, f: impl FnOnce() -> T) -> Result<T, Elapsed> {
    if !outside::in_wire() || std::thread::panicking() {
        return Ok(f());
    }
    let now = clock::now();
    bounded(now, clock::add(now, duration), f)
}

/// [`timeout`] with the moment itself.
///
/// # Errors
///
/// [`Elapsed`] if the deadline unwound `f`.
///
/// # Panics
///
/// When `f` does, and if the thread's monitor cannot be set up.
pub fn deadline<T>(at: Instant, f: impl FnOnce() -> T) -> Result<T, Elapsed> {
    if !outside::in_wire() || std::thread::panicking() {
        return Ok(f());
    }
    let now = clock::now();
    bounded(
        now,
        clock::add(now, at.saturating_duration_since(Instant::now())),
        f,
    )
}

fn bounded<T>(now: u64, mine: u64, f: impl FnOnce() -> T) -> Result<T, Elapsed> {
    outside::with_timer(|timer| {
        let outer = timer.deadline.get();
        if outer <= mine {
            // The scope around ends first; this one can add nothing.
            return Ok(f());
        }
        timer.deadline.set(mine);
        if let Err(error) = alarm::deadline(timer, now) {
            timer.deadline.set(outer);
            alarm::no_timer(&error);
        }
        if mine <= now {
            outside::deadline_passed(timer.wire());
        }
        let result = catch_unwind(AssertUnwindSafe(f));
        // What ended `f`, if it was an interrupt, must be asked before the mark is taken off.
        let cause = check_interrupt();
        timer.deadline.set(outer);
        // What fired for this scope was the wire's one timer for deadlines. It cannot fail: the monitor is
        // there, started by the call above, and so is room for as many timers.
        let _ = alarm::deadline(timer, now);
        outside::clear_deadline(timer.wire());
        if outer != NEVER && outer <= clock::now() {
            outside::deadline_passed(timer.wire());
        }
        match result {
            Ok(value) => Ok(value),
            Err(payload) if Interrupt::is_payload(&*payload) => {
                if cause == Err(Interrupt::DeadlinePassed) && check_interrupt().is_ok() {
                    return Err(Elapsed);
                }
                resume_unwind(payload)
            }
            Err(payload) => resume_unwind(payload),
        }
    })
}
