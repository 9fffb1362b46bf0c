//! `run`: the time in which an OS thread has wires, from the first to the last.
//!
//! The closure given to `run` is a wire too, the *main wire*: it runs on the OS thread's own stack.
//! When nobody can run, the scheduler continues it although it is blocked; it then sees to those
//! that are stuck, on a stack that is large enough for any report.

use core::fmt;
use core::mem::ManuallyDrop;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, Ordering};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::block::{Interrupt, block_shielded, cancel, fatal, report, set_interrupts, unblock};
use crate::reason::{Kind, Reason};
use crate::scheduler::{Scheduler, scheduler};
use crate::walk::{WireInfo, each, walk};
use crate::wire::{DAEMON, Details, PERMANENT, State, Wire};

/// Who is told of stuck wires.
pub(crate) type OnStuck = NonNull<dyn FnMut(WireInfo)>;

static MAIN_END: Kind = Kind::new("end of all wires");

thread_local! {
    /// The main wire's control block, and what goes with it. Never dropped, so that stored handles to it stay good; the
    /// thread's storage outlives all code of the thread.
    static MAIN: ManuallyDrop<(Wire, Details)> = const { ManuallyDrop::new((Wire::new(), Details::new())) };
}

/// Why [`Runtime::run`] has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunError {
    /// This OS thread runs wires already. There is one scheduler per thread; start another thread
    /// for another.
    Nested,
    /// The thread is unwinding, so it cannot wait for wires.
    Unwinding,
    /// The main wire was cancelled, by a handle or because all wires were stuck.
    MainCancelled,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RunError::Nested => {
                "this OS thread runs wires already; start another thread for another scheduler"
            }
            RunError::Unwinding => "wires cannot be started while the thread is unwinding",
            RunError::MainCancelled => {
                "the main wire was cancelled, by a handle or because every wire was stuck waiting"
            }
        })
    }
}

impl core::error::Error for RunError {}

/// A scheduler about to be run, with its settings.
#[must_use = "nothing runs before `run` is called"]
pub struct Runtime<'a> {
    name: &'static str,
    on_stuck: Option<&'a mut dyn FnMut(WireInfo)>,
}

impl<'a> Runtime<'a> {
    /// The defaults: a main wire named "main", stuck wires told on standard error.
    pub const fn new() -> Runtime<'a> {
        Runtime {
            name: "main",
            on_stuck: None,
        }
    }

    /// Names the main wire.
    pub fn name(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// Has `told` called with every wire that waits for what can never come, before they are all
    /// cancelled. It runs outside any wire and so cannot wait.
    pub fn on_stuck(mut self, told: &'a mut dyn FnMut(WireInfo)) -> Self {
        self.on_stuck = Some(told);
        self
    }

    /// Runs `main` and all wires started inside on this OS thread, until none is left.
    ///
    /// If `main` panics, the other wires are cancelled; when they are gone the panic goes on. Wires
    /// that wait for what can never come are reported, then cancelled.
    ///
    /// # Errors
    ///
    /// See [`RunError`].
    ///
    /// # Aborts
    ///
    /// If a stuck wire cannot be cancelled, being shielded or unwinding: its memory may be lent
    /// to it by whoever called `run`, which therefore cannot return.
    pub fn run<T>(self, main: impl FnOnce() -> T) -> Result<T, RunError> {
        let s = scheduler();
        if !s.main.get().is_null() {
            return Err(RunError::Nested);
        }
        if std::thread::panicking() {
            return Err(RunError::Unwinding);
        }
        run_start_hook();
        let mut print = |info: WireInfo| report(format_args!("stuck: {info}"));
        let on_stuck: &mut dyn FnMut(WireInfo) = match self.on_stuck {
            Some(told) => told,
            None => &mut print,
        };
        // SAFETY: only the lifetime changes; `finish` below takes it out before this returns.
        s.on_stuck.set(Some(unsafe {
            core::mem::transmute::<NonNull<dyn FnMut(WireInfo) + '_>, OnStuck>(NonNull::from(
                on_stuck,
            ))
        }));

        // SAFETY: the storage of a thread outlives its code, and is only ever shared.
        let (wire, details) = MAIN.with(|main| unsafe { &*ptr::from_ref::<(Wire, Details)>(main) });
        details.wire.set(wire);
        details.name.set(self.name);
        // SAFETY: as above.
        unsafe { wire.occupy(details, PERMANENT) };
        s.main.set(wire);
        s.begin(wire);

        let result = catch_unwind(AssertUnwindSafe(main));
        if result.is_err() {
            cancel_all_but_daemons();
        }
        finish(s, wire);
        match result {
            Ok(value) => Ok(value),
            Err(payload) if Interrupt::is_payload(&*payload) => Err(RunError::MainCancelled),
            Err(payload) => resume_unwind(payload),
        }
    }
}

