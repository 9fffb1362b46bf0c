//! Values made once.
#[path = "../../wire-wait/tests/common/mod.rs"]
mod common;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use common::{leak, run_stuck, settle, spawn};
use wire_core::{Interrupt, JoinError, run, suspend, yield_now};
use wire_lock::OnceCell;
use wire_wait::wait;

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

#[test]
fn nobody_comes_in_between_one_that_failed_and_the_next() {
    let cell = leak(OnceCell::new());
    run(|| {
        let asks = |name: &'static str, value: Option<u32>| {
            let wire = spawn(name, move || {
                let make = || value.ok_or_else(|| suspend()).map(|value| (name, value));
                cell.get_or_try_init(make).unwrap().copied().ok()
            });
            settle();
            wire
        };
        let fails = asks("fails", None);
        let next = asks("next", Some(1));
        let last = asks("last", Some(2));
        fails.handle().resume();
        while !fails.is_finished() {
            yield_now();
        }
        // It is up to the next one now, though that has not run.
        assert!(!next.is_finished() && cell.get().is_none());
        assert_eq!(cell.set(("set", 3)), Err(("set", 3)));
        let late = asks("late", Some(4));
        for wire in [next, last, late] {
            assert_eq!(wire.join().unwrap(), Some(("next", 1)));
        }
        assert_eq!(fails.join().unwrap(), None);
    });
}

#[test]
fn those_behind_keep_their_places_when_one_after_the_other_fails() {
    let (cell, tried) = (leak(OnceCell::new()), Rc::new(RefCell::new(Vec::new())));
    run(|| {
        let asks = |name: &'static str| {
            let tried = Rc::clone(&tried);
            spawn("asks", move || {
                // The last one comes when the first has failed, and before those behind that one have run.
                while name == "d" && tried.borrow().is_empty() {
                    yield_now();
                }
                let make = || {
                    (0..2).for_each(|_| yield_now());
                    tried.borrow_mut().push(name);
                    if name == "d" { Ok(name) } else { Err(()) }
                };
                cell.get_or_try_init(make).unwrap().copied()
            })
        };
        let [a, b, c, d] = ["a", "b", "c", "d"].map(asks);
        for fails in [a, b, c] {
            assert_eq!(fails.join().unwrap(), Err(()));
        }
        assert_eq!(d.join().unwrap(), Ok("d"));
    });
    assert_eq!(*tried.borrow(), ["a", "b", "c", "d"]);
}

#[test]
fn the_next_one_makes_it_even_if_cancelled_before_it_runs() {
    let cell = leak(OnceCell::new());
    run(|| {
        let fails = spawn("fails", || {
            cell.get_or_try_init(|| suspend().and(Err::<u32, _>(Interrupt::Cancelled)))
                .map(drop)
        });
        settle();
        let next = spawn("next", || {
            let made = cell.get_or_init(|| 5).copied();
            (made, suspend())
        });
        let last = spawn("last", || cell.get_or_init(|| 6).copied());
        settle();
        fails.handle().resume();
        while !fails.is_finished() {
            yield_now();
        }
        next.cancel();
        assert_eq!(next.join().unwrap(), (Ok(5), Err(Interrupt::Cancelled)));
        assert_eq!(last.join().unwrap(), Ok(5));
    });
}

#[test]
fn those_who_only_wait_for_it_never_make_it() {
    let (cell, set) = (leak(OnceCell::new()), leak(OnceCell::new()));
    run(|| {
        let waiting = [cell, set].map(|cell| {
            [
                spawn("waits", || cell.wait().copied()),
                spawn("as a source", move || waits_for(&cell).copied()),
            ]
        });
        settle();
        let fails = spawn("fails", || {
            let make = || suspend().map_err(|_| "cancelled").and(Err::<u32, _>("no"));
            cell.get_or_try_init(make).unwrap().err()
        });
        settle();
        fails.handle().resume();
        assert_eq!(fails.join().unwrap(), Some("no"));
        settle();
        assert!(waiting.iter().flatten().all(|wire| !wire.is_finished()));
        assert_eq!(cell.get_or_init(|| 8), Ok(&8));
        assert_eq!(set.set(8), Ok(()));
        for wire in waiting.into_iter().flatten() {
            assert_eq!(wire.join().unwrap(), Ok(8));
        }
    });
    let (_, report) = run_stuck(|| {
        let own: &OnceCell<u32> = leak(OnceCell::new());
        let asks = || {
            own.get_or_init(|| own.wait().map_or(1, |value| *value))
                .copied()
        };
        assert!(spawn("asks", asks).join().is_err(), "it is told at once");
        let asks = move || {
            own.get_or_init(|| waits_for(&own).map_or(1, |value| *value))
                .copied()
        };
        spawn("asks", asks).detach();
    });
    assert_eq!(report.len(), 1, "{report:?}");
    assert!(report[0].contains("waits: once at"), "{report:?}");

    fn waits_for(cell: &&'static OnceCell<u32>) -> Result<&'static u32, Interrupt> {
        wait(cell)
    }
}

#[test]
fn an_owned_cell_gives_its_value_and_is_empty_again() {
    let mut cell = OnceCell::from(String::from("a"));
    cell.get_mut().unwrap().push('b');
    assert_eq!(format!("{cell:?}"), "OnceCell(\"ab\")");
    assert_eq!(cell.take().as_deref(), Some("ab"));
    assert_eq!(cell.get_mut(), None);
    assert_eq!(cell.take(), None);
    assert_eq!(cell.set("c".into()), Ok(()));
    assert_eq!(cell.into_inner().as_deref(), Some("c"));
    assert_eq!(OnceCell::<u8>::default().into_inner(), None);
}
