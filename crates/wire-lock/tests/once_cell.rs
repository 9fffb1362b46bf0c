//! Values made once.
#[path = "../../wire-wait/tests/common/mod.rs"]
mod common;

use std::cell::Cell;
use std::rc::Rc;

use common::{leak, run_stuck, settle, spawn};
use wire_core::{Interrupt, JoinError, run, suspend, yield_now};
use wire_lock::OnceCell;

#[test]
fn one_makes_it_and_the_others_wait_for_that() {
    let cell = leak(OnceCell::new());
    let made = Rc::new(Cell::new(0));
    run(|| {
        let wires = [1, 2, 3].map(|number| {
            let made = Rc::clone(&made);
            spawn("asks", move || {
                cell.get_or_init(|| {
                    made.set(made.get() + 1);
                    yield_now();
                    number
                })
                .copied()
            })
        });
        yield_now();
        assert_eq!(cell.get(), None);
        assert_eq!(cell.set(9), Err(9), "somebody makes it");
        for wire in wires {
            assert_eq!(wire.join().unwrap(), Ok(1));
        }
    });
    assert_eq!(made.get(), 1);
    assert_eq!(cell.set(9), Err(9));
}

#[test]
fn if_making_fails_panics_or_is_cancelled_the_next_one_tries() {
    let cell = leak(OnceCell::new());
    run(|| {
        let fails = spawn("fails", || {
            let result = cell.get_or_try_init(|| {
                yield_now();
                Err("no")
            });
            result.unwrap().copied()
        });
        let panics = spawn("panics", || {
            let _ = cell.get_or_init(|| {
                yield_now();
                panic!("on purpose")
            });
        });
        let cancelled = spawn("cancelled", || {
            let _ = cell.get_or_init(|| match suspend() {
                Ok(()) => 1,
                Err(interrupt) => interrupt.unwind(),
            });
        });
        let last = spawn("last", || cell.get_or_init(|| 17).copied());
        settle();
        assert_eq!(fails.join().unwrap(), Err("no"));
        assert!(matches!(panics.join(), Err(JoinError::Panicked(_))));
        assert!(!last.is_finished());
        cancelled.cancel();
        assert!(matches!(cancelled.join(), Err(JoinError::Cancelled)));
        assert_eq!(last.join().unwrap(), Ok(17));
    });
    assert_eq!(cell.get(), Some(&17));
}

#[test]
fn nobody_comes_in_before_the_one_that_tries_next() {
    let cell = leak(OnceCell::new());
    run(|| {
        let fails = spawn("fails", || {
            let result = cell.get_or_try_init(|| suspend().map_or(Err(()), |()| Err(())));
            assert_eq!(result, Ok(Err(())));
            // The next one has not run yet, and others wait behind it.
            assert_eq!(cell.set(9), Err(9));
            cell.get_or_init(|| 8).copied()
        });
        let [next, behind] =
            [1, 2].map(|value| spawn("waits", move || cell.get_or_init(|| value).copied()));
        settle();
        fails.handle().resume();
        for wire in [fails, next, behind] {
            assert_eq!(wire.join().unwrap(), Ok(1));
        }
    });
}

#[test]
fn an_interrupt_ends_the_wait_for_another_ones_making() {
    let cell = leak(OnceCell::new());
    run(|| {
        let makes = spawn("makes", || {
            cell.get_or_init(|| suspend().map(|()| 1)).copied()
        });
        let waits = spawn("waits", || cell.get_or_init(|| Ok(2)).copied());
        settle();
        waits.cancel();
        assert_eq!(waits.join().unwrap(), Err(Interrupt::Cancelled));
        makes.handle().resume();
        assert_eq!(makes.join().unwrap(), Ok(Ok(1)));
    });
}

#[test]
fn asking_for_what_one_makes_is_told_at_once() {
    let cell = leak(OnceCell::new());
    run(|| {
        let asks = spawn("asks", || {
            cell.get_or_init(|| *cell.get_or_init(|| 1).unwrap())
                .copied()
        });
        let Err(JoinError::Panicked(payload)) = asks.join() else {
            panic!("it has an answer");
        };
        let text = payload.downcast_ref::<&str>().unwrap();
        assert!(text.contains("wait for itself"), "{text}");
        assert_eq!(cell.get_or_init(|| 5), Ok(&5));
    });
    let other: &OnceCell<u8> = leak(OnceCell::new());
    let (_, report) = run_stuck(|| {
        let ask = |value: u8| move || _ = other.get_or_init(|| suspend().map_or(value, |()| 2));
        spawn("a", ask(1)).detach();
        spawn("b", ask(3)).detach();
    });
    let expected = format!("wire 'b' waits: once at {other:p}");
    assert!(report.contains(&expected), "{report:?}");
}
