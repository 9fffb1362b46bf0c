//! Wires of a pool in one mapping, as the facade has them by default, with the smallest stacks that safe
//! code runs on.

use std::cell::{Cell, OnceCell};
use std::hint::black_box;
use std::rc::Rc;

use wire_core::{Handle, suspend};
use wire_pool::{MappedPool, run, yield_now};

use super::{WARM_UP, each};
use crate::rows::Row;
use crate::stamp;

fn pool(wires: usize) -> &'static MappedPool {
    let pool = MappedPool::builder()
        .max(wires)
        .stack_size(32 * 1024)
        .guard_size(4096)
        .build();
    Box::leak(Box::new(pool.expect("room for the pool")))
}

pub(super) fn measure(row: Row, operations: u64) -> f64 {
    run(|| match row {
        Row::Yield(wires) => yields(wires, operations),
        Row::Create => create(operations),
        Row::Switch => switch(operations),
    })
}

fn yields(wires: usize, operations: u64) -> f64 {
    let each = each(operations, wires);
    let pool = pool(wires);
    for number in 0..wires {
        let wire = pool.spawn("yields", move || {
            yield_times(WARM_UP);
            if number == 0 {
                stamp::begin();
            }
            yield_times(each);
            // Exactly as many yields of each of the others lie in between.
            if number == 0 {
                stamp::end();
            }
        });
        wire.expect("room in the pool").detach();
    }
    pool.wait_until_idle().expect("nobody interrupts");
    stamp::per(each * wires as u64)
}

fn yield_times(times: u64) {
    for _ in 0..times {
        yield_now();
    }
}

fn create(operations: u64) -> f64 {
    let pool = pool(1);
    let sum = Rc::new(Cell::new(0));
    let start = |number: u64| {
        let place: *const Cell<u64> = &raw const *sum;
        let wire = pool.spawn("adds", move || {
            // SAFETY: `sum` is there until `create` returns, after the last of these has ended.
            let sum = unsafe { &*place };
            sum.set(sum.get() + black_box(number));
        });
        wire.expect("room in the pool").detach();
        yield_now();
    };
    (0..1_000).for_each(start);
    stamp::begin();
    (0..operations).for_each(start);
    stamp::end();
    black_box(sum.get());
    stamp::per(operations)
}

fn switch(operations: u64) -> f64 {
    let pool = pool(2);
    let each = each(operations, 2);
    let handles = Rc::new([const { OnceCell::<Handle<'static>>::new() }; 2]);
    let [first, second] = [0, 1].map(|number| {
        let handles = Rc::clone(&handles);
        let wire = pool.spawn("wakes the other", move || {
            let me = Handle::current().expect("pool memory stays");
            handles[number].set(me).expect("once");
            yield_now();
            let other = *handles[1 - number].get().expect("it began as well");
            wake_and_wait(other, WARM_UP);
            if number == 0 {
                stamp::begin();
            }
            wake_and_wait(other, each);
            if number == 0 {
                stamp::end();
            }
            other.resume();
        });
        wire.expect("room in the pool")
    });
    first.join().expect("no panic");
    second.join().expect("no panic");
    stamp::per(each * 2)
}

fn wake_and_wait(other: Handle<'_>, times: u64) {
    for _ in 0..times {
        other.resume();
        suspend().expect("nobody interrupts");
    }
}
