//! What waiting for the first of several promises.
mod common;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{Trace, leak, run_stuck, settle, spawn};
use wire_core::{Interrupt, WaitQueue, run, yield_now};
use wire_wait::{Either, Source, Wakeup, on, try_any, wait, wait_any, wait_two};

/// Items that are taken one by one: a source made without `unsafe`.
#[derive(Default)]
struct Tickets {
    left: Cell<u32>,
    queue: WaitQueue,
}

impl Tickets {
    fn add(&self, count: u32) {
        self.left.set(self.left.get() + count);
        while self.left.get() > 0 && self.queue.wake_one() {}
    }
}

impl Source for Tickets {
    type Item = u32;
    fn try_take(&self) -> Option<u32> {
        let number = self.left.get();
        self.left.set(number.checked_sub(1)?);
        Some(number)
    }
    fn queue(&self) -> &WaitQueue {
        &self.queue
    }
}

#[test]
fn the_first_that_is_ready_wins_and_the_others_lose_nothing() {
    let (a, b, c) = (Tickets::default(), Tickets::default(), Tickets::default());
    b.add(2);
    c.add(3);
    let arms: &[&dyn wire_wait::Arm<_>] = &[
        &on(&a, |n| ('a', n)),
        &on(&b, |n| ('b', n)),
        &on(&c, |n| ('c', n)),
    ];
    run(|| {
        assert_eq!(wait_any(arms), Ok(('b', 2)));
        assert_eq!(wait_any(arms), Ok(('b', 1)));
        assert_eq!(wait_any(arms), Ok(('c', 3)));
    });
    assert_eq!(try_any(arms), Some(('c', 2)));
    assert_eq!((a.left.get(), b.left.get(), c.left.get()), (0, 0, 1));
}

#[test]
fn the_first_that_becomes_ready_wins() {
    let (a, b): (&Tickets, &Wakeup) = (leak(Tickets::default()), leak(Wakeup::new()));
    run(|| {
        let waiting = spawn("waiting", || wait_two(a, b));
        settle();
        assert!(!a.queue.is_empty() && !b.queue().is_empty());
        b.resume();
        // Decided; what comes now is not for it.
        assert!(a.queue.is_empty() && b.queue().is_empty());
        a.add(1);
        assert_eq!(waiting.join().unwrap(), Ok(Either::Second(())));
        assert_eq!(a.left.get(), 1);
    });
}

#[test]
fn those_who_wait_for_one_and_for_several_are_served_in_their_order() {
    let (a, b) = (leak(Tickets::default()), leak(Tickets::default()));
    let trace = Trace::new();
    run(|| {
        for number in 0..4 {
            let trace = trace.clone();
            spawn("waiting", move || {
                let item = if number % 2 == 0 {
                    wait(a).map(Either::First)
                } else {
                    wait_two(a, b)
                };
                trace.add((number, item.unwrap()));
            })
            .detach();
        }
        settle();
        a.add(2);
        // What 0 and 1 got is theirs; nobody can come in between.
        assert_eq!(a.try_take(), None);
        b.add(1);
        a.add(1);
        settle();
        assert_eq!(
            trace.take(),
            [
                (0, Either::First(2)),
                (1, Either::First(1)),
                (3, Either::Second(1)),
                (2, Either::First(1))
            ]
        );
    });
}

#[test]
fn a_wake_up_goes_to_the_next_if_the_first_was_served_elsewhere() {
    let (a, b) = (leak(Tickets::default()), leak(Tickets::default()));
    run(|| {
        let both = spawn("both", || wait_two(a, b));
        settle();
        let one = spawn("one", || wait(b));
        settle();
        a.add(1);
        b.add(1);
        assert_eq!(one.join().unwrap(), Ok(1));
        assert_eq!(both.join().unwrap(), Ok(Either::First(1)));
    });
}

