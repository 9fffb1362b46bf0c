//! A wire that unwinds does not switch: no other wire may find itself panicking.
mod common;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::thread::panicking;

use common::{OnDrop, assert_aborted, in_child, reason, spawn, stack, wire};
use wire_core::outside::park_in_background;
use wire_core::{
    Interrupt, JoinError, RunError, Runtime, WaitQueue, Wire, block, check_interrupt, run, scope,
    suspend, yield_now,
};

const UNWINDING: Result<(), Interrupt> = Err(Interrupt::Unwinding);

/// Runs `act` in a destructor of a wire that unwinds, by a panic and by a cancellation. No other
/// wire runs meanwhile, and none ever finds itself panicking.
fn while_unwinding(act: impl Fn() + 'static) {
    run(|| {
        let act = Rc::new(act);
        let turns = Rc::new(Cell::new(0_u64));
        let count = Rc::clone(&turns);
        let watcher = spawn("watcher", move || {
            loop {
                assert!(!panicking());
                count.set(count.get() + 1);
                yield_now();
            }
        });
        let done = Rc::new(Cell::new(0));
        for by_panic in [true, false] {
            let (act, turns, ran) = (Rc::clone(&act), Rc::clone(&turns), Rc::clone(&done));
            let wire = spawn("unwinds", move || {
                let _guard = OnDrop(move || {
                    assert!(panicking());
                    let before = turns.get();
                    act();
                    assert_eq!(turns.get(), before, "another wire ran");
                    ran.set(ran.get() + 1);
                });
                if by_panic {
                    panic!("to unwind");
                }
                yield_now();
            });
            yield_now();
            wire.cancel();
            match wire.join() {
                Err(JoinError::Panicked(_)) if by_panic => {}
                Err(JoinError::Cancelled) if !by_panic => {}
                other => panic!("{other:?}"),
            }
            assert!(!panicking());
        }
        assert_eq!(done.get(), 2);
        watcher.cancel();
        assert!(matches!(watcher.join(), Err(JoinError::Cancelled)));
        assert!(turns.get() > 2);
    });
}

#[test]
fn yielding_does_nothing() {
    while_unwinding(yield_now);
}

#[test]
fn waiting_is_refused() {
    let queue: &WaitQueue = Box::leak(Box::default());
    while_unwinding(|| {
        assert_eq!(suspend(), UNWINDING);
        assert_eq!(block(reason()), UNWINDING);
        assert_eq!(queue.wait(reason()), UNWINDING);
        assert!(queue.is_empty());
        assert_eq!(park_in_background(), UNWINDING);
        assert_eq!(check_interrupt(), UNWINDING);
        assert_eq!(wire_core::shield(suspend), UNWINDING);
    });
}

#[test]
fn joining_is_refused_unless_the_wire_is_over() {
    while_unwinding(|| {
        let other = spawn("other", || 17);
        assert_eq!(other.wait(), UNWINDING);
        let why = other.join().unwrap_err();
        assert!(matches!(why, JoinError::Interrupted(Interrupt::Unwinding)));
    });
    let over = Rc::new(Cell::new(None));
    let slot = Rc::clone(&over);
    run(|| slot.set(Some((spawn("over", || 17), spawn("over", || 17)))));
    while_unwinding(move || {
        if let Some((joined, dropped)) = over.take() {
            assert_eq!(joined.join().unwrap(), 17);
            drop(dropped);
        }
    });
}

#[test]
fn a_wire_may_be_started_and_runs_later() {
    let ran = Rc::new(Cell::new(0));
    let count = Rc::clone(&ran);
    while_unwinding(move || {
        let count = Rc::clone(&count);
        let started = spawn("started", move || {
            assert!(!panicking());
            yield_now();
            count.set(count.get() + 1);
        });
        started.detach();
    });
    assert_eq!(ran.get(), 2);
}

