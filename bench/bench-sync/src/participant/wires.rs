//! Wires of a pool in one mapping.

use std::hint::black_box;

use bench_core::participant::wires::{self, pool};
use bench_harness::{Plan, stamp};
use wire_channel::{Channel, Closed};
use wire_lock::Mutex;
use wire_pool::{run, yield_now};
use wire_wait::{Arm, on, wait_any};

use super::{all, others_may_look};
use crate::row::Row;

pub(super) const CONFIGURATION: &str = wires::CONFIGURATION;

pub(super) fn measure(row: Row, plan: Plan) {
    run(|| match row {
        Row::Yield => wires::yields(2, plan, |_| ()),
        Row::Rendezvous => through(leak(Channel::new()), plan, ignore),
        Row::Bounded => through(leak(Channel::<_, 64>::bounded()), plan, ignore),
        Row::Lock => lock(plan),
        Row::HandOver => hand_over(plan, |_| ()),
        Row::Select => select(plan, ignore),
        Row::ReceiveLater => receive_later(plan, ignore),
        Row::SelectLater => select_later(plan, ignore),
    });
}

fn ignore(message: u64) {
    black_box(message);
}

pub(super) fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// Messages from a wire to another.
fn messages(
    plan: Plan,
    send: impl Fn(u64) + 'static,
    receive: impl Fn() -> u64 + 'static,
    note: impl Fn(u64) + 'static,
) {
    let pool = pool(2);
    // First, so that it waits when the first message is sent.
    let receiver = pool.spawn("receives", move || {
        let receive = |times| (0..times).for_each(|_| note(receive()));
        receive(plan.warm_up);
        stamp::begin();
        receive(plan.operations);
        stamp::end();
    });
    let receiver = receiver.expect("room in the pool");
    let sender = pool.spawn("sends", move || (0..all(plan)).for_each(send));
    let sender = sender.expect("room in the pool");
    for wire in [receiver, sender] {
        wire.join().expect("no panic");
    }
}

pub(super) fn through<const ROOM: usize>(
    channel: &'static Channel<u64, ROOM>,
    plan: Plan,
    note: impl Fn(u64) + 'static,
) {
    messages(
        plan,
        |number| channel.send(number).expect("it is open"),
        || channel.recv().expect("it is open"),
        note,
    );
}

type Four = [Channel<u64>; 4];

fn four() -> &'static Four {
    leak([const { Channel::new() }; 4])
}

/// Receives the first message of any of them. The arms are made once, as a loop around a select would.
fn first_of(channels: &'static Four) -> impl Fn() -> u64 {
    let arms = channels
        .each_ref()
        .map(|channel| leak(on(channel, |message| message)) as &dyn Arm<Result<u64, Closed>>);
    #[inline(always)]
    move || {
        let first = wait_any(&arms);
        first.expect("nobody interrupts").expect("it is open")
    }
}

pub(super) fn select(plan: Plan, note: impl Fn(u64) + 'static) {
    let channels = four();
    messages(
        plan,
        |number| channels[number as usize % 4].send(number).expect("open"),
        first_of(channels),
        note,
    );
}

/// Sends to a receiver who waits, and has it wait again.
#[inline(always)]
fn send_later(channel: &Channel<u64>, number: u64) {
    channel.try_send(number).expect("a receiver waits");
    yield_now();
}

pub(super) fn receive_later(plan: Plan, note: impl Fn(u64) + 'static) {
    let channel = leak(Channel::new());
    messages(
        plan,
        |number| send_later(channel, number),
        || channel.recv().expect("it is open"),
        note,
    );
}

pub(super) fn select_later(plan: Plan, note: impl Fn(u64) + 'static) {
    let channels = four();
    messages(
        plan,
        |number| send_later(&channels[number as usize % 4], number),
        first_of(channels),
        note,
    );
}

fn lock(plan: Plan) {
    let mutex = Mutex::new(0_u64);
    let shared = black_box(&mutex);
    let lock = |times| {
        for _ in 0..times {
            others_may_look();
            let mut held = shared.lock().expect("nobody interrupts");
            *held += 1;
            others_may_look();
        }
    };
    lock(plan.warm_up);
    stamp::begin();
    lock(plan.operations);
    stamp::end();
    assert_eq!(mutex.into_inner(), all(plan));
}

pub(super) fn hand_over(each: Plan, note: impl Fn(usize) + Copy + 'static) {
    let (pool, mutex) = (pool(2), leak(Mutex::new(0_u64)));
    let wires = [0, 1].map(|number| {
        pool.spawn("holds", move || {
            let hold = |times| {
                for _ in 0..times {
                    let mut held = mutex.lock().expect("nobody interrupts");
                    *held += 1;
                    note(number);
                    yield_now();
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
    for wire in wires {
        let wire = wire.expect("room in the pool");
        wire.join().expect("no panic");
    }
    assert_eq!(*mutex.try_lock().expect("both are done"), 2 * all(each));
}
