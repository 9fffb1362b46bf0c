//! Who waits for which moment: two trees through the timers of wires and through [`Timeout`]s.
//!
//! No moment needs memory, and none is looked for: its owner knows its place. wire-fd keeps moments in
//! memory of its own, apart from their owners, which is faster with many thousands of them.
//!
//! Deadlines and timeouts stay where they are when they move on, as most do: one that is too early is
//! found not due when it comes up, and is put right then.

use std::cell::UnsafeCell;
use std::ptr;
use std::time::Duration;

use intrusive_collections::{Bound, RBTree, UnsafeRef};
use wire_core::outside::{self, NEVER, Timer, TimerAdapter};

use crate::clock::now;
use crate::error::RegisterError;
use crate::monitor::{self, Monitor};
use crate::timeout::{Timeout, TimeoutAdapter};

/// The moments of a thread. Only used in this file, in steps that run no foreign code.
pub(crate) struct Alarms {
    timers: UnsafeCell<RBTree<TimerAdapter>>,
    timeouts: UnsafeCell<RBTree<TimeoutAdapter>>,
}

impl Alarms {
    pub(crate) fn new() -> Alarms {
        Alarms {
            timers: UnsafeCell::new(RBTree::new(TimerAdapter::NEW)),
            timeouts: UnsafeCell::new(RBTree::new(TimeoutAdapter::NEW)),
        }
    }

    #[expect(clippy::mut_from_ref, reason = "not kept beyond the statement")]
    fn timers(&self) -> &mut RBTree<TimerAdapter> {
        // SAFETY: no step of this file has two of them.
        unsafe { &mut *self.timers.get() }
    }

    #[expect(clippy::mut_from_ref, reason = "not kept beyond the statement")]
    fn timeouts(&self) -> &mut RBTree<TimeoutAdapter> {
        // SAFETY: as above.
        unsafe { &mut *self.timeouts.get() }
    }

    /// The earliest moment.
    fn first(&self) -> Option<u64> {
        let timer = self.timers().front().get().map(|timer| timer.at.get());
        let timeout = self
            .timeouts()
            .front()
            .get()
            .map(|timeout| timeout.at.get());
        timer.into_iter().chain(timeout).min()
    }

    fn link_timer(&self, timer: &Timer, at: u64) {
        timer.at.set(at);
        // SAFETY: not linked; the wire's end unlinks it (`wire_ends`), so it stays in place.
        let timer = unsafe { UnsafeRef::from_raw(ptr::from_ref(timer)) };
        // `upper_bound` keeps equal moments in order of arming.
        self.timers()
            .upper_bound_mut(Bound::Included(&at))
            .insert_after(timer);
    }

    fn unlink_timer(&self, timer: &Timer) {
        if timer.is_linked() {
            // SAFETY: linked timers of this thread are linked in this tree.
            unsafe { self.timers().cursor_mut_from_ptr(timer).remove() };
        }
    }

    fn link_timeout(&self, timeout: &Timeout, at: u64) {
        timeout.at.set(at);
        // SAFETY: not linked; pinned, and its end unlinks it (`forget`), so it stays in place.
        let timeout = unsafe { UnsafeRef::from_raw(ptr::from_ref(timeout)) };
        self.timeouts()
            .upper_bound_mut(Bound::Included(&at))
            .insert_after(timeout);
    }

    fn unlink_timeout(&self, timeout: &Timeout) {
        if timeout.link.is_linked() {
            // SAFETY: linked timeouts of this thread are linked in this tree.
            unsafe { self.timeouts().cursor_mut_from_ptr(timeout).remove() };
        }
    }

    /// The first timer, taken out, if it is due.
    fn pop_timer(&self, now: u64) -> Option<UnsafeRef<Timer>> {
        let mut first = self.timers().front_mut();
        first.get().filter(|timer| timer.at.get() <= now)?;
        first.remove()
    }

