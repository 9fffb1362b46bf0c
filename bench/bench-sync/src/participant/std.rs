//! The standard library's mutex, which a thread locks that nobody disturbs.

use std::hint::black_box;
use std::sync::Mutex;

use bench_harness::{Plan, stamp};

use super::{all, others_may_look};
use crate::row::Row;

pub(super) const CONFIGURATION: &str = "std::sync::Mutex in the only thread";

pub(super) fn measure(row: Row, plan: Plan) {
    assert_eq!(row, Row::Lock, "it abstains");
    let mutex = Mutex::new(0_u64);
    let shared = black_box(&mutex);
    let lock = |times| {
        for _ in 0..times {
            others_may_look();
            let mut held = shared.lock().expect("nobody panics");
            *held += 1;
            others_may_look();
        }
    };
    lock(plan.warm_up);
    stamp::begin();
    lock(plan.operations);
    stamp::end();
    assert_eq!(mutex.into_inner().expect("nobody panics"), all(plan));
}
