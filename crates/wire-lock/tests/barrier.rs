//! Barriers.
#[path = "../../wire-wait/tests/common/mod.rs"]
mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{Trace, leak, run_stuck, settle, spawn};
use wire_core::{Interrupt, run, yield_now};
use wire_lock::Barrier;

#[test]
fn all_go_on_together_round_after_round_with_one_leader_each() {
    let (barrier, trace) = (leak(Barrier::new(3)), Trace::new());
    run(|| {
        for number in 0..3 {
            let trace = trace.clone();
            let rounds = move || {
                for round in 0..3 {
                    (0..number).for_each(|_| yield_now());
                    trace.add((round, "came"));
                    let leader = barrier.wait().unwrap().is_leader();
                    trace.add((round, if leader { "leads" } else { "goes on" }));
                }
            };
            spawn("comes", rounds).detach();
        }
    });
    let told = trace.take();
    for round in 0..3 {
        let this: Vec<_> = told.iter().filter(|(r, _)| *r == round).collect();
        let names: Vec<_> = this.iter().map(|(_, what)| *what).collect();
        assert_eq!(names[..3], ["came"; 3], "{told:?}");
        assert_eq!(names.iter().filter(|what| **what == "leads").count(), 1);
        assert_eq!(names.len(), 6);
    }
    assert_eq!(barrier.waiting(), 0);
}

#[test]
fn who_is_interrupted_has_not_come_unless_it_was_let_through() {
    let barrier = leak(Barrier::new(3));
    run(|| {
        let wait = || barrier.wait();
        let (first, second) = (spawn("first", wait), spawn("second", wait));
        settle();
        assert_eq!(barrier.waiting(), 2);
        first.cancel();
        assert_eq!(first.join().unwrap(), Err(Interrupt::Cancelled));
        assert_eq!(barrier.waiting(), 1);
        let third = spawn("third", wait);
        settle();
        assert!(!second.is_finished() && !third.is_finished());
        assert!(barrier.wait().unwrap().is_leader());
        // Cancelled after that, before they ran.
        second.cancel();
        third.cancel();
        for wire in [second, third] {
            assert!(!wire.join().unwrap().unwrap().is_leader());
        }
        assert_eq!(barrier.waiting(), 0);
    });
}

#[test]
fn too_few_is_a_stuck_report_and_no_wire_a_panic_that_leaves_nothing() {
    let barrier = leak(Barrier::new(2));
    let (_, report) = run_stuck(|| spawn("a", || barrier.wait()).join().map(drop));
    let expected = format!("wire 'a' waits: barrier at {barrier:p}");
    assert!(report.contains(&expected), "{report:?}");
    let outside = AssertUnwindSafe(|| barrier.wait());
    assert!(catch_unwind(outside).is_err());
    assert_eq!(barrier.waiting(), 0);
    assert!(Barrier::new(0).wait().unwrap().is_leader());
}
