//! The one way to block, and what can end it early.

use core::fmt;
use std::any::Any;
use std::io::Write as _;
use std::panic::resume_unwind;

use crate::reason::Reason;
use crate::run::nobody_can_run;
use crate::scheduler::{scheduler, unpark};
use crate::trace;
use crate::wire::{INTERRUPTED, SUSPENDED, State, Wait, Wire};

const CANCELLED: u32 = 1;
const DEADLINE: u32 = 2;
const PENDING: u32 = CANCELLED | DEADLINE;
/// Counted above the two flags: while not zero, they are kept but not acted on.
const SHIELD: u32 = 4;

/// Why a wait ended without what it waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Interrupt {
    /// The wire was cancelled. This stays: every later wait says so too.
    Cancelled,
    /// The deadline of a scope around the wait has passed. This stays until that scope is left.
    DeadlinePassed,
    /// The wire is unwinding from a panic or cancellation and therefore cannot wait: another wire
    /// of the thread would find itself panicking.
    Unwinding,
}

impl Interrupt {
    /// Leaves the code that cannot report it: unwinds, running destructors, up to the enclosing
    /// `timeout` scope or to the end of the wire. The panic hook is not called, nothing printed.
    ///
    /// # Aborts
    ///
    /// If the wire is unwinding already. And with `panic = "abort"`, saying on standard error which wire
    /// was to unwind and why: [see there](crate#with-panic--abort).
    #[cold]
    pub fn unwind(self) -> ! {
        if self == Interrupt::Unwinding {
            panic!("a wire tried to wait while it was unwinding, in a call that cannot fail");
        }
        if cfg!(panic = "abort") {
            fatal(match self {
                Interrupt::DeadlinePassed => {
                    "a deadline passed in a call that cannot fail, and with `panic = \"abort\"` no wire can unwind"
                }
                _ => {
                    "a wire was cancelled in a call that cannot fail, and with `panic = \"abort\"` none can unwind"
                }
            });
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "boxing a zero-sized value does not allocate"
        )]
        resume_unwind(Box::new(Unwind))
    }

    /// Whether a caught panic payload is such an unwinding rather than a panic. Pass those on with
    /// [`std::panic::resume_unwind`].
    pub fn is_payload(payload: &(dyn Any + Send)) -> bool {
        payload.is::<Unwind>()
    }
}

impl fmt::Display for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Interrupt::Cancelled => "the wire was cancelled",
            Interrupt::DeadlinePassed => "the deadline has passed",
            Interrupt::Unwinding => "the wire is unwinding and cannot wait",
        })
    }
}

impl core::error::Error for Interrupt {}

/// The payload of an unwinding that is not a panic.
struct Unwind;

/// Stops the current wire until it is [unblocked](crate::outside::unblock). Every wait of every layer goes through here.
///
/// # Errors
///
/// The interrupt that came first, or was pending already. `Ok` means that somebody unblocked the
/// wire, even if an interrupt came in between; what exactly for is for the caller to find out,
/// since it may have been for another of several things waited for.
///
/// # Panics
///
/// Outside `run()`.
#[track_caller]
#[inline]
pub fn block(reason: Reason) -> Result<(), Interrupt> {
    block_as(State::Blocked, reason, is_runnable)
}

/// [`block`] for a wait whose end shows: `Ok` at once if `over` says so when the wire goes on.
///
/// # Safety
///
/// If `over` says so, somebody has unblocked the wire since, and not before it was so. The scheduler counts on a running
/// wire not to be marked as blocked.
///
/// # Errors
///
/// As for `block`, unless it is over.
///
/// # Panics
///
/// Outside `run()`.
#[track_caller]
#[inline(always)]
pub unsafe fn block_until(reason: Reason, over: impl FnOnce() -> bool) -> Result<(), Interrupt> {
    block_as(State::Blocked, reason, over)
}

// The wire is asked for again, rather than kept: there are two registers that a switch keeps, and the caller has better
// use for them.
#[inline(always)]
fn is_runnable() -> bool {
    scheduler().current_or_outside().state.get() == State::Runnable
}

