//! Semaphores and wait groups.
#[path = "../../wire-wait/tests/common/mod.rs"]
mod common;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{Trace, leak, run_stuck, settle, spawn};
use wire_core::{Interrupt, run, suspend, yield_now};
use wire_lock::{Semaphore, WaitGroup};
use wire_wait::{Either, wait, wait_two};

fn semaphore(permits: usize) -> &'static Semaphore {
    leak(Semaphore::new(permits))
}

fn group() -> &'static WaitGroup {
    leak(WaitGroup::new())
}

#[test]
fn so_many_at_a_time_in_the_order_of_coming() {
    let (semaphore, inside, trace) = (semaphore(2), leak(Cell::new(0)), Trace::new());
    run(|| {
        for number in 0..6 {
            let trace = trace.clone();
            spawn("worker", move || {
                let _permit = semaphore.acquire().unwrap();
                inside.set(inside.get() + 1);
                assert!(inside.get() <= 2);
                trace.add(number);
                (0..number).for_each(|_| yield_now());
                inside.set(inside.get() - 1);
            })
            .detach();
        }
    });
    assert_eq!(trace.take(), [0, 1, 2, 3, 4, 5]);
    assert_eq!(semaphore.available(), 2);
}

#[test]
fn a_released_permit_belongs_to_who_waits_longest() {
    let semaphore = semaphore(0);
    run(|| {
        let first = spawn("first", || {
            semaphore.acquire().map(|permit| permit.forget())
        });
        let second = spawn("second", || semaphore.take());
        settle();
        semaphore.release();
        assert_eq!(semaphore.available(), 0);
        assert!(!semaphore.try_take());
        assert_eq!(first.join().unwrap(), Ok(()));
        assert!(!second.is_finished());
        semaphore.add(3);
        assert_eq!(semaphore.available(), 2);
        assert_eq!(second.join().unwrap(), Ok(()));
    });
}

#[test]
fn a_cancelled_acquire_takes_nothing_and_a_served_one_keeps_it() {
    let semaphore = semaphore(0);
    run(|| {
        let cancelled = spawn("cancelled", || semaphore.take());
        settle();
        cancelled.cancel();
        assert_eq!(cancelled.join().unwrap(), Err(Interrupt::Cancelled));
        semaphore.release();
        assert_eq!(semaphore.available(), 1);
        assert!(semaphore.try_take());

        for cancel_first in [true, false] {
            let served = spawn("served", || {
                let permit = semaphore.acquire().unwrap();
                let result = suspend();
                drop(permit);
                result
            });
            settle();
            if cancel_first {
                served.cancel();
            }
            semaphore.release();
            served.cancel();
            assert_eq!(semaphore.available(), 0);
            assert_eq!(served.join().unwrap(), Err(Interrupt::Cancelled));
            assert_eq!(semaphore.available(), 1);
            assert!(semaphore.try_take());
        }
    });
}

#[test]
fn a_forgotten_permit_is_gone_and_a_dropped_one_is_not() {
    let semaphore = Semaphore::new(2);
    std::mem::forget(semaphore.try_acquire());
    drop(semaphore.try_acquire());
    assert_eq!(semaphore.available(), 1);
}

#[test]
fn too_many_permits_or_things_are_an_error() {
    let (semaphore, group) = (Semaphore::new(usize::MAX), WaitGroup::new());
    let panics = |f: &dyn Fn()| catch_unwind(AssertUnwindSafe(f)).is_err();
    assert!(panics(&|| semaphore.release()));
    assert_eq!(semaphore.available(), usize::MAX);
    assert!(panics(&|| group.done()));
    group.add(usize::MAX);
    assert!(panics(&|| group.add(1)));
    assert_eq!(group.count(), usize::MAX);
}

#[test]
fn a_permit_is_one_of_several_things_to_wait_for() {
    let (a, b) = (semaphore(0), semaphore(0));
    run(|| {
        let waiting = spawn("waiting", move || match wait_two(&a, &b).unwrap() {
            Either::First(_) => 'a',
            Either::Second(_) => 'b',
        });
        settle();
        b.release();
        a.release();
        assert_eq!((a.available(), b.available()), (1, 0));
        assert_eq!(waiting.join().unwrap(), 'b');
        assert_eq!((a.available(), b.available()), (1, 1));
    });
}

#[test]
fn a_group_is_waited_for_until_all_are_done() {
    let (group, trace) = (group(), Trace::new());
    run(|| {
        group.wait().unwrap();
        for number in 0..3 {
            let (pass, trace) = (group.enter(), trace.clone());
            spawn("thing", move || {
                (0..number).for_each(|_| yield_now());
                trace.add(number);
                drop(pass);
            })
            .detach();
        }
        let others = [(); 2].map(|()| spawn("other", || group.wait()));
        group.wait().unwrap();
        assert_eq!((group.count(), trace.take()), (0, vec![0, 1, 2]));
        assert!(
            others
                .into_iter()
                .all(|other| other.join().unwrap() == Ok(()))
        );
    });
}

#[test]
fn what_is_added_before_the_waiting_wire_runs_is_waited_for_too() {
    let group = group();
    run(|| {
        group.add(1);
        let waiting = spawn("waiting", || group.wait());
        let as_source = spawn("as source", || wait(group));
        settle();
        group.done();
        group.add(1);
        settle();
        assert!(!waiting.is_finished());
        // As one of several sources it is the moment that counts.
        assert_eq!(as_source.join().unwrap(), Ok(()));
        group.done();
        assert_eq!(waiting.join().unwrap(), Ok(()));
    });
}

#[test]
fn a_thing_that_panics_is_done_and_a_cancelled_wait_ends() {
    let group = group();
    run(|| {
        let pass = group.enter();
        let panicking = spawn("panicking", move || {
            let _pass = pass;
            suspend().unwrap_or_else(|interrupt| interrupt.unwind());
        });
        let waiting = spawn("waiting", || group.wait());
        settle();
        waiting.cancel();
        assert_eq!(waiting.join().unwrap(), Err(Interrupt::Cancelled));
        panicking.cancel();
        group.wait().unwrap();
    });
}

#[test]
fn the_stuck_report_names_what_is_waited_for() {
    let (semaphore, group) = (semaphore(0), group());
    std::mem::forget(group.enter());
    let (_, report) = run_stuck(|| {
        spawn("a", || semaphore.take()).detach();
        spawn("b", move || wait(&semaphore).map(drop)).detach();
        spawn("c", || wait(group)).detach();
        group.wait()
    });
    assert_eq!(
        report,
        [
            format!("wire 'main' waits: wait group at {group:p}"),
            format!("wire 'a' waits: semaphore at {semaphore:p}"),
            format!("wire 'b' waits: semaphore at {semaphore:p}"),
            format!("wire 'c' waits: wait group at {group:p}"),
        ]
    );
}
