//! A walk over all wires of the thread, for lists, dumps and the stuck report.

use core::cell::Cell;
use core::fmt;
use core::ptr;

use crate::reason::Reason;
use crate::scheduler::{Scheduler, scheduler};
use crate::wire::{DAEMON, Details, Wire};

/// What a wire does, as [`WireInfo::state`] tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireState {
    /// It is the one that runs.
    Running,
    /// It is in the ready queue.
    Ready,
    /// It waits. The main wire, when no wire can run, waits though it sees to the others.
    Waiting,
}

/// What [`walk`] tells of a wire: a copy, good after the wire is gone.
#[derive(Clone, Copy, Debug)]
pub struct WireInfo {
    name: &'static str,
    running: bool,
    /// What it waits for, and for how many switches it has.
    wait: Option<(Reason, u64)>,
    daemon: bool,
    stack: (usize, usize),
    stack_used: Option<usize>,
}

impl WireInfo {
    pub(crate) fn of(wire: &Wire) -> WireInfo {
        let details = wire.details();
        let running = ptr::eq(scheduler().current_or_outside(), wire);
        WireInfo {
            name: details.name.get(),
            running,
            wait: wire
                .wait()
                .filter(|_| wire.state.get().is_blocked())
                .map(|wait| (wait.reason, scheduler().switches() - wait.since)),
            daemon: wire.has(DAEMON),
            stack: details.stack(),
            stack_used: stack_used(wire, running),
        }
    }

    /// The name given at the start.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What the wire waits for; `None` if it runs or is ready to.
    pub fn waits_for(&self) -> Option<Reason> {
        self.wait.map(|(reason, _)| reason)
    }

    /// Whether it runs, is ready to, or waits.
    pub fn state(&self) -> WireState {
        match self.wait {
            Some(_) => WireState::Waiting,
            None if self.running => WireState::Running,
            None => WireState::Ready,
        }
    }

    /// For how many switches of its thread the wire has waited; `None` if it does not wait.
    pub fn waits_since(&self) -> Option<u64> {
        self.wait.map(|(_, switches)| switches)
    }

    /// Whether it is the wire that runs.
    pub fn is_running(&self) -> bool {
        self.running
    }

    /// Whether `run()` ends without waiting for it.
    pub fn is_daemon(&self) -> bool {
        self.daemon
    }

    /// Lowest address and size in bytes of its stack; the main wire, on the stack of its OS thread,
    /// has zeros.
    pub fn stack(&self) -> (usize, usize) {
        self.stack
    }

    /// How many bytes of its stack are in use at present, from the top to the last frame: at the last
    /// switch, or for the wire that runs, here. What lies at the top (the wire's details, closure and
    /// result) counts. `None` for the main wire, whose stack is that of the OS thread, and for a wire that
    /// is on some other stack than its own, such as that of a signal handler.
    pub fn stack_used(&self) -> Option<usize> {
        self.stack_used
    }
}

impl fmt::Display for WireInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wire '{}' ", self.name.escape_debug())?;
        match self.wait {
            Some((reason, _)) => write!(f, "waits: {reason}"),
            None if self.running => f.write_str("runs"),
            None => f.write_str("is ready"),
        }
    }
}

/// See [`WireInfo::stack_used`].
fn stack_used(wire: &Wire, running: bool) -> Option<usize> {
    let (low, size) = wire.details().stack();
    let here = 0_u8;
    let used = |sp: usize| (low < sp && sp <= low + size).then(|| low + size - sp);
    // Whose stack this is on is whose code this is, even in a thread that for a time has no wires.
    used((&raw const here).addr()).or_else(|| {
        // SAFETY: in place while a wire lives there, and nobody writes to it while this runs.
        let stopped = || unsafe { (*wire.context.get()).stack_pointer() };
        // That of a running wire is from an earlier stop.
        (!running).then(|| used(stopped().addr())).flatten()
    })
}

