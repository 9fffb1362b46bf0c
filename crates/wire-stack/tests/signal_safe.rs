//! The handler of faults does only what a handler may: a wire may overflow in the middle of an allocation, holding any
//! lock. Here no allocation is allowed any more, and standard error is locked.
mod child;

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};

use child::{child, killed_by};
use libc::SIGSEGV;
use wire_stack::wire_core::{Wire, run, scope, yield_now};
use wire_stack::{Arena, Guards, detector};

static FORBIDDEN: AtomicBool = AtomicBool::new(false);

struct Watched;

/// Ends the process in a way that no fault does.
fn look() {
    if FORBIDDEN.load(Ordering::Relaxed) {
        let text = b"the allocator was called\n";
        // SAFETY: writes the text; no destructors run.
        unsafe {
            libc::write(2, text.as_ptr().cast(), text.len());
            libc::_exit(42);
        }
    }
}

// SAFETY: as `System`.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        look();
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        look();
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if depth == 0 {
        frame[0]
    } else {
        recurse(black_box(depth - 1)) + black_box(frame)[63]
    }
}

/// Overflows with others around, some of which have never waited.
fn overflow(guards: Guards) {
    detector::install().unwrap();
    let arena = Arena::builder().count(3).guards(guards).build().unwrap();
    let wires = [const { Wire::new() }; 3];
    let stack = || arena.stack().unwrap();
    run(|| {
        scope(|s| {
            let turns = || (0..9).for_each(|_| yield_now());
            let _a = s.spawn(&wires[0], stack(), "turns", turns).unwrap();
            let _b = s.spawn(&wires[1], stack(), "victim", || {
                let error = std::io::stderr().lock();
                let out = std::io::stdout().lock();
                FORBIDDEN.store(true, Ordering::Relaxed);
                black_box(recurse(1_000_000));
                drop((error, out));
            });
            let _c = s.spawn(&wires[2], stack(), "fresh", || ()).unwrap();
        });
    });
}

#[test]
fn the_report_takes_neither_memory_nor_locks() {
    let output = child("the_report_takes_neither_memory_nor_locks", || {
        overflow(Guards::Markers);
    });
    let text = killed_by(SIGSEGV, &output);
    assert!(text.contains("wire 'victim' overflowed"), "{text}");
}

#[test]
fn so_it_is_with_guards_made_by_mprotect() {
    let output = child("so_it_is_with_guards_made_by_mprotect", || {
        overflow(Guards::Mprotect);
    });
    let text = killed_by(SIGSEGV, &output);
    assert!(text.contains("wire 'victim' overflowed"), "{text}");
}
