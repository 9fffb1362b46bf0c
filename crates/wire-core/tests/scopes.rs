//! Scopes: wires that borrow, and what happens when something panics, is cancelled or forgotten.
mod common;

use std::cell::{Cell, RefCell};
use std::mem::forget;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use common::{Drops, Log, OnDrop, SIZE, spawn, stack};
use wire_core::{
    Interrupt, JoinError, Payload, SpawnError, Stack, Wire, check_interrupt, run, scope, shield,
    suspend, yield_now,
};

fn says(payload: &Payload, text: &str) -> bool {
    let said = payload.downcast_ref::<&str>().copied();
    let said = said.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    said.is_some_and(|said| said.contains(text))
}

#[test]
fn wires_of_a_scope_borrow_and_are_over_when_it_is() {
    run(|| {
        let (one, two) = (Wire::new(), Wire::new());
        let mut words = vec!["a".to_owned(), "b".to_owned()];
        let count = Cell::new(0);
        let length = scope(|s| {
            let slow = || {
                (0..10).for_each(|_| yield_now());
                count.set(count.get() + 1);
            };
            s.spawn(&one, stack(), "slow", slow).unwrap().detach();
            let join = s.spawn(&two, stack(), "push", || {
                words.push("c".to_owned());
                words.len()
            });
            assert_eq!(s.live(), 2);
            join.unwrap().join().unwrap()
        });
        assert_eq!((length, count.get(), words.len()), (3, 1, 3));
        assert!(!one.is_in_use());
    });
}

#[test]
fn wires_of_a_scope_start_further_ones_in_it() {
    run(|| {
        let wires = [const { Wire::new() }; 5];
        let count = Cell::new(0);
        scope(|s| {
            fn chain<'s>(s: &'s wire_core::Scope<'s, '_>, wires: &'s [Wire], count: &'s Cell<u32>) {
                if let Some((first, rest)) = wires.split_first() {
                    let body = move || {
                        yield_now();
                        chain(s, rest, count);
                        count.set(count.get() + 1);
                    };
                    s.spawn(first, stack(), "chain", body).unwrap().detach();
                }
            }
            chain(s, &wires, &count);
        });
        assert_eq!(count.get(), 5);
    });
}

#[test]
fn a_control_block_is_lent_to_one_wire_at_a_time() {
    run(|| {
        let wire = Wire::new();
        scope(|s| {
            let first = s.spawn(&wire, stack(), "first", || ()).unwrap();
            let second = s.spawn(&wire, stack(), "second", || ()).map(forget);
            assert_eq!(second.unwrap_err(), SpawnError::InUse);
            assert_eq!(s.live(), 1);
            first.join().unwrap();
            scope(|inner| {
                let inner = inner.spawn(&wire, stack(), "inner", || 17).unwrap();
                assert_eq!(inner.join().unwrap(), 17);
            });
        });
    });
}

#[test]
fn an_inner_scope_ends_before_the_outer_one_whatever_ends_first() {
    let log = Log::new();
    run(|| {
        let (outer, inner) = (Wire::new(), Wire::new());
        scope(|s| {
            let quick = || log.add("outer-wire");
            s.spawn(&outer, stack(), "outer", quick).unwrap().detach();
            scope(|s| {
                let slow = || {
                    (0..5).for_each(|_| yield_now());
                    log.add("inner-wire");
                };
                s.spawn(&inner, stack(), "inner", slow).unwrap().detach();
            });
            log.add("inner-end");
        });
        log.add("outer-end");
    });
    assert_eq!(log.take(), "outer-wire inner-wire inner-end outer-end");
}

#[test]
fn a_panic_in_the_scope_cancels_its_wires_waits_and_goes_on() {
    run(|| {
        let (wire, drops) = (Wire::new(), Drops::new());
        let caught = catch_unwind(AssertUnwindSafe(|| {
            scope(|s| {
                let value = drops.counted();
                let body = move || {
                    let _value = value;
                    loop {
                        yield_now();
                    }
                };
                s.spawn(&wire, stack(), "child", body).unwrap().detach();
                yield_now();
                panic!("in the body");
            })
        }));
        assert!(says(&caught.unwrap_err(), "in the body"));
        assert_eq!(drops.count(), 1);
        assert!(!wire.is_in_use());
    });
}

#[test]
fn a_panic_of_a_wire_that_nobody_joins_is_one_of_the_scope() {
    for forgotten in [false, true] {
        run(|| {
            let wire = Wire::new();
            let caught = catch_unwind(AssertUnwindSafe(|| {
                scope(|s| {
                    let bad = s.spawn(&wire, stack(), "bad", || panic!("a child"));
                    let bad = bad.unwrap();
                    if forgotten { forget(bad) } else { bad.detach() }
                })
            }));
            assert!(says(&caught.unwrap_err(), "panicked"), "{forgotten}");
        });
    }
    run(|| {
        let wire = Wire::new();
        let caught = catch_unwind(AssertUnwindSafe(|| {
            scope(|s| {
                let bad = s.spawn(&wire, stack(), "bad", || panic!("a child"));
                yield_now();
                drop(bad.unwrap()); // after its end
            })
        }));
        assert!(caught.is_err());
    });
}

