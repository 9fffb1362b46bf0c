//! A wire on a guarded stack, and how deep it went: the least one can do with this crate alone.
use wire_stack::wire_core::{Wire, run, scope};
use wire_stack::{Arena, detector, high_water};

fn sum(n: u64) -> u64 {
    if n == 0 {
        0
    } else {
        n + sum(std::hint::black_box(n - 1))
    }
}

fn main() {
    detector::install().expect("signal handlers can be set");
    let arena = Arena::builder()
        .count(100)
        .stack_size(256 * 1024)
        .build()
        .expect("there is room");
    let wire = Wire::new();
    let stack = arena.stack().expect("one of a hundred is free");
    let bounds = (stack.low().addr().get(), stack.size());
    let sum = run(|| {
        scope(|s| {
            s.spawn(&wire, stack, "sum", || sum(1000))
                .unwrap()
                .join()
                .unwrap()
        })
    });
    assert_eq!(sum, 500_500);
    let depth = high_water(bounds).expect("the arena is still mapped");
    println!(
        "{sum} was added up {depth} bytes deep, on one of {} guarded stacks",
        arena.count()
    );
}
