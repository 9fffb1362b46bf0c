//! A look at the wires of the thread for signal handlers: whose stack is this address on?
//!
//! A handler may interrupt the scheduler between any two stores, so the lists may be half changed and lead
//! nowhere, or round in circles. Nothing is written here, unlike in a [`walk`](crate::walk()); each
//! pointer is looked at only if its memory can be read, and the number of steps is bounded.

use core::mem::offset_of;
use core::ptr;

use crate::all::Links;
use crate::scheduler::{Scheduler, scheduler};
use crate::wire::{DETAILS, Details, Wire, outside};

/// More than there are wires in any thread: each costs a page at least.
const MOST_STEPS: usize = 1 << 26;

/// What a handler can know of a wire.
#[derive(Clone, Copy, Debug)]
pub struct Glimpse {
    name: &'static str,
    low: usize,
    high: usize,
    running: bool,
}

impl Glimpse {
    /// The name given at the start; a question mark if it cannot be read.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Lowest address and size in bytes of its stack; the main wire, on the stack of its OS thread,
    /// has zeros.
    pub fn stack(&self) -> (usize, usize) {
        (self.low, self.high - self.low)
    }

    /// Whether the scheduler calls it the running one.
    pub fn is_running(&self) -> bool {
        self.running
    }
}

/// The running wire, else the first one, that is `wanted`. Async-signal-safe if the two functions are.
///
/// # Safety
///
/// `readable` tells whether so many bytes from an address on can be read, and is right about it.
pub unsafe fn glimpse(
    readable: impl Fn(*const (), usize) -> bool,
    mut wanted: impl FnMut(&Glimpse) -> bool,
) -> Option<Glimpse> {
    let look = Look {
        s: scheduler(),
        readable,
    };
    let mut wanted = |wire: Option<Glimpse>| wire.filter(&mut wanted);
    if let Some(found) = wanted(look.wire(look.current())) {
        return Some(found);
    }
    // Those that have waited.
    let head = &raw const look.s.all;
    let mut links = look.next(head);
    for _ in 0..MOST_STEPS {
        let Some(at) = links.filter(|&links| links != head) else {
            break;
        };
        // They are a field of these details.
        let details = at.wrapping_byte_sub(offset_of!(Details, all)).cast();
        if let Some(found) = wanted(look.details(details)) {
            return Some(found);
        }
        links = look.next(at);
    }
    // Those that are ready.
    let tail = look.s.tail();
    let mut wire = tail;
    for _ in 0..MOST_STEPS {
        wire = look.get(wire, offset_of!(Wire, next))?;
        if let Some(found) = wanted(look.wire(wire)) {
            return Some(found);
        }
        if wire == tail {
            break;
        }
    }
    None
}

struct Look<R> {
    s: &'static Scheduler,
    readable: R,
}

impl<R: Fn(*const (), usize) -> bool> Look<R> {
    fn current(&self) -> *const Wire {
        ptr::from_ref(self.s.current_or_outside())
    }

    /// A pointer at an offset in what may be a `T`.
    fn get<T, P>(&self, at: *const T, offset: usize) -> Option<*const P> {
        let can = at.is_aligned() && !at.is_null() && (self.readable)(at.cast(), size_of::<T>());
        // SAFETY: it can be read, and pointers may have any value. Volatile, as a handler sees what the
        // compiler does not expect it to.
        can.then(|| unsafe { at.byte_add(offset).cast::<*const P>().read_volatile() })
    }

    fn next(&self, links: *const Links) -> Option<*const Links> {
        let next: *const Links = self.get(links, Links::NEXT)?;
        (!next.is_null()).then_some(next)
    }

    fn wire(&self, wire: *const Wire) -> Option<Glimpse> {
        if wire == outside() {
            return None;
        }
        self.details(self.get(wire, Wire::DETAILS_OFFSET)?)
    }

