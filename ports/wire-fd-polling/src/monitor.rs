//! The monitor: a wire like any other, one per OS thread, that waits for the kernel on behalf of
//! the others.
//!
//! ```text
//!         (1) somebody waits for a descriptor, a moment or another thread
//!   ┌──────┐ ────────────────────────────────────────────► ┌─────────┐ ◄──────┐
//!   │ idle │                                               │ looking │        │ (3) nobody else can
//!   └──────┘ ◄──────────────────────────────────────────── └─────────┘        │     run, or some
//!     a plain block: `run()` may end   (4) nobody waits     │   (2) others    │     50 µs passed
//!     or find the rest stuck                                ▼    are ready    │
//!                                                      ┌────────────┐         │
//!                                                      │ background │ ────────┘
//!                                                      └────────────┘
//! ```
//!
//! *Looking* sleeps in the kernel only if no other wire is ready. wire-core knows a background wire
//! and no more; nothing outside `sources.rs` knows the poller.

use std::cell::{Cell, OnceCell, UnsafeCell};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::task;
use std::time::Duration;

use intrusive_collections::{Bound, RBTree, UnsafeRef};
use polling::Poller;
use wire_core::outside::{self, NEVER, Timer, TimerAdapter};
use wire_core::{Interrupt, Kind, Reason, WaitQueue, Wire, block};
use wire_stack::Arena;

use crate::bell::Bell;
use crate::clock::now;
use crate::error::RegisterError;
use crate::mailbox::{Mailbox, Waker};
use crate::sources::{Sources, errno};
use crate::sync::Arc;
use crate::table::Entry;

static IDLE: Kind = Kind::new("monitor idle");

pub(crate) struct Monitor {
    pub(crate) sources: Sources,
    mailbox: Arc<Mailbox>,
    /// Rings the mailbox's bell: for wires woken from other threads without post.
    bell: task::Waker,
    /// Waits under way that only this wire can end, timers apart.
    waiters: Cell<usize>,
    timers: UnsafeCell<RBTree<TimerAdapter>>,
    /// It sits in its idle block.
    idle: Cell<bool>,
    wire: Wire,
    arena: Arena,
}

thread_local! {
    static MONITOR: OnceCell<Box<Monitor>> = const { OnceCell::new() };
}

/// Calls `f` with this thread's monitor, which is set up at the first call: the one place where
/// this crate allocates.
pub(crate) fn with<R>(f: impl FnOnce(&Monitor) -> R) -> Result<R, RegisterError> {
    MONITOR
        .try_with(|cell| {
            if let Some(monitor) = cell.get() {
                return Ok(f(monitor));
            }
            let monitor = Box::new(Monitor::new()?);
            // SAFETY: the hook unlinks the timer, and timers are linked by this crate only.
            unsafe { outside::set_timer_hook(unlink_timer) };
            Ok(f(cell.get_or_init(|| monitor)))
        })
        .map_err(|_| RegisterError::ThreadEnds)?
}

/// The address of this thread's wires for other threads.
///
/// # Errors
///
/// If the thread's monitor cannot be set up.
pub fn waker() -> Result<Waker, RegisterError> {
    with(|monitor| Waker {
        mailbox: Arc::clone(&monitor.mailbox),
    })
}

/// Calls `wait`, which waits for a [`Post`](crate::Post) from another OS thread. While it waits, the
/// wires of this thread are not stuck, and the thread sleeps in the kernel if it has nothing to do.
///
/// # Errors
///
/// If the thread's monitor cannot be set up; `wait` is not called then.
pub fn expect_post<R>(wait: impl FnOnce() -> R) -> Result<R, RegisterError> {
    with(|monitor| {
        let _waiting = monitor.waiting()?;
        Ok(wait())
    })?
}

impl Monitor {
    fn new() -> Result<Monitor, RegisterError> {
        let poller = Poller::new().map_err(errno)?;
        let mailbox = Arc::new(Mailbox::new(Bell(poller)));
        Ok(Monitor {
            sources: Sources::new(Arc::clone(&mailbox))?,
            bell: Arc::clone(&mailbox).into(),
            mailbox,
            waiters: Cell::new(0),
            timers: UnsafeCell::new(RBTree::new(TimerAdapter::NEW)),
            idle: Cell::new(false),
            wire: Wire::new(),
            arena: Arena::builder()
                .count(1)
                .build()
                .map_err(RegisterError::Stack)?,
        })
    }

