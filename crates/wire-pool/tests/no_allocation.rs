//! Nothing a pool does calls the allocator; not even growing.
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use common::{AnyPool, STACK, mapped};
use wire_pool::wire_core::{Interrupt, suspend};
use wire_pool::{JoinHandle, Local, Pool, SpawnError, run, scope, yield_now};

struct Counting;

thread_local! {
    // Of this thread, since the test harness has others.
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: counts, and leaves the rest to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn wires_come_and_go_without_the_allocator() {
    static POOL: Local<Pool<100, STACK>> = Local::new(Pool::new());
    let grown = mapped(100);
    run(|| {
        check(&*POOL);
        check(grown);
    });
}

fn check(pool: &'static impl AnyPool) {
    let before = COUNT.get();
    for _ in 0..1000 {
        pool.go("one", || 42).unwrap().join().unwrap();
    }
    scope(|s| {
        // Contended: a hundred wires for twenty thousand.
        for _ in 0..20_000 {
            pool.wait_in(s, "many", yield_now).unwrap().detach();
        }
    });
    // Cancelled while waiting for a wire, all of which are taken by those that wait as well.
    let cancelled = Cell::new(0);
    scope(|s| {
        let holders = [(); 50].map(|()| pool.wait_in(s, "holder", || suspend().unwrap()).unwrap());
        let wait = || {
            let outcome = pool.wait_in(s, "none left", || ()).map(JoinHandle::detach);
            assert_eq!(outcome, Err(SpawnError::Interrupted(Interrupt::Cancelled)));
            cancelled.set(cancelled.get() + 1);
        };
        let waiters = [(); 50].map(|()| pool.wait_in(s, "waiter", wait).unwrap());
        yield_now();
        for wire in &waiters {
            wire.cancel();
        }
        yield_now();
        for wire in &holders {
            wire.handle().resume();
        }
    });
    assert_eq!(cancelled.get(), 50);
    assert_eq!(pool.give_back(), 100);
    assert_eq!(COUNT.get() - before, 0);
}