/// A walk under way: where it goes on. Wires may start, end and switch during the walk.
pub(crate) struct Walker {
    next: Cell<*const Details>,
    outer: Cell<*const Walker>,
}

impl Walker {
    /// Moves every walk that stands before `wire` past it, for it is about to leave the list.
    pub(crate) fn step_over(s: &Scheduler, wire: &Details) {
        let mut walker = s.walkers.get();
        // SAFETY: registered walkers lie in frames of walks that have not returned.
        while let Some(walk) = unsafe { walker.as_ref() } {
            if ptr::eq(walk.next.get(), wire) {
                walk.next.set(s.after(wire));
            }
            walker = walk.outer.get();
        }
    }

    /// Has every walk that is at the end go on with `wire`, which was just put there.
    pub(crate) fn step_on(s: &Scheduler, wire: &Details) {
        let mut walker = s.walkers.get();
        // SAFETY: as in `step_over`.
        while let Some(walk) = unsafe { walker.as_ref() } {
            if walk.next.get().is_null() {
                walk.next.set(wire);
            }
            walker = walk.outer.get();
        }
    }
}

/// Calls `visit` for every wire of this thread that was started and is not over: the main wire, then those
/// that have waited or were walked over before, in the order in which that happened first, then the others
/// in that of their turns. It may do anything, starting and ending wires included. Nothing is allocated.
pub fn walk(mut visit: impl FnMut(WireInfo)) {
    each(|wire| visit(WireInfo::of(wire)));
}

/// [`walk`] that hands out the control blocks. `visit` must not switch wires.
pub(crate) fn each(mut visit: impl FnMut(&Wire)) {
    struct Registered<'a>(&'a Scheduler, *const Walker);
    impl Drop for Registered<'_> {
        fn drop(&mut self) {
            // Walks of several wires may end in any order, so unregister by search.
            // SAFETY: as in `step_over`.
            unsafe {
                let outer = (*self.1).outer.get();
                if ptr::eq(self.0.walkers.get(), self.1) {
                    return self.0.walkers.set(outer);
                }
                let mut walker = self.0.walkers.get();
                while !ptr::eq((*walker).outer.get(), self.1) {
                    walker = (*walker).outer.get();
                }
                (*walker).outer.set(outer);
            }
        }
    }
    let s = scheduler();
    let walker = Walker {
        next: Cell::new(s.all.behind(&s.all)),
        outer: Cell::new(s.walkers.get()),
    };
    s.walkers.set(&raw const walker);
    let registered = Registered(s, &raw const walker);
    s.list_ready();
    // SAFETY: `next` is kept on a wire in the list by `step_over`.
    while let Some(wire) = unsafe { walker.next.get().as_ref() } {
        walker.next.set(s.after(wire));
        visit(wire.wire());
        if walker.next.get().is_null() {
            s.list_ready();
        }
    }
    drop(registered);
}

/// Writes a line for every wire: its name, what it does or waits for, for how many switches of the thread
/// it has waited, and how much of its stack is in use. Nothing is allocated unless `out` does.
///
/// ```text
/// wire 'main' runs
/// wire 'reader' waits: receive, for 12 switches, stack 1136 of 65536 bytes
/// ```
///
/// # Errors
///
/// Those of `out`.
pub fn dump(out: &mut dyn fmt::Write) -> fmt::Result {
    let mut result = Ok(());
    walk(|info| {
        if result.is_ok() {
            result = line(out, &info);
        }
    });
    result
}

fn line(out: &mut dyn fmt::Write, info: &WireInfo) -> fmt::Result {
    write!(out, "{info}")?;
    if let Some(switches) = info.waits_since() {
        write!(out, ", for {switches} switches")?;
    }
    if let Some(used) = info.stack_used {
        write!(out, ", stack {used} of {} bytes", info.stack.1)?;
    }
    out.write_char('\n')
}
