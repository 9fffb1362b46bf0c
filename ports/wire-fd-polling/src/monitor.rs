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

use std::cell::{Cell, OnceCell};
use std::fmt;
use std::task;
use std::time::Duration;

use polling::Poller;
use wire_core::outside;
use wire_core::{Interrupt, Kind, Reason, Wire, block};
use wire_stack::Arena;

use crate::alarm::{self, Alarms};
use crate::bell::Bell;
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
    /// Waits under way that only this wire can end, timers and sources apart.
    waiters: Cell<usize>,
    /// Somebody was about to wait for a source, that is a descriptor as one of several things.
    several: Cell<bool>,
    pub(crate) alarms: Alarms,
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
            unsafe { outside::set_timer_hook(alarm::wire_ends) };
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
            several: Cell::new(false),
            alarms: Alarms::new(),
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

    /// Somebody is about to wait for a descriptor as one of several things. Nobody tells when that
    /// ends: the monitor looks for itself, once nobody else has it running.
    fn one_of_several(&self, entry: &Entry, bits: u8) -> Result<(), RegisterError> {
        self.several.set(true);
        self.start()?;
        self.sources.ask(entry, bits)
    }

    fn no_others(&self) -> bool {
        if self.several.get() {
            self.several.set(self.sources.has_waiters());
        }
        !self.several.get()
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

    fn serve(&self) -> Result<(), Interrupt> {
        loop {
            if self.waiters.get() == 0 && self.alarms.is_idle() && self.no_others() {
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
            timeout = self.until_next_moment();
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
        self.fire_due();
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

/// Adds to what is remembered of a descriptor and wakes who waits for it.
pub(crate) fn notify(entry: &Entry, state: u8) {
    entry.set(state);
    if state & crate::table::READ != 0 {
        entry.readers.wake_all();
    }
    if state & crate::table::WRITE != 0 {
        entry.writers.wake_all();
    }
}

/// Called by sources when somebody is about to wait for them, perhaps in a later `run()` than that which
/// made them. Without a monitor the wait would be found stuck, which says as much as an error could.
pub(crate) fn about_to_wait(entry: &Entry, bits: u8) {
    let _ = with(|monitor| monitor.one_of_several(entry, bits));
}

/// A wait under way; while one is, the monitor looks.
pub(crate) struct Waiting<'a>(&'a Monitor);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiters.set(self.0.waiters.get() - 1);
    }
}