#[test]
fn every_end_of_a_wait_takes_the_links_out() {
    let (a, b) = (leak(Tickets::default()), leak(Wakeup::new()));
    run(|| {
        let waiting = spawn("cancelled", || wait_two(a, b));
        settle();
        waiting.cancel();
        assert_eq!(waiting.join().unwrap(), Err(Interrupt::Cancelled));
        assert!(a.queue.is_empty() && b.queue().is_empty());
        let waiting = spawn("panics", || {
            wait_any::<()>(&[&on(a, |_| panic!("as told"))])
        });
        settle();
        a.add(1);
        assert!(waiting.join().is_err());
        assert!(a.queue.is_empty());
    });
}

#[test]
fn what_was_taken_is_returned_even_to_a_cancelled_wire() {
    let (a, b) = (leak(Tickets::default()), leak(Wakeup::new()));
    run(|| {
        for cancel_first in [false, true] {
            let waiting = spawn("waiting", || (wait_two(a, b), wait_two(a, b)));
            settle();
            if cancel_first {
                waiting.cancel();
            }
            a.add(1);
            waiting.cancel();
            let (first, second) = waiting.join().unwrap();
            assert_eq!(first, Ok(Either::First(1)));
            assert_eq!(second, Err(Interrupt::Cancelled));
        }
    });
}

#[test]
fn a_source_that_was_woken_for_nothing_is_waited_for_again() {
    let a = leak(Tickets::default());
    run(|| {
        let waiting = spawn("waiting", || wait(a));
        settle();
        assert!(a.queue.wake_one());
        assert!(a.queue.is_empty());
        settle();
        assert!(!waiting.is_finished() && !a.queue.is_empty());
        a.add(1);
        assert_eq!(waiting.join().unwrap(), Ok(1));
    });
}

#[test]
fn between_a_waking_for_nothing_and_the_next_look_nobody_comes_in_between() {
    let (a, b) = (leak(Tickets::default()), leak(Tickets::default()));
    run(|| {
        let waiting = spawn("waiting", || wait_two(a, b));
        settle();
        a.queue.wake_one();
        b.add(1);
        assert_eq!(b.try_take(), None);
        assert_eq!(waiting.join().unwrap(), Ok(Either::Second(1)));
    });
}

/// A source that does what it must not when it is asked by the one who made it ready.
struct Foul {
    inner: Tickets,
    calls: Cell<u32>,
    fault: fn(),
}

impl Source for Foul {
    type Item = u32;
    fn try_take(&self) -> Option<u32> {
        self.calls.set(self.calls.get() + 1);
        if self.calls.get() == 2 {
            (self.fault)();
        }
        self.inner.try_take()
    }
    fn queue(&self) -> &WaitQueue {
        &self.inner.queue
    }
}

#[test]
fn a_source_that_panics_or_waits_hurts_nobody_else() {
    for fault in [
        || panic!("as told"),
        || wire_core::suspend().unwrap(),
        || wire_core::scope(|_| ()),
    ] {
        let foul = leak(Foul {
            inner: Tickets::default(),
            calls: Cell::new(0),
            fault,
        });
        run(|| {
            let waiting = spawn("waiting", || wait(foul));
            settle();
            foul.inner.add(1);
            // The one that waits was told to look itself.
            assert_eq!(waiting.join().unwrap(), Ok(1));
            // And this wire is a wire again.
            yield_now();
            assert!(wire_core::outside::in_wire());
        });
    }
}

/// A source that makes another one ready while it is asked.
struct Sly<'a>(&'a Tickets, Tickets);

impl Source for Sly<'_> {
    type Item = u32;
    fn try_take(&self) -> Option<u32> {
        let item = self.1.try_take()?;
        self.0.add(1);
        Some(item)
    }
    fn queue(&self) -> &WaitQueue {
        &self.1.queue
    }
}

