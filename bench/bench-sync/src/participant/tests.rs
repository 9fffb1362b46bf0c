//! That all do the same: messages arrive once and in order, a lock goes back and forth.

use std::sync::Mutex;

use bench_harness::Plan;
use wire_channel::Channel;

use super::wires::leak;
use super::{crossbeam, may, tokio, wires};

/// More than fits into 64 slots, and not a multiple of them.
const PLAN: Plan = Plan {
    operations: 150,
    warm_up: 21,
};

#[derive(Clone, Copy)]
struct Trace(&'static Mutex<Vec<u64>>);

impl Trace {
    fn new() -> Trace {
        Trace(Box::leak(Box::default()))
    }

    fn add(self, number: u64) {
        self.0.lock().unwrap().push(number);
    }

    /// All messages, each once, in their order.
    fn is_of_messages(self) {
        assert_eq!(*self.0.lock().unwrap(), Vec::from_iter(0..171));
    }

    /// Two took turns.
    fn is_of_turns(self) {
        let turns = (0..2 * 171).map(|number| number % 2);
        assert_eq!(*self.0.lock().unwrap(), Vec::from_iter(turns));
    }
}

#[test]
fn wires() {
    let [
        rendezvous,
        bounded,
        select,
        receive_later,
        select_later,
        turns,
    ] = [(); 6].map(|()| Trace::new());
    wire_pool::run(|| {
        let channel = leak(Channel::new());
        wires::through(channel, PLAN, move |message| rendezvous.add(message));
        let channel = leak(Channel::<_, 64>::bounded());
        wires::through(channel, PLAN, move |message| bounded.add(message));
        wires::select(PLAN, move |message| select.add(message));
        wires::receive_later(PLAN, move |message| receive_later.add(message));
        wires::select_later(PLAN, move |message| select_later.add(message));
        wires::hand_over(PLAN, move |who| turns.add(who as u64));
    });
    for trace in [rendezvous, bounded, select, receive_later, select_later] {
        trace.is_of_messages();
    }
    turns.is_of_turns();
}

#[test]
fn tasks() {
    let [one, many, tried, select, turns] = [(); 5].map(|()| Trace::new());
    bench_core::participant::tokio::block_on(async move {
        tokio::messages::<1>(PLAN, move |message| one.add(message)).await;
        tokio::messages::<64>(PLAN, move |message| many.add(message)).await;
        tokio::messages_trying::<64>(PLAN, move |message| tried.add(message)).await;
        tokio::select(PLAN, move |message| select.add(message)).await;
        tokio::hand_over(PLAN, move |who| turns.add(who as u64)).await;
    });
    for trace in [one, many, tried, select] {
        trace.is_of_messages();
    }
    turns.is_of_turns();
}

#[test]
fn coroutines_of_may() {
    let [one, many, turns] = [(); 3].map(|()| Trace::new());
    bench_core::participant::may::in_coroutine(move || {
        may::messages::<1>(PLAN, move |message| one.add(message));
        may::messages::<64>(PLAN, move |message| many.add(message));
        may::hand_over(PLAN, move |who| turns.add(who as u64));
    });
    for trace in [one, many] {
        trace.is_of_messages();
    }
    turns.is_of_turns();
}

#[test]
fn a_thread_with_a_channel_of_crossbeam() {
    let trace = Trace::new();
    crossbeam::messages(PLAN, |message| trace.add(message));
    // Both parts begin to count.
    let expected = (0..21).chain(0..150);
    assert_eq!(*trace.0.lock().unwrap(), Vec::from_iter(expected));
}
