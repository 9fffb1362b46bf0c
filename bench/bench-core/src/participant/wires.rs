//! Wires of a pool in one mapping.

use std::cell::Cell;

use bench_harness::{Plan, stamp};
use wire_core::{Handle, suspend};
use wire_pool::{MappedPool, run, yield_now};

use super::{Work, job};

pub const CONFIGURATION: &str =
    "a MappedPool of the smallest safe stacks (32 KiB), guards of one page, by markers";

pub fn pool(wires: usize) -> &'static MappedPool {
    let pool = MappedPool::builder()
        .max(wires)
        .stack_size(32 * 1024)
        .guard_size(4096)
        .build();
    Box::leak(Box::new(pool.expect("room for the pool")))
}

pub(super) fn measure(work: Work, plan: Plan) {
    run(|| match work {
        Work::Yield(wires) => yields(wires, plan, |_| ()),
        Work::Create => create(plan),
        Work::Switch => switch(plan, |_| ()),
    });
}

pub fn yields(wires: usize, each: Plan, note: impl Fn(usize) + Copy + 'static) {
    let pool = pool(wires);
    for number in 0..wires {
        let wire = pool.spawn("yields", move || {
            let yields = |times| {
                for _ in 0..times {
                    note(number);
                    yield_now();
                }
            };
            yields(each.warm_up);
            if number == 0 {
                stamp::begin();
            }
            yields(each.operations);
            // First in, first out: as many yields of each of the others lie in between.
            if number == 0 {
                stamp::end();
            }
        });
        wire.expect("room in the pool").detach();
    }
    pool.wait_until_idle().expect("nobody interrupts");
}

fn create(plan: Plan) {
    let pool = pool(1);
    let start = |number: u64| {
        let wire = pool.spawn("ends", move || job::run(number));
        wire.expect("the one before has ended").detach();
        yield_now();
    };
    (0..plan.warm_up).for_each(start);
    stamp::begin();
    (0..plan.operations).for_each(start);
    stamp::end();
}

pub(super) fn switch(each: Plan, note: impl Fn(usize) + Copy + 'static) {
    let pool = pool(2);
    let handles: &'static [Cell<Option<Handle<'static>>>; 2] =
        Box::leak(Box::new([const { Cell::new(None) }; 2]));
    for number in 0..2 {
        let wire = pool.spawn("wakes the other", move || {
            handles[number].set(Handle::current());
            yield_now();
            let other = handles[1 - number].get().expect("it began as well");
            let switches = |times| {
                for _ in 0..times {
                    note(number);
                    other.resume();
                    suspend().expect("nobody interrupts");
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
            other.resume();
        });
        wire.expect("room in the pool").detach();
    }
    pool.wait_until_idle().expect("nobody interrupts");
}