/// In line up to the switch and behind it: a call that is entered on one stack and left on another
/// has its return predicted wrongly.
#[track_caller]
#[inline(always)]
fn block_as(kind: State, reason: Reason, over: impl FnOnce() -> bool) -> Result<(), Interrupt> {
    let s = scheduler();
    let me = s.current_or_outside();
    if me.heed.get() != 0 || std::thread::panicking() {
        take_heed()?;
    }
    me.blocks(
        kind,
        Wait {
            reason,
            since: s.switches(),
        },
    );
    s.switch_away(me);
    if over() {
        return Ok(());
    }
    not_unblocked(kind)
}

/// Lists the current wire, which is about to block, if it is not; or says why it may not.
///
/// # Panics
///
/// If there is none.
#[cold]
#[track_caller]
fn take_heed() -> Result<(), Interrupt> {
    let s = scheduler();
    let me = s.current_or_panic();
    take_interrupt(me)?;
    s.list(me);
    Ok(())
}

/// Blocks on, if need be, a wire that goes on without having been unblocked.
#[cold]
#[inline(never)]
fn not_unblocked(kind: State) -> Result<(), Interrupt> {
    let s = scheduler();
    let me = s.current_or_outside();
    loop {
        match me.state.get() {
            State::Runnable => return Ok(()),
            // Held since it was interrupted: it goes on waiting.
            State::Interrupted if me.interrupts.get() >= SHIELD => {}
            State::Interrupted => {
                me.state.set(State::Runnable);
                return take_interrupt(me);
            }
            // Only the main wire is continued without being unblocked: nobody can run.
            _ => {
                me.set_unblocked(State::Stuck);
                nobody_can_run(s, me);
                // Whatever woke it meanwhile did not have to queue it.
                if me.state.get() != State::Stuck {
                    continue;
                }
            }
        }
        me.state.set(kind);
        s.switch_away(me);
    }
}

/// [`block`] that no cancellation or deadline ends. For waits that must not be left, because memory
/// of this frame is in use elsewhere; keep them short.
///
/// # Aborts
///
/// If the wire is unwinding: it can neither wait nor go on.
#[track_caller]
pub(crate) fn block_shielded(reason: Reason) {
    let _shield = Shield::new(scheduler().current_or_panic());
    if block(reason).is_err() {
        fatal("a wire has to wait for others to let go of its memory, but it is unwinding");
    }
}

/// Makes a blocked wire runnable, at the end of the ready queue. One that is ready, running or over
/// is left as it is; one that an interrupt has woken but that has not run yet will see this instead.
#[inline]
pub(crate) fn unblock(wire: &Wire) {
    // One comparison for what is nearly always so.
    if wire.state.get() == State::Blocked {
        wire.state.set(State::Runnable);
        scheduler().push(wire);
        trace::woken(wire);
    } else {
        unblock_specially(wire);
    }
}

#[cold]
#[inline(never)]
fn unblock_specially(wire: &Wire) {
    match wire.state.get() {
        state @ (State::Suspended | State::Parked) => {
            if state == State::Parked {
                unpark();
            }
            wire.state.set(State::Runnable);
            scheduler().push(wire);
            trace::woken(wire);
        }
        State::Interrupted | State::Stuck => wire.state.set(State::Runnable),
        _ => {}
    }
}

fn interrupt(wire: &Wire, flag: u32) {
    set_interrupts(wire, wire.interrupts.get() | flag);
    if !wire.is_interrupted() {
        return;
    }
    match wire.state.get() {
        State::Stuck => wire.state.set(State::Interrupted),
        state if state.is_blocked() => {
            if state == State::Parked {
                unpark();
            }
            wire.set_unblocked(State::Interrupted);
            scheduler().push(wire);
            trace::woken(wire);
        }
        _ => {}
    }
}

/// Cancels a started wire that is not over.
pub(crate) fn cancel(wire: &Wire) {
    if !matches!(wire.state.get(), State::Idle | State::Ended) {
        interrupt(wire, CANCELLED);
    }
}

/// Marks the deadline of `wire` as passed, waking it if it waits. For the crate that keeps time.
pub fn deadline_passed(wire: &Wire) {
    if !matches!(wire.state.get(), State::Idle | State::Ended) {
        interrupt(wire, DEADLINE);
    }
}

