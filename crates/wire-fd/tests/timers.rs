//! Sleeping and deadlines: rules 6 and 7 of the contract.
mod common;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use common::go;
use wire_core::{Interrupt, check_interrupt, run, shield, suspend, yield_now};
use wire_fd::{Elapsed, deadline, sleep, sleep_until, timeout};

/// Waits in a call that cannot fail.
fn forever() {
    loop {
        yield_now();
    }
}

const MS: Duration = Duration::from_millis(1);

#[test]
fn sleeps_are_not_short() {
    run(|| {
        for nanos in [1, 999, 50_000, 1_500_000] {
            let (start, time) = (Instant::now(), Duration::from_nanos(nanos));
            sleep(time).unwrap();
            assert!(start.elapsed() >= time);
        }
    });
}

#[test]
fn zero_and_past_return_at_once() {
    run(|| {
        let other = go(|| ());
        sleep(Duration::ZERO).unwrap();
        sleep_until(Instant::now() - MS).unwrap();
        assert!(!other.is_finished(), "nobody else got a turn");
        other.join().unwrap();
    });
}

#[test]
fn sleepers_wake_in_order() {
    run(|| {
        let order: Rc<RefCell<Vec<u64>>> = Rc::default();
        let wires: Vec<_> = [30, 10, 20, 1]
            .map(|ms| {
                let order = Rc::clone(&order);
                go(move || {
                    sleep(Duration::from_millis(ms)).unwrap();
                    order.borrow_mut().push(ms);
                })
            })
            .into();
        wires.into_iter().for_each(|wire| wire.join().unwrap());
        assert_eq!(*order.borrow(), [1, 10, 20, 30]);
    });
}

#[test]
fn the_far_future_is_no_overflow() {
    run(|| {
        let sleeper = go(|| sleep(Duration::MAX));
        assert_eq!(timeout(Duration::MAX, || 5), Ok(5));
        yield_now();
        sleeper.cancel();
        assert_eq!(sleeper.join().unwrap(), Err(Interrupt::Cancelled));
    });
}

#[test]
fn a_thousand_sleepers_cost_no_more_than_the_longest() {
    run(|| {
        let start = Instant::now();
        let wires: Vec<_> = (0..1000).map(|_| go(|| sleep(20 * MS).unwrap())).collect();
        wires.into_iter().for_each(|wire| wire.join().unwrap());
        assert!(start.elapsed() < Duration::from_secs(2));
    });
}

#[test]
fn a_deadline_bounds_every_wait() {
    run(|| {
        let late = Err(Interrupt::DeadlinePassed);
        assert_eq!(timeout(MS, suspend), Ok(late));
        assert_eq!(timeout(MS, || sleep(Duration::from_secs(60))), Ok(late));
        let other = go(suspend);
        assert_eq!(timeout(MS, || other.wait()), Ok(late));
        other.cancel();
        assert!(other.join().is_ok());
        assert_eq!(timeout(MS, forever), Err::<(), _>(Elapsed));
        // Every wait inside, also after the first; none after the scope.
        assert_eq!(timeout(MS, || (suspend(), suspend())), Ok((late, late)));
        assert_eq!(check_interrupt(), Ok(()));
        sleep(MS).unwrap();
    });
}

#[test]
fn nested_deadlines() {
    run(|| {
        let start = Instant::now();
        // The nearer one inside: only that scope ends.
        let inner = timeout(Duration::from_secs(60), || {
            let inner = timeout(MS, forever);
            assert_eq!(inner, Err::<(), _>(Elapsed));
            check_interrupt()
        });
        assert_eq!(inner, Ok(Ok(())));
        // The nearer one outside: the inner scope is left by unwinding too.
        let outer = timeout(2 * MS, || {
            let _ = timeout(Duration::from_secs(60), forever);
            unreachable!()
        });
        assert_eq!(outer, Err::<(), _>(Elapsed));
        assert!(start.elapsed() < Duration::from_secs(5));
    });
}

#[test]
fn a_deadline_in_the_past_ends_the_first_wait() {
    run(|| {
        assert_eq!(
            timeout(Duration::ZERO, suspend),
            Ok(Err(Interrupt::DeadlinePassed))
        );
        assert_eq!(
            deadline(Instant::now() - MS, suspend),
            Ok(Err(Interrupt::DeadlinePassed))
        );
        assert_eq!(timeout(Duration::ZERO, || 3), Ok(3));
    });
}

#[test]
fn both_scopes_too_late_unwind_to_the_outer() {
    run(|| {
        let result = timeout(2 * MS, || {
            let inner = timeout(MS, || {
                std::thread::sleep(10 * MS);
                forever()
            });
            panic!("the inner scope returned {inner:?}")
        });
        assert_eq!(result, Err::<(), _>(Elapsed));
    });
}