#[test]
fn a_wait_is_decided_once() {
    let other = leak(Tickets::default());
    let sly = leak(Sly(other, Tickets::default()));
    run(|| {
        let waiting = spawn("waiting", || wait_two(sly, other));
        settle();
        sly.1.add(1);
        assert_eq!(waiting.join().unwrap(), Ok(Either::First(1)));
        assert_eq!(other.left.get(), 1);
        assert!(other.queue.is_empty());
    });
}

#[test]
fn an_arm_is_in_one_wait_at_a_time() {
    let (a, b) = (leak(Tickets::default()), leak(Wakeup::new()));
    let shared = leak(on(a, |n| n));
    let refused = |arms: &[&dyn wire_wait::Arm<u32>]| {
        catch_unwind(AssertUnwindSafe(|| try_any(arms))).is_err()
    };
    run(|| {
        assert!(refused(&[shared, shared]));
        let waiting = spawn("waiting", || wait_any(&[shared, &on(b, |()| 0)]));
        settle();
        assert!(refused(&[&on(a, |n| n), shared]));
        a.add(1);
        assert_eq!(waiting.join().unwrap(), Ok(1));
        a.add(1);
        assert!(!refused(&[shared]), "it is free again");
    });
}

#[test]
fn an_arm_serves_again_and_its_function_may_wait_itself() {
    let (a, b) = (leak(Tickets::default()), leak(Wakeup::new()));
    run(|| {
        let waiting = spawn("waiting", || {
            let mut sum = 0;
            let arm = on(a, |n| {
                b.wait().unwrap();
                sum += n;
                sum
            });
            (0..3)
                .map(|_| wait_any(&[&arm]).unwrap())
                .collect::<Vec<_>>()
        });
        settle();
        a.add(1);
        settle();
        a.add(2);
        b.resume();
        assert_eq!(waiting.join().unwrap(), [1, 3, 4]);
    });
}

#[test]
fn any_number_of_sources_will_do() {
    let sources: &[Tickets] = leak(Vec::from_iter((0..200).map(|_| Tickets::default())));
    run(|| {
        let waiting = spawn("waiting", || {
            let arms: Vec<_> = (sources.iter().enumerate())
                .map(|(index, source)| on(source, move |_| index))
                .collect();
            let arms: Vec<&dyn wire_wait::Arm<usize>> = arms.iter().map(|arm| arm as _).collect();
            [(); 2].map(|()| wait_any(&arms).unwrap())
        });
        settle();
        sources[137].add(1);
        settle();
        sources[3].add(1);
        assert_eq!(waiting.join().unwrap(), [137, 3]);
        assert!(sources.iter().all(|source| source.queue.is_empty()));
    });
}

#[test]
fn the_stuck_report_names_the_source_or_says_that_there_are_several() {
    let (a, b) = (Tickets::default(), Wakeup::new());
    let waiting = run_stuck(|| wait(&a)).1;
    assert_eq!(waiting, [format!("wire 'main' waits: source at {:p}", &a)]);
    let waiting = run_stuck(|| wait_two(&a, &b)).1;
    assert_eq!(waiting, ["wire 'main' waits: first of several"]);
    let waiting = run_stuck(|| wait_any::<()>(&[])).1;
    assert_eq!(waiting, ["wire 'main' waits: first of several"]);
}

#[test]
fn a_wire_that_unwinds_takes_what_is_there_and_waits_for_nothing() {
    struct Takes(&'static Tickets, Trace<Result<u32, Interrupt>>);
    impl Drop for Takes {
        fn drop(&mut self) {
            self.1.add(wait(self.0));
            self.1.add(wait(self.0));
        }
    }
    let (a, trace) = (leak(Tickets::default()), Trace::new());
    a.add(1);
    run(|| {
        let takes = Takes(a, trace.clone());
        let unwinding = spawn("unwinding", || {
            let _takes = takes;
            panic!("as told");
        });
        assert!(unwinding.join().is_err());
    });
    assert_eq!(trace.take(), [Ok(1), Err(Interrupt::Unwinding)]);
    assert!(a.queue.is_empty());
}