impl Default for Runtime<'_> {
    fn default() -> Self {
        Runtime::new()
    }
}

impl fmt::Debug for Runtime<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Waits for the ordinary wires, then ends the daemons, then leaves the thread as it was.
fn finish(s: &Scheduler, main: &Wire) {
    // From here on the main wire only waits; what it was told to do no longer matters.
    set_interrupts(main, 0);
    loop {
        if !s.ordinary_wires_are_left() {
            if s.daemons.get() == 0 {
                break;
            }
            // As they end they may start ordinary wires, which are waited for in turn.
            each(|wire| {
                if wire.has(DAEMON) {
                    cancel(wire);
                }
            });
        }
        s.main_waits.set(true);
        block_shielded(Reason::new(&MAIN_END));
        s.main_waits.set(false);
    }
    crate::timer::wire_ends(main);
    crate::block_on::run_ends();
    s.delist(main);
    s.on_stuck.set(None);
    main.free();
    s.reset();
}

/// Called when a wire has ended while the main wire waits for that: tells it of the last ordinary one,
/// and of daemons that end after it.
#[cold]
pub(crate) fn one_is_gone(s: &Scheduler) {
    if !s.ordinary_wires_are_left() {
        // SAFETY: wires end only inside `run`, in which `main` is set.
        unblock(unsafe { &*s.main.get() });
    }
}

/// Daemons go on serving those that unwind.
fn cancel_all_but_daemons() {
    each(|wire| {
        if !wire.has(DAEMON) {
            cancel(wire);
        }
    });
}

/// The main wire was continued although it is blocked: no wire is ready and none waits for the
/// outside world; it is marked `Stuck`. Tells who is stuck, then cancels all. Does not unwind: the main wire may be in a
/// wait that must not end, that of a scope for instance.
#[cold]
pub(crate) fn nobody_can_run(s: &Scheduler, main: &Wire) {
    if crate::block_on::sleep_until_woken(s, main) {
        return;
    }
    let stuck =
        |info: &WireInfo| !info.is_daemon() && !info.waits_for().is_some_and(|r| r.is(&MAIN_END));
    if let Some(mut told) = s.on_stuck.take() {
        // To the callback this is a thread without wires: it can neither wait nor yield, both of
        // which would go on from a main wire that is blocked.
        let inside = s.step_out();
        // SAFETY: `run`, further out on this stack, holds the closure for us.
        let result = catch_unwind(AssertUnwindSafe(|| {
            walk(|info| {
                if stuck(&info) {
                    // SAFETY: see above; nobody else calls it, for it was taken out.
                    unsafe { told.as_mut()(info) }
                }
            });
        }));
        s.step_in(inside);
        s.on_stuck.set(Some(told));
        if let Err(payload) = result {
            // Dropping what it threw might panic again, so that is left alone.
            core::mem::forget(payload);
            report(format_args!("the callback for stuck wires panicked"));
        }
    }
    cancel_all_but_daemons();
    if s.nobody_else_is_ready() && main.state.get() == State::Stuck {
        walk(|info| report(format_args!("stuck, and cannot be cancelled: {info}")));
        fatal("no wire can run, and those that are left cannot be unwound");
    }
}

static START_HOOK: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

/// Has `hook` called whenever an OS thread enters `run()`, before its first wire: for what must be
/// set up per thread. There is one hook in a program; the last one set counts.
pub fn set_start_hook(hook: fn()) {
    START_HOOK.store(hook as *mut (), Ordering::Release);
}

fn run_start_hook() {
    let hook = START_HOOK.load(Ordering::Acquire);
    if !hook.is_null() {
        // SAFETY: only `set_start_hook` stores here, and it stores a `fn()`.
        let hook: fn() = unsafe { core::mem::transmute(hook) };
        hook();
    }
}

/// Runs `main` as the first wire of this OS thread, and all wires started inside, until none is
/// left. [`Runtime`] has the settings, and errors in place of panics.
///
/// ```
/// let answer = wire_core::run(|| 6 * 7);
/// assert_eq!(answer, 42);
/// ```
///
/// # Panics
///
/// When `main` does; and with the message of [`RunError`] inside another `run`, while the thread
/// unwinds, and when the main wire was cancelled.
#[track_caller]
pub fn run<T>(main: impl FnOnce() -> T) -> T {
    match Runtime::new().run(main) {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}
