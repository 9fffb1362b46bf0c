//! What happens when a moment has come, and to whom: to a wire that sleeps, one with a deadline, or a
//! [`Timeout`](crate::Timeout).
//!
//! Deadlines and timeouts stay where they are when they move on, as most do: an owner whose entry is
//! too early is found not due when that comes up, and is put right then. So bounding what soon succeeds,
//! the common case, costs no more than setting a number.

use std::cell::Cell;
use std::ptr;
use std::time::Duration;

use wire_core::Wire;
use wire_core::outside::{self, NEVER, Timer};

use crate::clock;
use crate::error::RegisterError;
use crate::moments::{Moments, NOWHERE, Place};
use crate::monitor::{self, Monitor};
use crate::prefetch::prefetch;
use crate::timeout::Timeout;

/// So many owners are looked up side by side before the first of them is woken.
const BATCH: usize = 32;

/// Who waits for a moment, in one word: what kind it is lies in the lowest bits.
#[derive(Clone, Copy)]
enum Owner<'a> {
    Sleep(&'a Wire),
    Deadline(&'a Timer),
    Timeout(&'a Timeout),
}

const SLEEP: usize = 0;
const DEADLINE: usize = 1;
const TIMEOUT: usize = 2;
const KINDS: usize = 3;
const _: () = assert!(align_of::<Timer>() > KINDS && align_of::<Timeout>() > KINDS);

impl<'a> Owner<'a> {
    #[inline]
    fn to_word(self) -> *const () {
        match self {
            Owner::Sleep(wire) => ptr::from_ref(wire).cast(),
            Owner::Deadline(timer) => ptr::from_ref(timer)
                .cast::<()>()
                .wrapping_byte_add(DEADLINE),
            Owner::Timeout(timeout) => ptr::from_ref(timeout)
                .cast::<()>()
                .wrapping_byte_add(TIMEOUT),
        }
    }

    /// `None` for one that has given up.
    ///
    /// # Safety
    ///
    /// The word is null, or its owner still there.
    #[inline]
    unsafe fn from_word(word: *const ()) -> Option<Owner<'a>> {
        let kind = word.addr() & KINDS;
        let owner = word.wrapping_byte_sub(kind);
        // SAFETY: what `to_word` was given, and still there; or null.
        unsafe {
            match kind {
                SLEEP => owner.cast::<Wire>().as_ref().map(Owner::Sleep),
                DEADLINE => owner.cast::<Timer>().as_ref().map(Owner::Deadline),
                _ => owner.cast::<Timeout>().as_ref().map(Owner::Timeout),
            }
        }
    }

    /// The moment it wants now, and where it says which place it has. A sleep keeps both in the frame of its
    /// wire, and gives up rather than move on.
    #[inline]
    fn cells(self) -> Option<(&'a Cell<u64>, &'a Cell<Place>)> {
        match self {
            Owner::Sleep(_) => None,
            Owner::Deadline(timer) => Some((&timer.deadline, &timer.place)),
            Owner::Timeout(timeout) => Some((&timeout.moment, &timeout.place)),
        }
    }

    /// Whether nobody would miss it, if its moment never came.
    fn is_idle(self) -> bool {
        match self {
            Owner::Sleep(_) => false,
            Owner::Deadline(timer) => timer.deadline.get() == NEVER,
            Owner::Timeout(timeout) => timeout.moment.get() == NEVER || timeout.waiting.is_empty(),
        }
    }

    /// Its moment has come.
    #[inline]
    fn ring(self) {
        match self {
            Owner::Sleep(wire) => outside::unblock(wire),
            Owner::Deadline(timer) => outside::deadline_passed(timer.wire()),
            Owner::Timeout(timeout) => timeout.pass(),
        }
    }
}

/// Puts the running wire `me` down for a wake-up after `duration`; [`NOWHERE`] if that is farther than any
/// clock counts.
///
/// The place is to be given up before the wire is over.
#[inline(never)]
pub(crate) fn sleep(me: *const Wire, duration: Duration) -> Place {
    let now = clock::now();
    let moment = clock::add(now, duration);
    // SAFETY: the running wire.
    let owner = Owner::Sleep(unsafe { &*me });
    if let Some(monitor) = monitor::current()
        && monitor.is_looking()
        && moment != NEVER
    {
        let place = monitor.moments(|moments| moments.add_at_once(moment, now, owner.to_word()));
        if place != NOWHERE {
            return place;
        }
    }
    sleep_specially(owner, moment, now)
}

#[cold]
fn sleep_specially(owner: Owner<'_>, moment: u64, now: u64) -> Place {
    if moment == NEVER {
        return NOWHERE;
    }
    let added = monitor::with(|monitor| {
        monitor.start()?;
        monitor.moments(|moments| moments.add(moment, now, owner.to_word()))
    });
    match added {
        Ok(Ok(place)) => place,
        Ok(Err(error)) | Err(error) => no_timer(&error),
    }
}

/// Whether this wire still waits for the moment at `place`, which it was given.
#[inline]
pub(crate) fn is_asleep(me: *const Wire, place: Place) -> bool {
    monitor::current()
        .is_some_and(|monitor| monitor.moments(|moments| moments.owner(place)) == me.cast())
}

#[cold]
#[track_caller]
pub(crate) fn no_timer(error: &RegisterError) -> ! {
    panic!("no timer: {error}")
}

/// Sees to it that the deadline of the running wire is noticed.
pub(crate) fn deadline(timer: &Timer, now: u64) -> Result<(), RegisterError> {
    monitor::with(|monitor| monitor.arm(Owner::Deadline(timer), now))?
}

/// Sees to it that the timeout passes. Until [`wake_never`], or its passing, it must stay in place.
pub(crate) fn timeout(timeout: &Timeout, now: u64) -> Result<(), RegisterError> {
    monitor::with(|monitor| monitor.arm(Owner::Timeout(timeout), now))?
}

/// The timer of a wire that ends is forgotten.
pub(crate) fn wire_ends(timer: &Timer) {
    wake_never(timer.place.replace(NOWHERE));
}

/// Has the owner of this place forgotten.
#[cold]
pub(crate) fn wake_never(place: Place) {
    if place != NOWHERE
        // When the thread's storage is destroyed, the moments are gone already.
        && let Some(monitor) = monitor::current()
    {
        monitor.moments(|moments| moments.give_up(place));
    }
}

impl Monitor {
    #[inline]
    fn moments<R>(&self, f: impl FnOnce(&mut Moments) -> R) -> R {
        // SAFETY: used here and nowhere else, and neither `Moments` nor what is given here calls back.
        f(unsafe { &mut *self.moments.get() })
    }

    /// Puts the owner where its moment wants it, unless it is there early enough.
    fn arm(&self, owner: Owner<'_>, now: u64) -> Result<(), RegisterError> {
        let Some((moment, place)) = owner.cells() else {
            return Ok(());
        };
        let at = moment.get();
        if at == NEVER {
            return Ok(());
        }
        self.start()?;
        self.moments(|moments| {
            if place.get() != NOWHERE {
                if moments.moment(place.get()) <= at {
                    return Ok(());
                }
                moments.give_up(place.replace(NOWHERE));
            }
            place.set(moments.add(at, now, owner.to_word())?);
            Ok(())
        })
    }

    /// Nanoseconds to sleep at most.
    pub(crate) fn until_next_moment(&self) -> u64 {
        let next = self.moments(|moments| moments.first());
        next.map_or(NEVER, |at| at.saturating_sub(clock::now()))
    }

    /// Whether nobody waits for a moment. Those left behind at the front are taken out: they would keep the
    /// thread's wires from being found stuck.
    pub(crate) fn no_moments(&self) -> bool {
        self.moments(|moments| {
            while let Some(first) = moments.first_owner() {
                // SAFETY: an owner gives up before it goes.
                if let Some(owner) = unsafe { Owner::from_word(first) } {
                    if !owner.is_idle() {
                        return false;
                    }
                    if let Some((_, place)) = owner.cells() {
                        place.set(NOWHERE);
                    }
                }
                if let Some((place, _)) = moments.pop(NEVER) {
                    moments.take(place);
                    moments.free(place);
                }
            }
            true
        })
    }

    /// Wakes all whose moment has come.
    #[inline]
    pub(crate) fn fire_due(&self) {
        if self.moments(|moments| moments.first()).is_some() {
            self.fire(clock::now());
        }
    }

    fn fire(&self, now: u64) {
        loop {
            let mut due = [NOWHERE; BATCH];
            let mut count = 0;
            self.moments(|moments| {
                while count < BATCH
                    && let Some((place, owner)) = moments.pop(now)
                {
                    prefetch(owner);
                    due[count] = place;
                    count += 1;
                }
            });
            let due = &due[..count];
            for place in due {
                self.come(*place, now);
            }
            // Backwards: the first to wake and sleep again gets the first place, and neighbours in
            // time stay neighbours in memory.
            for place in due.iter().rev() {
                self.moments(|moments| moments.free(*place));
            }
            if due.len() < BATCH {
                return;
            }
        }
    }

    /// The moment of this place, which was popped, has come; that of its owner perhaps not yet.
    #[inline]
    fn come(&self, place: Place, now: u64) {
        // SAFETY: an owner gives up before it goes.
        let owner = unsafe { Owner::from_word(self.moments(|moments| moments.take(place))) };
        let Some(owner) = owner else { return };
        if let Some((moment, place)) = owner.cells() {
            place.set(NOWHERE);
            if moment.get() > now {
                // The monitor runs, and it had a place before.
                let _ = self.arm(owner, now);
                return;
            }
        }
        owner.ring();
    }
}