#[test]
fn a_cancellation_is_not_taken_for_a_deadline() {
    run(|| {
        let wire = go(|| {
            let _ = timeout(Duration::from_secs(60), forever);
            unreachable!()
        });
        yield_now();
        wire.cancel();
        assert!(matches!(
            wire.join(),
            Err::<(), _>(wire_core::JoinError::Cancelled)
        ));
    });
}

#[test]
fn a_shield_puts_a_deadline_off() {
    run(|| {
        let result = timeout(MS, || {
            let slept = shield(|| sleep(10 * MS));
            (slept, check_interrupt())
        });
        assert_eq!(result, Ok((Ok(()), Err(Interrupt::DeadlinePassed))));
    });
}

#[test]
fn a_panic_passes_through_and_takes_the_deadline_off() {
    run(|| {
        let caught = std::panic::catch_unwind(|| timeout(MS, || -> () { panic!("inside") }));
        assert!(caught.is_err());
        sleep(5 * MS).unwrap();
    });
}

#[test]
fn outside_a_wire_sleep_is_the_plain_one() {
    let start = Instant::now();
    sleep(2 * MS).unwrap();
    assert!(start.elapsed() >= 2 * MS);
    assert_eq!(timeout(MS, || 1), Ok(1));
}

#[test]
fn the_outer_deadline_counts_after_an_inner_one_has_passed() {
    run(|| {
        let start = Instant::now();
        let mut rounds = 0;
        let outer = timeout(500 * MS, || {
            loop {
                let _ = timeout(5 * MS, suspend);
                check_interrupt()?;
                rounds += 1;
            }
            #[allow(unreachable_code)]
            Ok::<(), Interrupt>(())
        });
        assert_eq!(outer, Ok(Err(Interrupt::DeadlinePassed)));
        assert!(
            (2..=100).contains(&rounds),
            "{rounds} rounds of 5 ms in 500 ms"
        );
        // Nor does a sleep after the inner scope outlast the outer one.
        let slept = timeout(20 * MS, || {
            let _ = timeout(MS, suspend);
            sleep(Duration::from_secs(60))
        });
        assert_eq!(slept, Ok(Err(Interrupt::DeadlinePassed)));
        assert!(start.elapsed() < Duration::from_secs(10));
    });
}

#[test]
fn a_run_in_which_the_monitor_had_no_turn_does_no_harm_to_the_next() {
    run(|| assert_eq!(timeout(Duration::from_secs(60), || 1), Ok(1)));
    run(|| sleep(MS)).unwrap();
    let panicked = std::panic::catch_unwind(|| {
        run(|| {
            let _ = timeout(Duration::from_secs(60), || ());
            panic!("before anyone else had a turn");
        })
    });
    assert!(panicked.is_err());
    run(|| sleep(MS)).unwrap();
}

#[test]
fn a_scope_that_is_over_does_not_hide_that_all_are_stuck() {
    let start = Instant::now();
    let mut stuck = 0;
    let mut told = |_| stuck += 1;
    let ended = wire_core::Runtime::new().on_stuck(&mut told).run(|| {
        assert_eq!(timeout(Duration::from_secs(3600), || 1), Ok(1));
        suspend()
    });
    assert_eq!(ended, Ok(Err(Interrupt::Cancelled)));
    assert_eq!(stuck, 1);
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_hundred_thousand_sleepers_all_wake_and_none_early() {
    const COUNT: usize = 100_000;
    const SIZE: usize = 64 * 1024;
    let arena = wire_stack::Arena::builder().count(COUNT).stack_size(SIZE);
    let arena = arena.build().unwrap();
    let wires: Vec<_> = (0..COUNT).map(|_| wire_core::Wire::new()).collect();
    let woken = std::cell::Cell::new(0);
    run(|| {
        wire_core::scope(|s| {
            for (n, wire) in wires.iter().enumerate() {
                // Lengths in no order, equal ones among them.
                let length = Duration::from_micros((n as u64 * 7919) % 4096 * 100);
                let woken = &woken;
                let sleeper = move || {
                    let start = Instant::now();
                    sleep(length).unwrap();
                    assert!(start.elapsed() >= length);
                    woken.set(woken.get() + 1);
                };
                s.spawn(wire, arena.stack().unwrap(), "sleeper", sleeper)
                    .unwrap();
            }
        });
    });
    assert_eq!(woken.get(), COUNT);
}

#[test]
fn a_sleep_that_was_ended_wakes_nobody_later() {
    run(|| {
        let slept = timeout(MS, || sleep(5 * MS));
        assert_eq!(slept, Ok(Err(Interrupt::DeadlinePassed)));
        // The moment of that sleep comes while the wire waits for something else.
        let suspended = timeout(30 * MS, suspend);
        assert_eq!(suspended, Ok(Err(Interrupt::DeadlinePassed)));
    });
}
