//! Several permits at a time.
#[path = "../../wire-wait/tests/common/mod.rs"]
mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{Trace, leak, run_stuck, settle, spawn, stack};
use wire_core::{Interrupt, JoinHandle, Wire, outside, run, yield_now};
use wire_lock::Semaphore;
use wire_wait::{Source, wait};

fn semaphore(permits: usize) -> &'static Semaphore {
    leak(Semaphore::new(permits))
}

/// Wires that wait for so many permits and keep them, and note that in `trace`.
fn waiting<const N: usize>(
    semaphore: &'static Semaphore,
    trace: &Trace<usize>,
    wanted: [usize; N],
) -> [JoinHandle<'static, Result<(), Interrupt>>; N] {
    wanted.map(|wanted| {
        let trace = trace.clone();
        let wire = spawn("waits", move || {
            semaphore.take_many(wanted)?;
            trace.add(wanted);
            Ok(())
        });
        settle();
        wire
    })
}

#[test]
fn who_waits_for_many_is_not_passed_by_those_who_want_few() {
    let (semaphore, trace) = (semaphore(2), Trace::new());
    run(|| {
        let wires = waiting(semaphore, &trace, [5, 1, 2]);
        // What was left is kept for the first.
        assert_eq!(semaphore.available(), 0);
        assert!(!semaphore.try_take() && semaphore.try_acquire().is_none());
        semaphore.add(2);
        settle();
        assert_eq!(trace.take(), []);
        semaphore.add(1);
        // It has them, and nobody else, before it runs.
        assert!(!semaphore.try_take());
        settle();
        assert_eq!(trace.take(), [5]);
        semaphore.add(2);
        settle();
        assert_eq!(trace.take(), [1]);
        assert_eq!(semaphore.available(), 0, "one is kept for the third");
        semaphore.add(1);
        for wire in wires {
            assert_eq!(wire.join().unwrap(), Ok(()));
        }
        assert_eq!((trace.take(), semaphore.available()), (vec![2], 0));
    });
}

#[test]
fn what_is_added_at_once_serves_all_it_is_enough_for_in_their_order() {
    let (semaphore, trace) = (semaphore(0), Trace::new());
    run(|| {
        let wires = waiting(semaphore, &trace, [3, 1, 4, 9, 2]);
        semaphore.add(10);
        settle();
        assert_eq!((trace.take(), semaphore.available()), (vec![3, 1, 4], 0));
        semaphore.add(9);
        settle();
        assert_eq!((trace.take(), semaphore.available()), (vec![9, 2], 0));
        semaphore.add(7);
        assert_eq!(semaphore.available(), 7);
        assert!(wires.iter().all(JoinHandle::is_finished));
    });
}

#[test]
fn who_gives_up_leaves_what_was_kept_for_it_to_those_behind() {
    let (semaphore, trace) = (semaphore(3), Trace::new());
    run(|| {
        let [first, second, third] = waiting(semaphore, &trace, [5, 4, 2]);
        first.cancel();
        settle();
        assert_eq!(trace.take(), [], "three are not enough for the second");
        assert!(!semaphore.try_take());
        second.cancel();
        settle();
        assert_eq!((trace.take(), semaphore.available()), (vec![2], 1));
        for wire in [first, second] {
            assert_eq!(wire.join().unwrap(), Err(Interrupt::Cancelled));
        }
        assert_eq!(third.join().unwrap(), Ok(()));
        // Cancelled when it was served, but had not run: it has them.
        let [served] = waiting(semaphore, &trace, [2]);
        semaphore.release();
        served.cancel();
        assert_eq!(served.join().unwrap(), Ok(()));
        assert_eq!(semaphore.available(), 0);
    });
}

