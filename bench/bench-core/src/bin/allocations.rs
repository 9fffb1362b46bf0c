//! Prints how often wires ask the allocator in 100,000 operations of each kind.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use wire_core::{Handle, suspend};
use wire_pool::{MappedPool, run, scope, yield_now};

struct Counting;

static COUNT: AtomicU64 = AtomicU64::new(0);

// SAFETY: hands everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const OPERATIONS: usize = 100_000;

fn main() {
    let counted = COUNT.load(Ordering::Relaxed);
    drop(std::hint::black_box(Box::new(0)));
    assert!(
        COUNT.load(Ordering::Relaxed) > counted,
        "the allocator does not count"
    );
    let pool: &'static MappedPool = Box::leak(Box::new(
        MappedPool::builder()
            .max(4)
            .build()
            .expect("room for the pool"),
    ));
    run(|| {
        report("yield", || {
            let others = [(); 2].map(|()| pool.spawn("yields", yield_often).expect("room"));
            yield_often();
            for other in others {
                other.join().expect("no panic");
            }
        });
        report("create + run + finish", || {
            for number in 0..OPERATIONS {
                let wire = pool.spawn("ends", move || std::hint::black_box(number));
                wire.expect("room").detach();
                yield_now();
            }
        });
        report("create + run + join", || {
            for number in 0..OPERATIONS {
                let wire = pool.spawn("ends", move || number).expect("room");
                assert_eq!(wire.join().expect("no panic"), number);
            }
        });
        report("create in a full pool", || {
            for _ in 0..OPERATIONS {
                pool.spawn_wait("waits", yield_now)
                    .expect("room in time")
                    .detach();
            }
            pool.wait_until_idle().expect("nobody interrupts");
        });
        report("create in a scope", || {
            for number in 0..OPERATIONS {
                scope(|s| drop(pool.spawn_in(s, "borrows", || number + 1).expect("room")));
            }
        });
        report("suspend + resume", || {
            let place: Cell<Option<Handle<'static>>> = Cell::new(None);
            scope(|s| {
                let other = pool.spawn_in(s, "suspends", || {
                    place.set(Handle::current());
                    for _ in 0..OPERATIONS {
                        suspend().expect("nobody interrupts");
                    }
                });
                let other = other.expect("room");
                yield_now();
                while !other.is_finished() {
                    other.handle().resume();
                    yield_now();
                }
            });
        });
    });
}

fn yield_often() {
    for _ in 0..OPERATIONS {
        yield_now();
    }
}

/// Runs it twice: what is set up once may allocate.
fn report(what: &str, operations: impl Fn()) {
    operations();
    let before = COUNT.load(Ordering::Relaxed);
    operations();
    let allocations = COUNT.load(Ordering::Relaxed) - before;
    println!("{what}: {allocations}");
}