    fn details(&self, details: *const Details) -> Option<Glimpse> {
        let low: *const u8 = self.get(details, offset_of!(Details, low))?;
        let wire: *const Wire = self.get(details, offset_of!(Details, wire))?;
        let high = details.addr() + DETAILS;
        let (low, high) = match low.addr() {
            0 => (0, 0),
            low if low < high => (low, high),
            _ => return None,
        };
        // SAFETY: readable, as `get` found, and a pointer to text may have any value.
        let name = unsafe {
            let name = details.byte_add(offset_of!(Details, name));
            name.cast::<*const [u8]>().read_volatile()
        };
        Some(Glimpse {
            name: self.text(name).unwrap_or("?"),
            low,
            high,
            running: wire == self.current(),
        })
    }

    fn text(&self, text: *const [u8]) -> Option<&'static str> {
        let can = name_is_plausible(text) && (self.readable)(text.cast(), text.len());
        // SAFETY: it can be read; names are constants.
        let text = can.then(|| unsafe { &*text })?;
        core::str::from_utf8(text).ok()
    }
}

fn name_is_plausible(text: *const [u8]) -> bool {
    !text.is_null() && text.len() < 1 << 16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{run, scope, suspend, yield_now};
    use core::cell::Cell;
    use core::ptr::NonNull;

    #[repr(align(4096))]
    #[allow(dead_code, reason = "only its place is used")]
    struct Memory([u8; 64 * 1024]);

    fn on_its_stack(address: usize) -> Option<Glimpse> {
        let holds = |wire: &Glimpse| {
            let (low, size) = wire.stack();
            (low..low + size).contains(&address)
        };
        // SAFETY: the lists are whole here.
        unsafe { glimpse(|_, _| true, holds) }
    }

    #[test]
    fn each_wire_is_found_and_nothing_is_changed_by_looking() {
        let wires = [const { Wire::new() }; 4];
        let mut memory = [const { Memory([0; 64 * 1024]) }; 4];
        let [a, b, c, d] = memory.each_mut().map(|memory| {
            let low = NonNull::from(&mut *memory).cast();
            // SAFETY: used by one wire each, which ends before the memory does.
            let stack = unsafe { crate::Stack::from_raw(low, size_of::<Memory>()) };
            (low.addr().get() + 40_000, stack)
        });
        let runs = Cell::new(0);
        run(|| {
            scope(|s| {
                let waits = s.spawn(&wires[0], a.1, "waits", suspend).unwrap();
                let turns = s.spawn(&wires[1], b.1, "turns", || {
                    while runs.get() == 0 {
                        yield_now();
                    }
                });
                yield_now();
                let looks = s.spawn(&wires[2], c.1, "looks", || {
                    let found = on_its_stack((&raw const runs).addr());
                    assert!(found.is_none(), "{found:?}");
                    let told = [a.0, b.0, c.0, d.0].map(|address| {
                        let found = on_its_stack(address).unwrap();
                        (found.name(), found.is_running())
                    });
                    let expected = [
                        ("waits", false),
                        ("turns", false),
                        ("looks", true),
                        ("fresh", false),
                    ];
                    assert_eq!(told, expected);
                    runs.set(1);
                });
                let fresh = s.spawn(&wires[3], d.1, "fresh", || runs.get()).unwrap();
                // Only a walk lists those that have never waited.
                looks.unwrap().join().unwrap();
                let listed = |wire: &Wire| wire.has(crate::wire::LISTED);
                assert!(listed(&wires[0]) && !listed(&wires[1]));
                waits.handle().resume();
                waits.join().unwrap().unwrap();
                turns.unwrap().join().unwrap();
                assert_eq!(fresh.join().unwrap(), 1);
            });
        });
        assert!(on_its_stack(a.0).is_none());
    }

    #[test]
    fn pointers_that_lead_nowhere_end_the_look() {
        run(|| {
            let me = scheduler().current_or_panic();
            let next = me.next.get();
            let own = |at: *const (), _: usize| {
                at.addr().abs_diff(ptr::from_ref(scheduler()).addr()) < 1 << 20
            };
            for nowhere in [0, 1, 8, 64, usize::MAX - 63] {
                me.next.set(ptr::without_provenance(nowhere));
                // SAFETY: only memory near the thread's own is called readable, which that is.
                let found = unsafe { glimpse(own, |wire| !wire.is_running()) };
                me.next.set(next);
                assert!(found.is_none(), "{found:?}");
            }
        });
    }
}
