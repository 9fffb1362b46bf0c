//! Room for one timer in the details of every wire.
//!
//! Whoever keeps the time (wire-fd, or what replaces it) links these into a tree of its own, or notes in
//! them where it has them: a wire has one earliest moment to be woken at, so one timer is enough. Core
//! neither reads the clock for it nor knows tree or notes.

use core::cell::Cell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, Ordering};

use intrusive_collections::{RBTreeLink, UnsafeRef, intrusive_adapter};

use crate::wire::{Details, TIMED, Wire};

/// No moment: farther than any clock counts.
pub const NEVER: u64 = u64::MAX;

/// The timer of one wire, for the crate that keeps the time.
#[derive(Debug)]
pub struct Timer {
    link: RBTreeLink,
    /// When to look at this wire, in nanoseconds of the time keeper's clock: the key in its tree.
    pub at: Cell<u64>,
    /// The nearest deadline of the scopes the wire is in, or [`NEVER`].
    pub deadline: Cell<u64>,
    /// The end of the sleep the wire is in, or [`NEVER`].
    pub sleep: Cell<u64>,
    /// For a keeper that does not link timers, where it has this one: a number of its own, 0 for nowhere.
    pub place: Cell<u32>,
}

mod adapter {
    #![allow(
        missing_docs,
        missing_debug_implementations,
        reason = "what the macro makes has neither"
    )]
    use super::{RBTreeLink, Timer, UnsafeRef, intrusive_adapter};

    intrusive_adapter!(
        /// Links the timers of wires into an intrusive tree, ordered by [`Timer::at`].
        pub TimerAdapter = UnsafeRef<Timer>: Timer { link => RBTreeLink }
    );
}
pub use adapter::TimerAdapter;

static HOOK: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

/// Has `unlink` called with the timer of every wire that ends while its timer is
/// [linked](Timer::is_linked), so that the keeper of the time may leave timers where they are until then.
///
/// # Safety
///
/// `unlink` takes the timer out of whatever it is linked in: its memory may be gone afterwards.
pub unsafe fn set_timer_hook(unlink: fn(&Timer)) {
    HOOK.store(unlink as *mut (), Ordering::Release);
}

/// The timer of a wire, which is made when first asked for: few wires sleep or have deadlines.
pub(crate) fn of(wire: &Wire) -> &Timer {
    let place = wire.details().timer.get();
    if !wire.has(TIMED) {
        wire.set(TIMED, true);
        // SAFETY: nobody refers to it before the flag is set.
        unsafe { (*place).write(Timer::new()) };
    }
    // SAFETY: written, here or earlier in the life of this wire, and only shared since.
    unsafe { (*place).assume_init_ref() }
}

/// Called at the end of every wire.
#[inline]
pub(crate) fn wire_ends(wire: &Wire) {
    if !wire.has(TIMED) {
        return;
    }
    let timer = of(wire);
    if timer.is_linked() {
        let hook = HOOK.load(Ordering::Acquire);
        // SAFETY: only `set_timer_hook` stores here, a `fn(&Timer)`, or it is still null, which
        // `Option` has for `None`.
        let unlink = unsafe { core::mem::transmute::<*mut (), Option<fn(&Timer)>>(hook) };
        unlink.expect("a linked timer has a keeper")(timer);
    }
}

impl<'a> intrusive_collections::KeyAdapter<'a> for TimerAdapter {
    type Key = u64;
    fn get_key(&self, timer: &'a Timer) -> u64 {
        timer.at.get()
    }
}

impl Timer {
    pub(crate) const fn new() -> Timer {
        Timer {
            link: RBTreeLink::new(),
            at: Cell::new(NEVER),
            deadline: Cell::new(NEVER),
            sleep: Cell::new(NEVER),
            place: Cell::new(0),
        }
    }

    /// Whether the keeper of the time knows this timer: it is in a tree, or has a place.
    pub fn is_linked(&self) -> bool {
        self.link.is_linked() || self.place.get() != 0
    }

    /// The wire whose timer this is.
    pub fn wire(&self) -> &Wire {
        let offset = core::mem::offset_of!(Details, timer);
        // SAFETY: timers are made nowhere but as this field of a wire's details, so going back by
        // its offset gives those, shared like the timer.
        let details: &Details = unsafe { NonNull::from(self).byte_sub(offset).cast().as_ref() };
        details.wire()
    }
}
