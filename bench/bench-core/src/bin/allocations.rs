//! How often the global allocator is asked: the same work as where time is taken, and more of what
//! wires can do.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bench_core::{Cost, Sample, stamp};
use clap::{Parser, ValueEnum};
use wire_pool::{MappedPool, run, scope, yield_now};

struct Counting;

static COUNT: AtomicU64 = AtomicU64::new(0);

// SAFETY: hands everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.fetch_add(1, Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[derive(Parser)]
enum Cli {
    /// What is also timed
    Sample(Sample),
    /// More of what wires do
    Wires { what: What, operations: u64 },
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// Start one and fetch its result
    Join,
    /// Wait for one in a full pool
    Full,
    /// Start one in a scope of its own
    Scope,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let before = COUNT.load(Relaxed);
    drop(black_box(Box::new(0)));
    assert!(COUNT.load(Relaxed) > before, "the allocator counts");
    stamp::count_allocations(|| COUNT.load(Relaxed));
    let outcome = match cli {
        Cli::Sample(sample) => sample.run(),
        Cli::Wires { what, operations } => wires(what, operations).map(|cost| println!("{cost}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn wires(what: What, operations: u64) -> Result<Cost, String> {
    let pool = MappedPool::builder().max(1).build();
    let pool: &'static MappedPool = Box::leak(Box::new(pool.expect("room for the pool")));
    let one = |number: u64| match what {
        What::Join => {
            let wire = pool.spawn("gives a number", move || black_box(number));
            assert_eq!(
                wire.expect("the only one").join().expect("no panic"),
                number
            );
        }
        What::Full => {
            let wire = pool.spawn_wait("keeps others waiting", yield_now);
            wire.expect("nobody interrupts").detach();
        }
        What::Scope => {
            let mut sum = number;
            scope(|s| {
                let wire = pool.spawn_in(s, "borrows", || sum += black_box(1));
                wire.expect("the only one").detach();
            });
            assert_eq!(sum, number + 1);
        }
    };
    run(|| {
        (0..1_000).for_each(one);
        stamp::begin();
        (0..operations).for_each(one);
        stamp::end();
    });
    stamp::cost(operations)
}