#[test]
fn a_scope_refuses_to_open() {
    while_unwinding(|| {
        let opened = Cell::new(false);
        let refused = catch_unwind(AssertUnwindSafe(|| scope(|_| opened.set(true))));
        assert!(refused.is_err());
        assert!(!opened.get());
    });
}

#[test]
fn run_refuses_to_start() {
    while_unwinding(|| assert_eq!(Runtime::new().run(|| ()), Err(RunError::Nested)));
    let caught = catch_unwind(|| {
        let _guard = OnDrop(|| assert_eq!(Runtime::new().run(|| ()), Err(RunError::Unwinding)));
        panic!("outside wires");
    });
    assert!(caught.is_err());
    run(yield_now);
}

#[test]
fn waking_and_cancelling_others_works() {
    let queue: &WaitQueue = Box::leak(Box::default());
    let woken = Rc::new(Cell::new(0));
    let count = Rc::clone(&woken);
    while_unwinding(move || {
        queue.wake_all();
        let count = Rc::clone(&count);
        let waiter = spawn("waiter", move || {
            let result = queue.wait(reason());
            count.set(count.get() + 1);
            result
        });
        // Wakes the one of the first round, cancels that of the second before it ran.
        if !queue.is_empty() {
            waiter.cancel();
        }
        waiter.detach();
    });
    assert!(queue.is_empty());
    assert!(woken.get() >= 1);
}

#[test]
fn a_panic_inside_the_destructor_that_it_catches_changes_nothing() {
    while_unwinding(|| {
        assert!(catch_unwind(|| panic!("nested")).is_err());
        yield_now();
        assert_eq!(suspend(), UNWINDING);
    });
}

#[test]
fn a_linked_node_leaves_its_queue_when_its_wire_unwinds() {
    let queue: &WaitQueue = Box::leak(Box::default());
    run(|| {
        let panics = spawn("panics", || {
            let node = std::pin::pin!(wire_core::Node::of_current_wire());
            // SAFETY: the queue is leaked, the node of this wire.
            unsafe { queue.push(node.as_ref()) };
            assert!(node.is_linked());
            panic!("with a linked node");
        });
        assert!(matches!(
            panics.join(),
            Err::<(), _>(JoinError::Panicked(_))
        ));
        assert!(queue.is_empty());
    });
}

#[test]
fn the_wires_of_an_unwinding_scope_are_gone_before_its_frame_is() {
    run(|| {
        let parent = spawn("parent", || {
            let (child, frame) = (Wire::new(), Cell::new(17_u32));
            let _last = OnDrop(|| assert_eq!(frame.get(), 18));
            scope(|s| {
                let body = || {
                    let _end = OnDrop(|| frame.set(frame.get() + 1));
                    loop {
                        yield_now();
                    }
                };
                s.spawn(&child, stack(), "child", body).unwrap().detach();
                yield_now();
                panic!("in the scope");
            });
        });
        assert!(matches!(parent.join(), Err(JoinError::Panicked(_))));
    });
}

#[test]
fn a_wait_that_cannot_fail_aborts_a_wire_that_unwinds() {
    let test = "a_wait_that_cannot_fail_aborts_a_wire_that_unwinds";
    let Some(output) = in_child(test, || {
        run(|| {
            let _guard = OnDrop(|| suspend().unwrap_or_else(|why| why.unwind()));
            panic!("first");
        })
    }) else {
        return;
    };
    assert_aborted(&output, &["tried to wait while it was unwinding"]);
}

#[test]
fn a_panic_while_unwinding_aborts_and_not_another_wire() {
    let test = "a_panic_while_unwinding_aborts_and_not_another_wire";
    let Some(output) = in_child(test, || {
        run(|| {
            let bomb = || {
                let _guard = OnDrop(|| panic!("second"));
                panic!("first");
            };
            let _ = wire().spawn(stack(), "bomb", bomb).unwrap().join();
        })
    }) else {
        return;
    };
    assert_aborted(&output, &["first", "second"]);
}
