//! OS threads on one processor.

use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Barrier, OnceLock};
use std::thread::{self, Builder, Thread};

use super::{WARM_UP, each};
use crate::rows::Row;
use crate::stamp;

pub(super) fn measure(row: Row, operations: u64) -> f64 {
    match row {
        Row::Yield(threads) => yields(threads, operations),
        Row::Create => create(operations),
        Row::Switch => switch(operations),
    }
}

fn start<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> thread::JoinHandle<T> {
    let builder = Builder::new().stack_size(64 * 1024);
    builder.spawn(f).expect("another thread")
}

/// The kernel's order is its own, so the time is that from the moment when all have begun until the last
/// has ended.
fn yields(threads: usize, operations: u64) -> f64 {
    static GONE: AtomicUsize = AtomicUsize::new(0);
    let each = each(operations, threads);
    let together = Arc::new(Barrier::new(threads));
    let handles: Vec<_> = (0..threads)
        .map(|_| {
            let together = Arc::clone(&together);
            start(move || {
                together.wait();
                stamp::begin();
                for _ in 0..each {
                    thread::yield_now();
                }
                if GONE.fetch_add(1, Relaxed) + 1 == threads {
                    stamp::end();
                }
            })
        })
        .collect();
    for handle in handles {
        handle.join().expect("no panic");
    }
    stamp::per(each * threads as u64)
}

fn create(operations: u64) -> f64 {
    let one = |number: u64| {
        start(move || black_box(number)).join().expect("no panic");
    };
    (0..100).for_each(one);
    stamp::begin();
    (0..operations).for_each(one);
    stamp::end();
    stamp::per(operations)
}

fn switch(operations: u64) -> f64 {
    static HANDLES: [OnceLock<Thread>; 2] = [const { OnceLock::new() }; 2];
    let each = each(operations, 2);
    let handles = [0, 1].map(|number| {
        start(move || {
            HANDLES[number].get_or_init(thread::current);
            let other = loop {
                match HANDLES[1 - number].get() {
                    Some(other) => break other,
                    None => thread::yield_now(),
                }
            };
            for _ in 0..WARM_UP {
                other.unpark();
                thread::park();
            }
            if number == 0 {
                stamp::begin();
            }
            for _ in 0..each {
                other.unpark();
                thread::park();
            }
            if number == 0 {
                stamp::end();
            }
            other.unpark();
        })
    });
    for handle in handles {
        handle.join().expect("no panic");
    }
    stamp::per(each * 2)
}
