//! may, with one worker.

use std::sync::{Arc, OnceLock};

use bench_harness::{Plan, stamp};
use may::coroutine::{self, Coroutine};

use super::{Work, job};

pub const CONFIGURATION: &str = "one worker, default features off (no work stealing), its \
     default stacks (32 KiB); Builder::spawn_local to create, park and unpark for suspend + resume";

pub(super) fn measure(work: Work, plan: Plan) {
    in_coroutine(move || match work {
        Work::Yield(coroutines) => yields(coroutines, plan, |_| ()),
        Work::Create => create(plan),
        Work::Switch => switch(plan, |_| ()),
    });
}

/// Everything happens on the worker: from another thread, each start would be a message.
pub fn in_coroutine(f: impl FnOnce() + Send + 'static) {
    may::config().set_workers(1);
    may::go!(f).join().expect("no panic");
}

pub fn yields(coroutines: usize, each: Plan, note: impl Fn(usize) + Copy + Send + 'static) {
    let start = |number| {
        may::go!(move || {
            let yields = |times| {
                for _ in 0..times {
                    note(number);
                    coroutine::yield_now();
                }
            };
            yields(each.warm_up);
            if number == 0 {
                stamp::begin();
            }
            yields(each.operations);
            if number == 0 {
                stamp::end();
            }
        })
    };
    let handles: Vec<_> = (0..coroutines).map(start).collect();
    for handle in handles {
        handle.join().expect("no panic");
    }
}

fn create(plan: Plan) {
    let start = |number: u64| {
        // Its documentation prefers `go!`, but that writes to an eventfd each time.
        let builder = coroutine::Builder::new();
        // SAFETY: the job keeps nothing in thread-local storage and hardly uses its stack.
        let handle = unsafe { builder.spawn_local(move || job::run(number)) };
        handle.expect("room for another");
    };
    (0..plan.warm_up).for_each(start);
    stamp::begin();
    (0..plan.operations).for_each(start);
    stamp::end();
}

pub(super) fn switch(each: Plan, note: impl Fn(usize) + Copy + Send + 'static) {
    let handles = Arc::new([const { OnceLock::<Coroutine>::new() }; 2]);
    let both = [0, 1].map(|number| {
        let handles = Arc::clone(&handles);
        may::go!(move || {
            handles[number].get_or_init(coroutine::current);
            coroutine::yield_now();
            let other = handles[1 - number].get().expect("it began as well");
            if number == 1 {
                coroutine::park();
            }
            let switches = |times| {
                for _ in 0..times {
                    note(number);
                    other.unpark();
                    coroutine::park();
                }
            };
            switches(each.warm_up);
            if number == 0 {
                stamp::begin();
            }
            switches(each.operations);
            if number == 0 {
                stamp::end();
            }
            other.unpark();
        })
    });
    for handle in both {
        handle.join().expect("no panic");
    }
}
