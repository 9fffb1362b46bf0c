//! Once it is set up, nothing here calls the allocator.
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use wire_stack::wire_core::{Local, Wire, run, scope, yield_now};
use wire_stack::{Arena, StaticStack, high_water, resident};

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
fn a_wire_in_statics_takes_nothing_from_the_allocator_from_start_to_join() {
    static WIRE: Local<Wire> = Local::new(Wire::new());
    static STACK: Local<StaticStack<{ 64 * 1024 }>> = Local::new(StaticStack::new());
    let before = COUNT.get();
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(COUNT.get() - before, 1, "the counter counts");
    let before = COUNT.get();
    // The first time too, when the guard is made and the owner noted.
    for round in 0..3_u32 {
        let sum = run(|| {
            let stack = STACK.stack().unwrap();
            let numbers = move || {
                (0..10).fold(round, |sum, n| {
                    yield_now();
                    sum + n
                })
            };
            let wire = WIRE.spawn(stack, "static", numbers).unwrap();
            assert!(WIRE.is_in_use() && STACK.stack().is_err());
            wire.join().unwrap()
        });
        assert_eq!(sum, 45 + round);
        assert!(!WIRE.is_in_use());
    }
    assert_eq!(COUNT.get() - before, 0);
}

#[test]
fn stacks_come_and_go_without_the_allocator() {
    static STACK: Local<StaticStack<{ 64 * 1024 }>> = Local::new(StaticStack::new());
    let wire = Wire::new();
    run(|| {
        let before = COUNT.get();
        // Even mapping an arena takes none.
        let arena = Arena::builder().count(50_000).build().unwrap();
        scope(|s| {
            for _ in 0..50_000 {
                s.spawn(&wire, arena.stack().unwrap(), "arena", || ())
                    .unwrap()
                    .join()
                    .unwrap();
                s.spawn(&wire, STACK.stack().unwrap(), "static", || ())
                    .unwrap()
                    .join()
                    .unwrap();
            }
        });
        for _ in 0..50_000 {
            std::mem::forget(arena.stack().unwrap());
        }
        assert!(arena.stack().is_err());
        let stack = STACK.stack().unwrap();
        let at = (stack.low().addr().get(), stack.size());
        assert!(high_water(at) > Some(0) && resident(at) > Some(0));
        drop(stack);
        STACK.give_back();
        arena.give_back();
        assert_eq!(COUNT.get() - before, 0);
    });
}

#[test]
fn an_arenas_stacks_come_and_go_without_the_allocator() {
    let arena = Arena::builder().count(100).build().unwrap();
    let wire = Wire::new();
    run(|| {
        let before = COUNT.get();
        scope(|s| {
            for _ in 0..1000 {
                let stack = arena.stack().unwrap();
                s.spawn(&wire, stack, "arena", || ())
                    .unwrap()
                    .join()
                    .unwrap();
            }
        });
        for _ in 0..100 {
            std::mem::forget(arena.stack().unwrap());
        }
        assert!(arena.stack().is_err());
        assert_eq!(COUNT.get() - before, 0);
    });
}