#[test]
fn one_who_waits_for_other_things_too_keeps_its_place_behind_one_who_wants_many() {
    let (semaphore, trace) = (semaphore(1), Trace::new());
    run(|| {
        let _wires = waiting(semaphore, &trace, [3]);
        let trace_too = trace.clone();
        let arm = spawn("arm", move || {
            let permit = wait(&semaphore).unwrap();
            trace_too.add(permit.count());
            permit.forget();
        });
        settle();
        let _wires = waiting(semaphore, &trace, [2]);
        semaphore.add(3);
        settle();
        assert_eq!(trace.take(), [3, 1]);
        semaphore.add(2);
        settle();
        assert_eq!((trace.take(), semaphore.available()), (vec![2], 0));
        arm.join().unwrap();
    });
}

#[test]
fn none_at_all_are_had_at_once_and_guards_give_back_what_they_are() {
    let semaphore = semaphore(4);
    run(|| {
        let some = semaphore.acquire_many(3).unwrap();
        assert_eq!((some.count(), semaphore.available()), (3, 1));
        assert!(semaphore.try_acquire_many(2).is_none());
        let waits = spawn("waits", || semaphore.acquire_many(2).map(drop));
        settle();
        // Though somebody waits.
        let none = semaphore.acquire_many(0).unwrap();
        assert_eq!(none.count(), 0);
        assert!(semaphore.try_take_many(0));
        drop(none);
        assert!(!waits.is_finished());
        drop(some);
        assert_eq!(waits.join().unwrap(), Ok(()));
        assert_eq!(semaphore.available(), 4);
        semaphore.try_acquire_many(3).unwrap().forget();
        assert_eq!(semaphore.available(), 1);
    });
}

#[test]
fn a_wake_up_without_permits_ends_no_wait_and_costs_nobody_a_permit() {
    let (semaphore, trace) = (semaphore(1), Trace::new());
    let wires = [(); 3].map(|()| leak(Wire::new()));
    run(|| {
        let waiting = [2, 2, 1].map(|wanted| wanted).into_iter().zip(wires);
        let waiting: Vec<_> = waiting
            .map(|(wanted, wire)| {
                let trace = trace.clone();
                let waits = move || {
                    semaphore.take_many(wanted).unwrap();
                    trace.add(wanted);
                };
                let wire = wire.spawn(stack(), "waits", waits).unwrap();
                settle();
                wire
            })
            .collect();
        wires.iter().for_each(|wire| outside::unblock(wire));
        settle();
        let source = &semaphore;
        assert_eq!(source.queue().wake_all(), 2, "one is in front");
        assert_eq!(semaphore.available(), 0);
        yield_now();
        assert!(waiting.iter().all(|wire| !wire.is_finished()));
        // They have lined up again.
        semaphore.release();
        settle();
        assert_eq!(trace.take(), [2]);
        source.queue().wake_one();
        settle();
        assert_eq!(trace.take(), [], "there is nothing to have");
        semaphore.add(3);
        settle();
        assert_eq!((trace.take(), semaphore.available()), (vec![2, 1], 0));
    });
}

#[test]
fn more_than_there_will_ever_be_is_told_as_stuck() {
    let semaphore = semaphore(2);
    let (_, report) = run_stuck(|| semaphore.acquire_many(3).map(drop));
    let line = format!("wire 'main' waits: semaphore at {semaphore:p}");
    assert_eq!(report, [line]);
    assert_eq!(semaphore.available(), 2);
}

#[test]
fn adding_too_many_changes_nothing() {
    let semaphore = semaphore(3);
    let added = catch_unwind(AssertUnwindSafe(|| semaphore.add(usize::MAX - 2)));
    assert!(added.is_err());
    assert_eq!(semaphore.available(), 3);
    // What somebody waits for is no reason to refuse it.
    run(|| {
        let waits = spawn("waits", || semaphore.take_many(10));
        settle();
        semaphore.add(usize::MAX);
        assert_eq!(waits.join().unwrap(), Ok(()));
        assert_eq!(semaphore.available(), usize::MAX - 7);
    });
}
