//! OS threads on one processor.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Barrier, OnceLock};
use std::thread::{self, Builder, JoinHandle, Thread};

use bench_harness::{Plan, stamp};

use super::{Work, job};

pub(super) const CONFIGURATION: &str =
    "std::thread with stacks of 64 KiB; park and unpark for suspend + resume";

pub(super) fn measure(work: Work, plan: Plan) {
    match work {
        Work::Yield(threads) => yields(threads, plan),
        Work::Create => create(plan),
        Work::Switch => switch(plan),
    }
}

fn start(f: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let builder = Builder::new().stack_size(64 * 1024);
    builder.spawn(f).expect("another thread")
}

/// The kernel does not let them take turns strictly, so time is taken from when all are warm until
/// the last one is done.
fn yields(threads: usize, each: Plan) {
    let warm = Arc::new(Barrier::new(threads));
    let done = Arc::new(AtomicUsize::new(0));
    let thread = |_| {
        let (warm, done) = (Arc::clone(&warm), Arc::clone(&done));
        start(move || {
            for _ in 0..each.warm_up {
                thread::yield_now();
            }
            if warm.wait().is_leader() {
                stamp::begin();
            }
            for _ in 0..each.operations {
                thread::yield_now();
            }
            if done.fetch_add(1, Relaxed) + 1 == threads {
                stamp::end();
            }
        })
    };
    let handles: Vec<_> = (0..threads).map(thread).collect();
    for handle in handles {
        handle.join().expect("no panic");
    }
}

fn create(plan: Plan) {
    let one = |number| start(move || job::run(number)).join().expect("no panic");
    (0..plan.warm_up).for_each(one);
    stamp::begin();
    (0..plan.operations).for_each(one);
    stamp::end();
}

fn switch(each: Plan) {
    let threads = Arc::new([const { OnceLock::<Thread>::new() }; 2]);
    let both = [0, 1].map(|number| {
        let threads = Arc::clone(&threads);
        start(move || {
            threads[number].get_or_init(thread::current);
            let other = threads[1 - number].wait();
            if number == 1 {
                thread::park();
            }
            let switches = |times| {
                for _ in 0..times {
                    other.unpark();
                    thread::park();
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