#[test]
fn a_panic_of_a_wire_that_was_joined_is_not() {
    run(|| {
        let (wire, other) = (Wire::new(), Wire::new());
        scope(|s| {
            let bad = s.spawn(&wire, stack(), "bad", || panic!("a child"));
            assert!(matches!(bad.unwrap().join(), Err(JoinError::Panicked(_))));
            // By a sibling, while the scope waits for its end already.
            let bad = s
                .spawn(&wire, stack(), "bad", || panic!("a child"))
                .unwrap();
            let body = move || assert!(matches!(bad.join(), Err(JoinError::Panicked(_))));
            s.spawn(&other, stack(), "joins", body).unwrap().detach();
        });
    });
}

#[test]
fn a_cancelled_wire_is_no_panic_of_its_scope() {
    run(|| {
        let wire = Wire::new();
        scope(|s| {
            let endless = s.spawn(&wire, stack(), "endless", || {
                loop {
                    yield_now();
                }
            });
            yield_now();
            s.cancel_all();
            endless.unwrap().detach();
        });
    });
}

#[test]
fn a_forgotten_handle_does_not_keep_the_scope_from_ending() {
    run(|| {
        let (wire, drops) = (Wire::new(), Drops::new());
        scope(|s| {
            let value = drops.counted();
            forget(s.spawn(&wire, stack(), "forgotten", move || value).unwrap());
        });
        assert!(wire.is_in_use());
        assert_eq!(drops.count(), 0);
        let moved = wire; // nothing refers to it any more
        assert!(moved.is_in_use());
    });
}

#[test]
fn a_control_block_whose_forgotten_wire_has_lost_its_stack_can_be_shown() {
    let wire = Wire::new();
    let mut memory = vec![0_u128; SIZE / size_of::<u128>()];
    run(|| {
        scope(|s| {
            // SAFETY: used by nothing else until the scope ends, and ample.
            let stack = unsafe { Stack::from_raw(NonNull::from(&mut memory[..]).cast(), SIZE) };
            forget(s.spawn(&wire, stack, "forgotten", || ()).unwrap());
        });
    });
    drop(memory); // so large that it goes back to the system
    let shown = format!("{wire:?}");
    assert!(shown.contains("Ended"), "{shown}");
}

#[test]
fn the_interrupt_of_a_waiting_parent_is_left_for_its_next_wait() {
    run(|| {
        let parent = spawn("parent", || {
            let wire = Wire::new();
            let value = scope(|s| {
                let child = s.spawn(&wire, stack(), "child", suspend).unwrap();
                child.detach();
                17
            });
            (value, check_interrupt())
        });
        yield_now();
        parent.cancel();
        assert_eq!(parent.join().unwrap(), (17, Err(Interrupt::Cancelled)));
    });
}

#[test]
fn a_parent_that_was_cancelled_waits_for_wires_that_take_their_time() {
    let log = Log::new();
    run(|| {
        let log = log.clone();
        let parent = spawn("parent", move || {
            let wires = [const { Wire::new() }; 2];
            let frame = RefCell::new(Vec::new());
            scope(|s| {
                for wire in &wires {
                    let body = || {
                        shield(|| (0..7).for_each(|_| yield_now()));
                        frame.borrow_mut().push(17);
                    };
                    s.spawn(wire, stack(), "slow", body).unwrap().detach();
                }
                yield_now();
            });
            log.add(format!("{:?}", frame.take()));
        });
        yield_now();
        yield_now();
        parent.cancel();
        parent.join().unwrap();
    });
    assert_eq!(log.take(), "[17, 17]");
}

#[test]
fn results_that_borrow_are_dropped_before_what_they_borrow() {
    struct Borrows<'a>(&'a Cell<u32>);
    impl Drop for Borrows<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    run(|| {
        let wires = [const { Wire::new() }; 3];
        let frame = Cell::new(0);
        scope(|s| {
            let make = |wire| {
                let body = || {
                    yield_now();
                    Borrows(&frame)
                };
                s.spawn(wire, stack(), "borrows", body).unwrap()
            };
            make(&wires[0]).detach();
            drop(make(&wires[1]).join().unwrap());
            // Dropped by a sibling that ends last of all.
            let last = make(&wires[2]);
            s.spawn(&wires[1], stack(), "last", move || {
                (0..9).for_each(|_| yield_now());
                drop(last);
            })
            .unwrap()
            .detach();
        });
        assert_eq!(frame.get(), 3);
    });
}

#[test]
fn a_scope_in_a_destructor_works_unless_the_wire_unwinds() {
    run(|| {
        let wire = Wire::new();
        let count = Cell::new(0);
        drop(OnDrop(|| {
            scope(|s| {
                let body = || count.set(count.get() + 1);
                s.spawn(&wire, stack(), "child", body).unwrap().detach();
            })
        }));
        assert_eq!(count.get(), 1);
    });
}

#[test]
fn a_wire_in_lent_memory_gets_no_handle_of_itself_that_could_be_kept() {
    run(|| {
        let wire = Wire::new();
        scope(|s| {
            let body = || wire_core::Handle::current().is_none();
            let lent = s.spawn(&wire, stack(), "lent", body).unwrap();
            assert!(lent.join().unwrap());
        });
        let body = || wire_core::Handle::current().is_some();
        assert!(spawn("for good", body).join().unwrap());
    });
}

#[test]
fn outside_run_a_scope_says_what_is_missing() {
    let caught = catch_unwind(|| scope(|_| ())).unwrap_err();
    assert!(says(&caught, "run(||"));
}
