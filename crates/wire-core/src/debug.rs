//! What a debugger needs to find the wires of a stopped process or of its core file, without symbols
//! and without running anything: `docs/gdb/wire.py` reads it.
//!
//! ```text
//!   section "libwire_debug":   RECORD { magic, offsets of fields, … , threads ─┐ }
//!   THREADS:                   │ scheduler │ 0 │ scheduler │ …               ◄─┘   while inside run()
//! ```
//!
//! The record stands in a section of its own, which a stripped program still names. Offsets are in
//! it because Rust orders fields as it likes; the script has no knowledge of them.

use core::mem::offset_of;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use wire_coro::{BACKEND, Context, Layout};

use crate::all::Links;
use crate::reason::{Kind, Reason};
use crate::scheduler::Scheduler;
use crate::wire::{DETAILS, Details, SUSPENDED, State, Wire};

/// Threads beyond so many, at one time, run unseen by debuggers.
const MOST_THREADS: usize = 1024;

static SHOWN: Shown<MOST_THREADS> = Shown::new();

/// The schedulers inside `run()`. A fixed table takes neither memory nor locks, and nothing in it can
/// be half changed when a program is stopped.
struct Shown<const N: usize> {
    places: [AtomicPtr<Scheduler>; N],
    /// How many found no place.
    unseen: AtomicUsize,
}

impl<const N: usize> Shown<N> {
    const fn new() -> Self {
        Shown {
            places: [const { AtomicPtr::new(ptr::null_mut()) }; N],
            unseen: AtomicUsize::new(0),
        }
    }

    fn exchange(&self, old: *mut Scheduler, new: *mut Scheduler) -> bool {
        self.places.iter().any(|place| {
            place
                .compare_exchange(old, new, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        })
    }

    fn show(&self, s: *mut Scheduler) {
        if !self.exchange(ptr::null_mut(), s) {
            self.unseen.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn hide(&self, s: *mut Scheduler) {
        if !self.exchange(s, ptr::null_mut()) {
            self.unseen.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Read by the script, word by word: its version is changed with it.
#[repr(C)]
struct Record {
    magic: [u8; 8],
    version: usize,
    size: usize,
    /// Tells how the machine lays out a `&str`.
    sample: &'static str,
    /// 'n' or 'c'.
    backend: usize,
    context: Layout,
    context_size: usize,
    threads: &'static [AtomicPtr<Scheduler>; MOST_THREADS],
    most_threads: usize,
    unseen: &'static AtomicUsize,
    scheduler: [usize; 4],
    links_next: usize,
    wire: [usize; 4],
    first_blocked_state: usize,
    suspended_state: usize,
    suspended: &'static Kind,
    details: [usize; 6],
    details_size: usize,
    reason: [usize; 2],
    kind_name: usize,
}

#[used]
#[cfg_attr(target_os = "linux", unsafe(link_section = "libwire_debug"))]
static RECORD: Record = Record {
    magic: *b"libwire\0",
    version: 1,
    size: size_of::<Record>(),
    sample: "libwire",
    backend: BACKEND.as_bytes()[0] as usize,
    context: Context::LAYOUT,
    context_size: size_of::<Context>(),
    threads: &SHOWN.places,
    most_threads: MOST_THREADS,
    unseen: &SHOWN.unseen,
    scheduler: Scheduler::LAYOUT,
    links_next: Links::NEXT,
    wire: [
        offset_of!(Wire, context),
        offset_of!(Wire, next),
        offset_of!(Wire, state),
        Wire::DETAILS_OFFSET,
    ],
    first_blocked_state: State::FIRST_BLOCKED as usize,
    suspended_state: State::Suspended as usize,
    suspended: &SUSPENDED,
    details: [
        offset_of!(Details, wire),
        offset_of!(Details, reason),
        offset_of!(Details, name),
        offset_of!(Details, low),
        offset_of!(Details, packet),
        offset_of!(Details, all),
    ],
    details_size: DETAILS,
    reason: Reason::LAYOUT,
    kind_name: Kind::NAME_OFFSET,
};

/// Shows debuggers the wires of this thread until `hide`.
pub(crate) fn show(s: &Scheduler) {
    // `used` binds the compiler, but a linker drops what no code refers to.
    // SAFETY: a static that nobody writes to.
    let _ = unsafe { (&raw const RECORD.version).read_volatile() };
    SHOWN.show(ptr::from_ref(s).cast_mut());
}

/// The end of what `show` began.
pub(crate) fn hide(s: &Scheduler) {
    SHOWN.hide(ptr::from_ref(s).cast_mut());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduler::scheduler;

    impl<const N: usize> Shown<N> {
        fn count(&self, s: *mut Scheduler) -> usize {
            let shown = |place: &&AtomicPtr<Scheduler>| place.load(Ordering::Relaxed) == s;
            self.places.iter().filter(shown).count()
        }
    }

    #[test]
    fn a_thread_is_shown_while_it_runs_wires() {
        let me = ptr::from_ref(scheduler()).cast_mut();
        for _ in 0..2 {
            assert_eq!(SHOWN.count(me), 0);
            crate::run(|| assert_eq!(SHOWN.count(me), 1));
            assert!(std::panic::catch_unwind(|| crate::run(|| panic!("on purpose"))).is_err());
        }
        assert_eq!(SHOWN.count(me), 0);
    }

    #[test]
    fn threads_without_a_place_are_counted() {
        let table = Shown::<2>::new();
        let threads = [8, 16, 24].map(ptr::without_provenance_mut);
        let unseen = || table.unseen.load(Ordering::Relaxed);
        threads.iter().for_each(|&s| table.show(s));
        assert_eq!(threads.map(|s| table.count(s)), [1, 1, 0]);
        assert_eq!(unseen(), 1);
        table.hide(threads[2]);
        assert_eq!(unseen(), 0);
        table.hide(threads[0]);
        table.show(threads[2]);
        assert_eq!(threads.map(|s| table.count(s)), [0, 1, 1]);
        assert_eq!(unseen(), 0);
    }
}
