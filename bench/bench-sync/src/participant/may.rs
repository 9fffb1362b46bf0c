//! may, with one worker.

use std::hint::black_box;
use std::sync::Arc;

use bench_core::participant::may::{self as base, in_coroutine};
use bench_harness::{Plan, stamp};
use may::coroutine;
use may::sync::{Mutex, spsc};

use super::{all, others_may_look};
use crate::row::Row;

pub(super) const CONFIGURATION: &str = "one worker, default features off (no work stealing); spsc, whose \
     sender yields after each message, or after 64, since it has room for any number; sync::Mutex";

pub(super) fn measure(row: Row, plan: Plan) {
    in_coroutine(move || match row {
        Row::Yield => base::yields(2, plan, |_| ()),
        Row::Rendezvous => messages::<1>(plan, ignore),
        Row::Bounded => messages::<64>(plan, ignore),
        Row::Lock => lock(plan),
        Row::HandOver => hand_over(plan, |_| ()),
        Row::Select | Row::ReceiveLater | Row::SelectLater => unreachable!("it abstains"),
    });
}

fn ignore(message: u64) {
    black_box(message);
}

pub(super) fn messages<const AT_ONCE: u64>(plan: Plan, note: impl Fn(u64) + Send + 'static) {
    let (sender, receiver) = spsc::channel();
    let receiver = may::go!(move || {
        let receive = |times| (0..times).for_each(|_| note(receiver.recv().expect("it is open")));
        receive(plan.warm_up);
        stamp::begin();
        receive(plan.operations);
        stamp::end();
    });
    let sender = may::go!(move || {
        for number in 0..all(plan) {
            sender.send(number).expect("it is open");
            if number % AT_ONCE == AT_ONCE - 1 {
                coroutine::yield_now();
            }
        }
    });
    for handle in [receiver, sender] {
        handle.join().expect("no panic");
    }
}

fn lock(plan: Plan) {
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

pub(super) fn hand_over(each: Plan, note: impl Fn(usize) + Copy + Send + 'static) {
    let mutex = Arc::new(Mutex::new(0_u64));
    let both = [0, 1].map(|number| {
        let mutex = Arc::clone(&mutex);
        may::go!(move || {
            let hold = |times| {
                for _ in 0..times {
                    let mut held = mutex.lock().expect("nobody panics");
                    *held += 1;
                    note(number);
                    coroutine::yield_now();
                }
            };
            hold(each.warm_up);
            if number == 0 {
                stamp::begin();
            }
            hold(each.operations);
            if number == 0 {
                stamp::end();
            }
        })
    });
    for handle in both {
        handle.join().expect("no panic");
    }
    assert_eq!(*mutex.lock().expect("nobody panics"), 2 * all(each));
}
