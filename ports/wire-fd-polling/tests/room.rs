//! Rule 9 of the contract where it is hardest to keep: many descriptors ready at one look.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use wire_fd::wire_core::{Wire, run, scope};
use wire_fd::{Watch, sleep};
use wire_stack::Arena;

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: forwards to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// More than a look takes where the poller can be told how many.
const MANY: usize = 150;

#[test]
fn many_that_are_ready_at_once_are_all_read_and_nothing_allocates() {
    run(|| {
        let pairs: Vec<_> = (0..MANY).map(|_| UnixStream::pair().unwrap()).collect();
        let (near, far): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let far: Vec<_> = far.into_iter().map(|b| Watch::new(b).unwrap()).collect();
        let arena = Arena::builder().count(MANY).build().unwrap();
        let wires: Vec<_> = (0..MANY).map(|_| Wire::new()).collect();
        let read = Cell::new(0);
        scope(|s| {
            for (wire, b) in wires.iter().zip(&far) {
                let reader = || {
                    while let Ok(n @ 1..) = (&mut &*b).read(&mut [0; 4]) {
                        read.set(read.get() + n);
                    }
                };
                s.spawn(wire, arena.stack().unwrap(), "reader", reader)
                    .unwrap()
                    .detach();
            }
            sleep(Duration::from_millis(1)).unwrap();
            let before = COUNT.with(Cell::get);
            for _ in 0..3 {
                near.iter().for_each(|mut a| a.write_all(b"word").unwrap());
                sleep(Duration::from_millis(1)).unwrap();
            }
            let allocations = COUNT.with(Cell::get) - before;
            assert_eq!(allocations, 0);
            drop(near);
        });
        assert_eq!(read.get(), 3 * 4 * MANY);
    });
}
