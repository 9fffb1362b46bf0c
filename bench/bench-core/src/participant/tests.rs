//! That all do the same: they take turns, first in, first out.

use std::sync::Mutex;

use bench_harness::Plan;

use super::{corosensei, may, tokio, wires};

const PLAN: Plan = Plan {
    operations: 5,
    warm_up: 2,
};

type Trace = &'static Mutex<Vec<usize>>;

fn trace() -> Trace {
    Box::leak(Box::default())
}

fn takes_turns(trace: Trace, number: usize) {
    let trace = trace.lock().unwrap();
    assert_eq!(trace.len(), 7 * number);
    for (at, who) in trace.iter().enumerate() {
        assert_eq!(*who, at % number, "{trace:?}");
    }
}

#[test]
fn wires_take_turns() {
    let (yields, switches) = (trace(), trace());
    wire_pool::run(|| {
        wires::yields(3, PLAN, |who| yields.lock().unwrap().push(who));
        wires::switch(PLAN, |who| switches.lock().unwrap().push(who));
    });
    takes_turns(yields, 3);
    takes_turns(switches, 2);
}

#[test]
fn coroutines_take_turns() {
    let yields = trace();
    corosensei::yields(corosensei::arena(3), PLAN, Box::new, |who| {
        yields.lock().unwrap().push(who)
    });
    takes_turns(yields, 3);
}

#[test]
fn tasks_take_turns() {
    let (yields, switches) = (trace(), trace());
    tokio::block_on(async {
        tokio::yields(3, PLAN, |who| yields.lock().unwrap().push(who)).await;
        tokio::switch(PLAN, |who| switches.lock().unwrap().push(who)).await;
    });
    takes_turns(yields, 3);
    takes_turns(switches, 2);
}

#[test]
fn coroutines_of_may_take_turns() {
    let (yields, switches) = (trace(), trace());
    may::in_coroutine(|| {
        may::yields(3, PLAN, |who| yields.lock().unwrap().push(who));
        may::switch(PLAN, |who| switches.lock().unwrap().push(who));
    });
    takes_turns(yields, 3);
    takes_turns(switches, 2);
}
