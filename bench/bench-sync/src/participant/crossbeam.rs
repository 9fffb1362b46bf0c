//! crossbeam-channel's bounded channel within a thread, which so never waits.

use std::hint::black_box;

use bench_harness::{Plan, stamp};
use crossbeam_channel::bounded;

use crate::row::Row;

pub(super) const CONFIGURATION: &str =
    "bounded(64) in one thread, which sends 64 messages, then receives them, and never waits";

pub(super) fn measure(row: Row, plan: Plan) {
    assert_eq!(row, Row::Bounded, "it abstains");
    messages(plan, |message| {
        black_box(message);
    });
}

pub(super) fn messages(plan: Plan, note: impl Fn(u64)) {
    let (sender, receiver) = bounded(64);
    let pass = |times: u64| {
        for number in 0..times {
            sender.send(number).expect("it is open");
            if sender.is_full() || number + 1 == times {
                while let Ok(message) = receiver.try_recv() {
                    note(message);
                }
            }
        }
    };
    pass(plan.warm_up);
    stamp::begin();
    pass(plan.operations);
    stamp::end();
}
