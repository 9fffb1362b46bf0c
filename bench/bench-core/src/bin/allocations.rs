//! How often the global allocator is asked: the same work as where time is taken, and more of what
//! wires can do.

use std::hint::black_box;
use std::process::ExitCode;

use bench_core::participant::Participant;
use bench_harness::counting::{self, Counting, More};
use bench_harness::{Cost, stamp};
use clap::ValueEnum;
use wire_pool::{MappedPool, run, scope, yield_now};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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
    counting::main::<Participant, What>()
}

impl More for What {
    fn measure(self, operations: u64) -> Result<Cost, String> {
        let pool = MappedPool::builder().max(1).build();
        let pool: &'static MappedPool = Box::leak(Box::new(pool.expect("room for the pool")));
        let one = |number: u64| match self {
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
}
