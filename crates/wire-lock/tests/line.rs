//! The line of those who wait for a lock: the first stands apart, those behind in a queue, and those who wait for it to
//! be clear behind all.
#[path = "../../wire-wait/tests/common/mod.rs"]
mod common;

use std::cell::Cell;

use common::{Trace, leak, settle, spawn, stack};
use wire_core::{Interrupt, WaitQueue, Wire, outside, run};
use wire_lock::{Lock, Semaphore};
use wire_wait::{Arm, Either, Source, Wakeup, on, wait, wait_any, wait_two};

fn lock() -> &'static Lock {
    leak(Lock::new())
}

/// The first that waits stands apart from those behind, whether these wait for other things too or not.
#[test]
fn all_who_wait_are_one_line_however_they_wait() {
    let lock = lock();
    let wait_for_it = move |how| match how {
        "alone" => lock.lock().unwrap(),
        "as a source" => wait(&lock).unwrap(),
        _ => match wait_two(&lock, &Wakeup::new()).unwrap() {
            Either::First(guard) => guard,
            Either::Second(()) => unreachable!(),
        },
    };
    let kinds = ["alone", "as a source", "beside another"];
    for order in 0..27 {
        let hows = [0, 1, 2].map(|place| kinds[order / 3_usize.pow(place) % 3]);
        let trace = Trace::new();
        run(|| {
            lock.take().unwrap();
            let come = |name: usize| {
                let (trace, how) = (trace.clone(), hows[name % 3]);
                let waits = spawn("waits", move || {
                    let guard = wait_for_it(how);
                    trace.add(name);
                    drop(guard);
                });
                settle();
                waits
            };
            let waiting = [0, 1, 2].map(come);
            // One that comes before the next has run is behind all the same.
            lock.release();
            assert!(!lock.try_take());
            let last = come(3);
            for wire in waiting.into_iter().chain([last]) {
                wire.join().unwrap();
            }
        });
        assert_eq!(trace.take(), [0, 1, 2, 3], "{hows:?}");
        assert_eq!(format!("{lock:?}"), "Lock { held: false, awaited: false }");
    }
}

#[test]
fn one_that_gives_up_is_out_of_the_line_wherever_it_stood() {
    let lock = lock();
    for leaves in [
        vec![0],
        vec![1],
        vec![2],
        vec![0, 1],
        vec![1, 0],
        vec![0, 2],
        vec![2, 1, 0],
    ] {
        let trace = Trace::new();
        run(|| {
            lock.take().unwrap();
            let come = |name| {
                let trace = trace.clone();
                let waits = move || lock.lock().map(|_guard| trace.add(name));
                let wire = spawn("waits", waits);
                settle();
                wire
            };
            let mut waiting = vec![come(0), come(1), come(2)];
            for &name in &leaves {
                waiting[name].cancel();
                settle();
                assert!(waiting[name].is_finished());
            }
            waiting.push(come(3));
            lock.release();
            for (name, wire) in waiting.into_iter().enumerate() {
                let left = leaves.contains(&name);
                assert_eq!(wire.join().unwrap().is_err(), left);
            }
        });
        let expected: Vec<_> = (0..4).filter(|name| !leaves.contains(name)).collect();
        assert_eq!(trace.take(), expected);
        assert!(!lock.is_held());
    }
}

/// Whoever waits may be woken for other reasons, and anybody may wake the queue of a source.
#[test]
fn a_wake_up_without_the_lock_ends_no_wait_and_costs_nobody_the_lock() {
    let (lock, wires) = (lock(), [(); 3].map(|()| leak(Wire::new())));
    run(|| {
        lock.take().unwrap();
        let waiting = wires.map(|wire| {
            let waits = || lock.lock().map(|_guard| assert!(lock.is_held()));
            let waits = wire.spawn(stack(), "waits", waits).unwrap();
            settle();
            waits
        });
        let undisturbed = || {
            settle();
            assert!(waiting.iter().all(|wire| !wire.is_finished()));
            assert_eq!(format!("{lock:?}"), "Lock { held: true, awaited: true }");
        };
        wires.iter().for_each(|wire| outside::unblock(wire));
        undisturbed();
        let source = &lock;
        assert_eq!(source.queue().wake_all(), 2, "the first is in no queue");
        assert!(!lock.try_take());
        undisturbed();
        // Woken so, and released before they run: one of them finds it free, and nobody has it twice.
        source.queue().wake_all();
        lock.release();
        for wire in waiting {
            assert_eq!(wire.join().unwrap(), Ok(()));
        }
        assert!(!lock.is_held());
    });
}