    /// Counts a wait until the guard is dropped, and sees to it that the monitor runs.
    pub(crate) fn waiting(&self) -> Result<Waiting<'_>, RegisterError> {
        self.start()?;
        self.waiters.set(self.waiters.get() + 1);
        Ok(Waiting(self))
    }

    /// Ends what `waiting` began.
    pub(crate) fn stop_waiting(&self) {
        self.waiters.set(self.waiters.get() - 1);
    }

    /// Sees to it that the monitor's wire runs and is not idle.
    pub(crate) fn start(&self) -> Result<(), RegisterError> {
        if self.wire.is_in_use() {
            if self.idle.replace(false) {
                outside::unblock(&self.wire);
            }
            return Ok(());
        }
        // One that was cancelled in its idle block, or before its first turn, left this as it was.
        self.idle.set(false);
        let stack = self.arena.stack().map_err(RegisterError::Stack)?;
        // SAFETY: control block and stack belong to the thread's storage, which outlives `run()`.
        unsafe { self.wire.spawn_daemon(stack, "monitor", monitor) }
            .map_err(RegisterError::Spawn)?;
        Ok(())
    }

    fn no_timers(&self) -> bool {
        // SAFETY: the tree is only used in this file, in steps that run no foreign code.
        unsafe { (*self.timers.get()).is_empty() }
    }

    /// Whether no wire waits for a moment. Timers that were left behind at the front are unlinked:
    /// they would keep the thread's wires from being found stuck.
    fn no_moments(&self) -> bool {
        loop {
            // SAFETY: as in `no_timers`.
            let mut first = unsafe { (*self.timers.get()).front_mut() };
            match first.get() {
                None => return true,
                Some(timer) if timer.deadline.get() != NEVER || timer.sleep.get() != NEVER => {
                    return false;
                }
                Some(_) => drop(first.remove()),
            }
        }
    }

    fn serve(&self) -> Result<(), Interrupt> {
        loop {
            if self.waiters.get() == 0 && self.no_moments() {
                self.idle.set(true);
                block(Reason::new(&IDLE))?;
                continue;
            }
            self.look();
            outside::park_in_background()?;
        }
    }

    /// One look at the kernel, the mailbox, core's own wake-ups and the clock; sleeps until there is something if no
    /// other wire is ready.
    fn look(&self) {
        let mut timeout = Some(Duration::ZERO);
        if wire_core::is_only_one() && self.mailbox.may_sleep() && outside::may_sleep(&self.bell) {
            timeout = self.until_next_timer();
        }
        let wait = || self.sources.wait(timeout);
        let result = if timeout == Some(Duration::ZERO) {
            wait()
        } else {
            outside::asleep(wait)
        };
        result.unwrap_or_else(|error| panic!("the poller does not wait: {error}"));
        self.mailbox.awake();
        outside::awake();
        self.sources.report();
        self.mailbox.drain();
        if !self.no_timers() {
            self.fire(now());
        }
    }

    /// How long to sleep at most; `None` is for ever.
    fn until_next_timer(&self) -> Option<Duration> {
        // SAFETY: as in `no_timers`.
        let next = unsafe {
            (*self.timers.get())
                .front()
                .get()
                .map(|timer| timer.at.get())
        };
        next.map(|at| Duration::from_nanos(at.saturating_sub(now())))
    }

    /// Puts the timer of the running wire where its nearest moment wants it. One that is too early
    /// is left, since moments mostly move on: it will find nothing due, and be put right then.
    pub(crate) fn arm(&self, timer: &Timer) -> Result<(), RegisterError> {
        let at = timer.deadline.get().min(timer.sleep.get());
        if at == NEVER || (timer.is_linked() && timer.at.get() <= at) {
            return Ok(());
        }
        self.start()?;
        self.unlink(timer);
        self.link(timer, at);
        Ok(())
    }

    fn link(&self, timer: &Timer, at: u64) {
        timer.at.set(at);
        // SAFETY: not linked; the wire's end unlinks it (`unlink_timer`), so it stays in place.
        // `upper_bound` keeps equal moments in order of arming.
        unsafe {
            let timer = UnsafeRef::from_raw(ptr::from_ref(timer));
            (*self.timers.get())
                .upper_bound_mut(Bound::Included(&at))
                .insert_after(timer);
        }
    }

    fn unlink(&self, timer: &Timer) {
        if timer.is_linked() {
            // SAFETY: linked timers of this thread are linked in this tree.
            unsafe { (*self.timers.get()).cursor_mut_from_ptr(timer).remove() };
        }
    }

    fn fire(&self, now: u64) {
        loop {
            // SAFETY: as in `no_timers`; a linked timer's wire is alive.
            let timer = unsafe {
                let mut first = (*self.timers.get()).front_mut();
                match first.get() {
                    Some(timer) if timer.at.get() <= now => {}
                    _ => return,
                }
                first.remove()
            };
            let Some(timer) = timer else { return };
            let wire = timer.wire();
            let later = |moment: u64| if moment > now { moment } else { NEVER };
            let next = later(timer.deadline.get()).min(later(timer.sleep.get()));
            if timer.sleep.get() <= now {
                timer.sleep.set(NEVER);
                outside::unblock(wire);
            }
            if timer.deadline.get() <= now {
                outside::deadline_passed(wire);
            }
            if next != NEVER {
                self.link(&timer, next);
            }
        }
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor")
            .field("waiters", &self.waiters)
            .finish_non_exhaustive()
    }
}

impl task::Wake for Mailbox {
    fn wake(self: Arc<Mailbox>) {
        self.bell.ring();
    }

    fn wake_by_ref(self: &Arc<Mailbox>) {
        self.bell.ring();
    }
}

/// What the monitor's wire runs, until it is cancelled at the end of `run()`.
fn monitor() {
    // Only a cancellation ends it.
    let _ = with(Monitor::serve);
}

/// Takes the timer of a wire that ends out of the tree.
fn unlink_timer(timer: &Timer) {
    let _ = with(|monitor| monitor.unlink(timer));
}

/// Adds to what is remembered of a descriptor and wakes who waits for it.
pub(crate) fn notify(entry: &Entry, state: u8) {
    entry.set(state);
    if state & crate::table::READ != 0 {
        wake_all(&entry.readers);
    }
    if state & crate::table::WRITE != 0 {
        wake_all(&entry.writers);
    }
}

/// Waking one of several things waited for runs code of whoever made that source. If it panics, its
/// wire will try again itself; the others must be woken all the same.
fn wake_all(queue: &WaitQueue) {
    while let Err(payload) = catch_unwind(AssertUnwindSafe(|| queue.wake_all())) {
        // Dropping it might panic again.
        std::mem::forget(payload);
    }
}

/// A wait under way; while one is, the monitor looks.
pub(crate) struct Waiting<'a>(&'a Monitor);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.stop_waiting();
    }
}