/// Takes the mark of [`deadline_passed`] off the current wire: the scope it belonged to is left.
pub fn clear_deadline(wire: &Wire) {
    set_interrupts(wire, wire.interrupts.get() & !DEADLINE);
}

/// The one place where the word changes, and what yields look at with it.
#[inline]
pub(crate) fn set_interrupts(wire: &Wire, word: u32) {
    wire.interrupts.set(word);
    let heed = wire.heed.get() & !INTERRUPTED;
    let interrupted = word.wrapping_sub(1) < PENDING;
    wire.heed.set(heed | (u8::from(interrupted) * INTERRUPTED));
}

/// The interrupt that a wait of this wire would end with now.
pub(crate) fn take_interrupt(me: &Wire) -> Result<(), Interrupt> {
    if std::thread::panicking() {
        return Err(Interrupt::Unwinding);
    }
    if !me.is_interrupted() {
        Ok(())
    } else if me.interrupts.get() & CANCELLED != 0 {
        Err(Interrupt::Cancelled)
    } else {
        Err(Interrupt::DeadlinePassed)
    }
}

/// Acts on a pending interrupt of the running wire where it cannot be returned. While unwinding, none is.
#[cold]
#[inline(never)]
pub(crate) fn unwind_pending() {
    match check_interrupt() {
        Ok(()) | Err(Interrupt::Unwinding) => {}
        Err(interrupt) => interrupt.unwind(),
    }
}

/// Reports the interrupt pending for the current wire, if any: for loops that compute for long, and
/// for operations that succeed without waiting but should notice.
///
/// # Errors
///
/// What the next wait would end with.
pub fn check_interrupt() -> Result<(), Interrupt> {
    scheduler().current().map_or(Ok(()), take_interrupt)
}

pub(crate) fn hold(wire: &Wire) {
    set_interrupts(wire, wire.interrupts.get() + SHIELD);
}

pub(crate) fn release(wire: &Wire) {
    set_interrupts(wire, wire.interrupts.get() - SHIELD);
}

struct Shield<'a>(&'a Wire);

impl Shield<'_> {
    fn new(wire: &Wire) -> Shield<'_> {
        hold(wire);
        Shield(wire)
    }
}

impl Drop for Shield<'_> {
    fn drop(&mut self) {
        release(self.0);
    }
}

/// Runs `f` with cancellation and deadlines of the current wire put off until it returns: for a
/// piece of work that must not be left half done. Outside a wire it just runs `f`.
pub fn shield<T>(f: impl FnOnce() -> T) -> T {
    let _shield = scheduler().current().map(Shield::new);
    f()
}

/// Takes the current wire off the ready queue until somebody calls
/// [`Handle::resume`](crate::Handle::resume) for it.
///
/// # Errors
///
/// The interrupt that came instead.
///
/// # Panics
///
/// Outside `run()`.
#[track_caller]
#[inline]
pub fn suspend() -> Result<(), Interrupt> {
    block_as(State::Suspended, Reason::new(&SUSPENDED), is_runnable)
}

/// Makes a wire go on that suspended itself; any other is left alone.
#[inline]
pub(crate) fn resume(wire: &Wire) {
    if wire.state.get() == State::Suspended {
        wire.state.set(State::Runnable);
        scheduler().push(wire);
        trace::woken(wire);
    } else {
        resume_specially(wire);
    }
}

/// One that an interrupt has woken, or that runs because nobody can.
#[cold]
#[inline(never)]
fn resume_specially(wire: &Wire) {
    if wire.waits_for(&SUSPENDED) {
        unblock(wire);
    }
}

/// Ends the process: there is no way to go on, or none that keeps memory safe.
#[cold]
pub(crate) fn fatal(what: &str) -> ! {
    let name = scheduler()
        .current()
        .map_or("?", |wire| wire.details().name.get());
    report(format_args!(
        "{what} (wire '{}'); aborting",
        name.escape_debug()
    ));
    std::process::abort()
}

/// Prints a line on standard error, if there is one. `eprintln!` would panic otherwise, and where
/// this is called nothing may unwind.
pub(crate) fn report(what: fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "libwire: {what}");
}