#[test]
fn waiting_for_it_to_be_clear_is_behind_all_whenever_they_came() {
    let lock = lock();
    for clear_comes in 0..3 {
        let trace = Trace::new();
        run(|| {
            lock.take().unwrap();
            let come = |name: &'static str| {
                let trace = trace.clone();
                let waits = spawn(name, move || {
                    if name == "clear" {
                        lock.wait_clear().unwrap();
                        assert!(!lock.is_held());
                        trace.add(name);
                    } else {
                        let _guard = lock.lock().unwrap();
                        trace.add(name);
                    }
                });
                settle();
                waits
            };
            let mut names = vec!["a", "b"];
            names.insert(clear_comes, "clear");
            let waiting: Vec<_> = names.into_iter().map(come).collect();
            lock.release();
            let last = come("c");
            for wire in waiting.into_iter().chain([last]) {
                wire.join().unwrap();
            }
        });
        assert_eq!(trace.take(), ["a", "b", "c", "clear"], "{clear_comes}");
    }
}

#[test]
fn who_waited_for_it_to_be_clear_and_left_does_not_disturb_others() {
    let (lock, trace) = (lock(), Trace::new());
    run(|| {
        lock.take().unwrap();
        let clear = spawn("clear", || lock.wait_clear());
        settle();
        clear.cancel();
        assert_eq!(clear.join().unwrap(), Err(Interrupt::Cancelled));
        for number in 0..3 {
            let trace = trace.clone();
            let waits = move || lock.lock().map(|_guard| trace.add(number));
            spawn("waits", waits).detach();
        }
        // One who waits for it to be clear is told as well when the only one before gives up.
        let other = spawn("clear", || lock.wait_clear());
        settle();
        lock.release();
        assert_eq!(other.join().unwrap(), Ok(()));
        assert_eq!(trace.take(), [0, 1, 2]);
        lock.take().unwrap();
        let waits = spawn("waits", || lock.lock().map(drop));
        settle();
        let other = spawn("clear", || lock.wait_clear());
        settle();
        waits.cancel();
        assert!(waits.join().unwrap().is_err());
        lock.release();
        assert_eq!(other.join().unwrap(), Ok(()));
    });
}

#[test]
fn one_that_was_woken_for_nothing_finds_what_is_free_by_then() {
    let (lock, permits) = (lock(), leak(Semaphore::new(1)));
    run(|| {
        lock.take().unwrap();
        let first = spawn("first", || lock.take());
        settle();
        let second = spawn("second", || lock.take());
        settle();
        first.cancel();
        settle();
        let source = &lock;
        assert!(source.queue().wake_one());
        lock.release();
        assert!(!lock.is_held(), "nobody is in line");
        assert_eq!(second.join().unwrap(), Ok(()));
        assert!(lock.is_held());

        // The first keeps the only permit until it has run, and is in front.
        let first = spawn("first", || permits.take_many(2));
        settle();
        let second = spawn("second", || permits.take());
        settle();
        first.cancel();
        let source = &permits;
        assert!(source.queue().wake_one());
        assert_eq!(first.join().unwrap(), Err(Interrupt::Cancelled));
        assert_eq!(second.join().unwrap(), Ok(()));
        assert_eq!(permits.available(), 0);
    });
}

/// Something that is had by doing something else first: in the middle of a wait, of which other arms cannot win meanwhile.
struct Then<F: Fn()>(WaitQueue, F);

impl<F: Fn()> Source for Then<F> {
    type Item = ();

    fn try_take(&self) -> Option<()> {
        (self.1)();
        None
    }

    fn queue(&self) -> &WaitQueue {
        &self.0
    }
}

#[test]
fn a_release_passes_over_one_who_cannot_take_it_at_the_moment() {
    let (lock, permits) = (lock(), leak(Semaphore::new(0)));
    let armed = leak(Cell::new(false));
    let release_both = leak(Then(WaitQueue::new(), || {
        if armed.replace(false) {
            lock.release();
            permits.release();
        }
    }));
    run(|| {
        lock.take().unwrap();
        let first = spawn("first", move || {
            let arms: [&dyn Arm<char>; 3] = [
                &on(release_both, |()| 'r'),
                &on(&lock, |_| 'l'),
                &on(&permits, |_| 'p'),
            ];
            wait_any(&arms)
        });
        settle();
        let second = spawn("second", || lock.take());
        let third = spawn("third", || permits.take());
        settle();
        armed.set(true);
        release_both.queue().wake_one();
        assert!(lock.is_held() && permits.available() == 0);
        assert_eq!(second.join().unwrap(), Ok(()));
        assert_eq!(third.join().unwrap(), Ok(()));
        settle();
        // It has lined up again.
        assert!(!first.is_finished());
        lock.release();
        assert_eq!(first.join().unwrap(), Ok('l'));
    });
}
