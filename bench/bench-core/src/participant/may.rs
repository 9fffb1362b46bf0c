//! may, with one worker.

use std::hint::black_box;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use may::coroutine::{self, Coroutine};

use super::{WARM_UP, each};
use crate::rows::Row;
use crate::stamp;

pub(super) fn measure(row: Row, operations: u64) -> f64 {
    // Room for all stacks, so that none has to be unmapped and mapped again.
    may::config().set_workers(1).set_pool_capacity(31_000);
    match row {
        Row::Yield(coroutines) => yields(coroutines, operations),
        Row::Create => create(operations),
        Row::Switch => switch(operations),
    }
}

/// Its queue is not first in, first out, so the time is that from the moment when all have begun until the
/// last has ended.
fn yields(coroutines: usize, operations: u64) -> f64 {
    static HERE: AtomicUsize = AtomicUsize::new(0);
    static GONE: AtomicUsize = AtomicUsize::new(0);
    let each = each(operations, coroutines);
    // Started by a coroutine, which the worker thread does not have to compete with.
    let all = may::go!(move || {
        let handles: Vec<_> = (0..coroutines)
            .map(|_| {
                may::go!(move || {
                    if HERE.fetch_add(1, Relaxed) + 1 == coroutines {
                        stamp::begin();
                    }
                    while HERE.load(Relaxed) < coroutines {
                        coroutine::yield_now();
                    }
                    for _ in 0..each {
                        coroutine::yield_now();
                    }
                    if GONE.fetch_add(1, Relaxed) + 1 == coroutines {
                        stamp::end();
                    }
                })
            })
            .collect();
        for handle in handles {
            handle.join().expect("no panic");
        }
    });
    all.join().expect("no panic");
    stamp::per(each * coroutines as u64)
}

fn create(operations: u64) -> f64 {
    // In a coroutine, since joining from a thread would wake that one up each time.
    let all = may::go!(move || {
        let start = |number: u64| {
            let handle = may::go!(move || black_box(number));
            handle.join().expect("no panic");
        };
        (0..1_000).for_each(start);
        stamp::begin();
        (0..operations).for_each(start);
        stamp::end();
    });
    all.join().expect("no panic");
    stamp::per(operations)
}

fn switch(operations: u64) -> f64 {
    static HANDLES: [OnceLock<Coroutine>; 2] = [const { OnceLock::new() }; 2];
    let each = each(operations, 2);
    let handles = [0, 1].map(|number| {
        may::go!(move || {
            HANDLES[number].get_or_init(coroutine::current);
            let other = loop {
                match HANDLES[1 - number].get() {
                    Some(other) => break other,
                    None => coroutine::yield_now(),
                }
            };
            for _ in 0..WARM_UP {
                other.unpark();
                coroutine::park();
            }
            if number == 0 {
                stamp::begin();
            }
            for _ in 0..each {
                other.unpark();
                coroutine::park();
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