    /// The first timeout, taken out, if it is due.
    fn pop_timeout(&self, now: u64) -> Option<UnsafeRef<Timeout>> {
        let mut first = self.timeouts().front_mut();
        first.get().filter(|timeout| timeout.at.get() <= now)?;
        first.remove()
    }

    /// Whether no one waits for a moment. Those left behind at the front are unlinked: they would keep the
    /// thread's wires from being found stuck.
    pub(crate) fn is_idle(&self) -> bool {
        let timers = loop {
            let mut first = self.timers().front_mut();
            match first.get() {
                None => break true,
                Some(timer) if timer.deadline.get() != NEVER || timer.sleep.get() != NEVER => {
                    break false;
                }
                Some(_) => drop(first.remove()),
            }
        };
        timers
            && loop {
                let mut first = self.timeouts().front_mut();
                match first.get() {
                    None => break true,
                    Some(timeout) if timeout.is_awaited() => break false,
                    Some(_) => drop(first.remove()),
                }
            }
    }
}

/// Sees to it that the timer of the running wire is noticed.
pub(crate) fn arm(timer: &Timer) -> Result<(), RegisterError> {
    monitor::with(|monitor| {
        let at = timer.deadline.get().min(timer.sleep.get());
        if at == NEVER || (timer.is_linked() && timer.at.get() <= at) {
            return Ok(());
        }
        monitor.start()?;
        monitor.alarms.unlink_timer(timer);
        monitor.alarms.link_timer(timer, at);
        Ok(())
    })?
}

/// Sees to it that the timeout passes. Until it has, or [`forget`], it must stay in place.
pub(crate) fn timeout(timeout: &Timeout) -> Result<(), RegisterError> {
    monitor::with(|monitor| {
        let at = timeout.moment.get();
        if at == NEVER {
            return Ok(());
        }
        monitor.start()?;
        if timeout.link.is_linked() && timeout.at.get() <= at {
            return Ok(());
        }
        monitor.alarms.unlink_timeout(timeout);
        monitor.alarms.link_timeout(timeout, at);
        Ok(())
    })?
}

/// Takes a timeout that ends out of the tree.
pub(crate) fn forget(timeout: &Timeout) {
    // When the thread's storage is destroyed, the tree is gone already, and has let go of it.
    if timeout.link.is_linked() {
        let _ = monitor::with(|monitor| monitor.alarms.unlink_timeout(timeout));
    }
}

/// Takes the timer of a wire that ends out of the tree.
pub(crate) fn wire_ends(timer: &Timer) {
    let _ = monitor::with(|monitor| monitor.alarms.unlink_timer(timer));
}

impl Monitor {
    /// How long to sleep at most; `None` is for ever.
    pub(crate) fn until_next_moment(&self) -> Option<Duration> {
        let next = self.alarms.first()?;
        Some(Duration::from_nanos(next.saturating_sub(now())))
    }

    /// Wakes all whose moment has come.
    pub(crate) fn fire_due(&self) {
        if self.alarms.first().is_some() {
            self.fire(now());
        }
    }

    fn fire(&self, now: u64) {
        let later = |moment: u64| if moment > now { moment } else { NEVER };
        while let Some(timer) = self.alarms.pop_timer(now) {
            let wire = timer.wire();
            let next = later(timer.deadline.get()).min(later(timer.sleep.get()));
            if timer.sleep.get() <= now {
                timer.sleep.set(NEVER);
                outside::unblock(wire);
            }
            if timer.deadline.get() <= now {
                outside::deadline_passed(wire);
            }
            if next != NEVER {
                self.alarms.link_timer(&timer, next);
            }
        }
        while let Some(timeout) = self.alarms.pop_timeout(now) {
            match timeout.moment.get() {
                NEVER => {}
                moment if moment > now => self.alarms.link_timeout(&timeout, moment),
                _ => timeout.pass(),
            }
        }
    }
}
