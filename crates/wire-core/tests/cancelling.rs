//! Cancellation: wherever a wire waits, sticky, shielded, and never losing what was handed over.
mod common;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use common::{Drops, Log, OnDrop, reason, spawn, stack, wire};
use wire_core::{
    Handle, Interrupt, JoinError, WaitQueue, Wire, block, check_interrupt, run, scope, shield,
    suspend, yield_now,
};

const CANCELLED: Result<(), Interrupt> = Err(Interrupt::Cancelled);

#[test]
fn a_wire_cancelled_before_its_first_turn_never_runs_and_its_closure_is_dropped() {
    let drops = Drops::new();
    run(|| {
        let (value, ran) = (drops.counted(), Rc::new(Cell::new(false)));
        let inside = Rc::clone(&ran);
        let wire = spawn("never", move || {
            inside.set(true);
            drop(value);
        });
        wire.cancel();
        assert_eq!(drops.count(), 0);
        assert!(matches!(wire.join(), Err(JoinError::Cancelled)));
        assert_eq!((drops.count(), ran.get()), (1, false));
    });
}

#[test]
fn a_closure_that_panics_when_dropped_unrun_is_a_panic_of_its_wire() {
    run(|| {
        let bomb = OnDrop(|| panic!("in a closure's destructor"));
        let wire = spawn("never", move || drop(bomb));
        wire.cancel();
        assert!(matches!(wire.join(), Err(JoinError::Panicked(_))));
    });
}

#[test]
fn every_kind_of_wait_ends_when_its_wire_is_cancelled() {
    run(|| {
        let queue: &WaitQueue = Box::leak(Box::default());
        let other = Rc::new(spawn("other", suspend));
        let target = Rc::clone(&other);
        type Wait = Box<dyn FnOnce() -> Result<(), Interrupt>>;
        let waits: [(&str, Wait); 4] = [
            ("queue", Box::new(|| queue.wait(reason()))),
            ("suspend", Box::new(suspend)),
            ("join", Box::new(move || target.wait())),
            ("block", Box::new(|| block(reason()))),
        ];
        for (name, wait) in waits {
            let wire = spawn(name, wait);
            yield_now();
            assert!(!wire.is_finished());
            wire.cancel();
            yield_now();
            assert_eq!(wire.join().unwrap(), CANCELLED, "{name}");
        }
        assert!(queue.is_empty());
        other.cancel();
    });
}

#[test]
fn a_yield_unwinds_a_cancelled_wire_and_its_destructors_run() {
    let drops = Drops::new();
    run(|| {
        let value = drops.counted();
        let wire = spawn("yields", move || {
            let _value = value;
            loop {
                yield_now();
            }
        });
        yield_now();
        wire.cancel();
        assert_eq!(drops.count(), 0);
        assert!(matches!(wire.join(), Err(JoinError::Cancelled)));
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn a_cancelled_scope_cancels_its_wires_and_waits_for_them() {
    let log = Log::new();
    run(|| {
        let inner = log.clone();
        let parent = spawn("parent", move || {
            let child = Wire::new();
            scope(|s| {
                let body = || {
                    assert_eq!(suspend(), CANCELLED);
                    inner.add("child");
                };
                s.spawn(&child, stack(), "child", body).unwrap().detach();
            });
            inner.add("parent");
            assert_eq!(check_interrupt(), CANCELLED);
        });
        yield_now();
        yield_now();
        parent.cancel();
        parent.join().unwrap();
    });
    assert_eq!(log.take(), "child parent");
}

#[test]
fn cancellation_stays() {
    run(|| {
        let wire = spawn("stubborn", || {
            for _ in 0..3 {
                assert_eq!(suspend(), CANCELLED);
                assert_eq!(check_interrupt(), CANCELLED);
                assert_eq!(block(reason()), CANCELLED);
            }
            let caught = catch_unwind(yield_now).unwrap_err();
            assert!(Interrupt::is_payload(&*caught));
            assert!(!std::thread::panicking());
            // It caught the unwinding and goes on, to be caught at the next wait.
            let caught = catch_unwind(yield_now).unwrap_err();
            assert!(Interrupt::is_payload(&*caught));
            "done"
        });
        yield_now();
        wire.cancel();
        wire.cancel();
        assert_eq!(wire.join().unwrap(), "done");
    });
}

#[test]
fn a_shield_puts_cancellation_off_until_it_is_left() {
    run(|| {
        let wire = spawn("shielded", || {
            shield(|| {
                assert_eq!(suspend(), Ok(()));
                shield(yield_now);
                yield_now();
                assert_eq!(check_interrupt(), Ok(()));
            });
            suspend()
        });
        yield_now();
        wire.cancel();
        yield_now();
        assert!(!wire.is_finished());
        wire.handle().resume();
        assert_eq!(wire.join().unwrap(), CANCELLED);
    });
    assert_eq!(shield(|| 17), 17);
}

#[test]
fn a_shield_is_left_by_a_panic_too() {
    run(|| {
        let wire = spawn("shielded", || {
            let _ = catch_unwind(|| shield(|| panic!("inside the shield")));
            suspend()
        });
        yield_now();
        wire.cancel();
        assert_eq!(wire.join().unwrap(), CANCELLED);
    });
}

#[test]
fn a_wire_that_cancels_itself_goes_on_until_it_waits() {
    run(|| {
        let wire = spawn("self", || {
            Handle::current().unwrap().cancel();
            let went_on = 17;
            assert_eq!(suspend(), CANCELLED);
            went_on
        });
        assert_eq!(wire.join().unwrap(), 17);
    });
}

#[test]
fn a_cancelled_main_wire_unwinds_and_run_says_so() {
    let drops = Drops::new();
    let result = wire_core::Runtime::new().run(|| {
        let main = Handle::current().unwrap();
        let other = drops.counted();
        spawn("other", move || {
            let _other = other;
            main.cancel();
            yield_now();
            yield_now();
        })
        .detach();
        let _value = drops.counted();
        loop {
            yield_now();
        }
    });
    let result: Result<std::convert::Infallible, _> = result;
    assert_eq!(result.unwrap_err(), wire_core::RunError::MainCancelled);
    assert_eq!(drops.count(), 2);
}

#[test]
fn a_main_wire_cancelled_in_its_last_wait_is_waited_for_all_the_same() {
    let drops = Drops::new();
    run(|| {
        let (main, value) = (Handle::current().unwrap(), drops.counted());
        spawn("other", move || {
            let _value = value;
            main.cancel();
            yield_now();
        })
        .detach();
    });
    assert_eq!(drops.count(), 1);
}

/// Two wires wait in a queue; `act` wakes and cancels. What their waits said.
fn two_waiters(act: fn(&WaitQueue, &Handle<'_>, &Handle<'_>)) -> [Result<(), Interrupt>; 2] {
    run(|| {
        let queue: &WaitQueue = Box::leak(Box::default());
        let start = |name| spawn(name, || queue.wait(reason()));
        let (first, second) = (start("first"), start("second"));
        yield_now();
        act(queue, &first.handle(), &second.handle());
        yield_now();
        first.cancel();
        second.cancel();
        [first.join().unwrap(), second.join().unwrap()]
    })
}

#[test]
fn who_was_woken_has_it_though_cancelled_before_it_ran() {
    let results = two_waiters(|queue, first, _| {
        assert!(queue.wake_one());
        first.cancel();
    });
    assert_eq!(results, [Ok(()), CANCELLED]);
}

#[test]
fn who_was_cancelled_first_and_then_woken_has_it_too() {
    // Still in the queue, it is the oldest, and being taken off it means being woken.
    let results = two_waiters(|queue, first, _| {
        first.cancel();
        assert!(queue.wake_one());
    });
    assert_eq!(results, [Ok(()), CANCELLED]);
}

#[test]
fn who_was_cancelled_and_ran_is_in_the_queue_no_more() {
    let results = two_waiters(|queue, first, _| {
        first.cancel();
        yield_now();
        assert!(queue.wake_one());
        assert!(!queue.wake_one());
    });
    assert_eq!(results, [CANCELLED, Ok(())]);
}

#[test]
fn a_deadline_ends_waits_until_it_is_cleared_and_a_cancellation_outranks_it() {
    use wire_core::outside::{clear_deadline, deadline_passed, with_timer};
    run(|| {
        let wire = spawn("late", || {
            with_timer(|timer| deadline_passed(timer.wire()));
            assert_eq!(suspend(), Err(Interrupt::DeadlinePassed));
            assert!(catch_unwind(yield_now).is_err());
            shield(|| assert_eq!(check_interrupt(), Ok(())));
            with_timer(|timer| clear_deadline(timer.wire()));
            assert_eq!(check_interrupt(), Ok(()));
            yield_now();
            with_timer(|timer| deadline_passed(timer.wire()));
            Handle::current().unwrap().cancel();
            assert_eq!(suspend(), CANCELLED);
            with_timer(|timer| clear_deadline(timer.wire()));
            suspend()
        });
        assert_eq!(wire.join().unwrap(), CANCELLED);
    });
}

#[test]
fn random_cancellations_lose_no_wake_up() {
    run(|| {
        let mut seed = 1_u64;
        let mut random = move |below: u64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1);
            (seed >> 33) % below
        };
        let queue: &WaitQueue = Box::leak(Box::default());
        let got = Rc::new(Cell::new(0_u32));
        let wires = RefCell::new(Vec::new());
        let mut woken = 0;
        for round in 0..2000 {
            let count = Rc::clone(&got);
            let handle = spawn_small(move || {
                if queue.wait(reason()).is_ok() {
                    count.set(count.get() + 1);
                }
            });
            wires.borrow_mut().push(handle);
            let at = random(round + 1) as usize;
            match random(4) {
                0 => wires.borrow()[at].cancel(),
                1 => woken += u32::from(queue.wake_one()),
                2 => yield_now(),
                _ => {}
            }
        }
        yield_now();
        woken += queue.wake_all() as u32;
        for wire in wires.take() {
            wire.join().unwrap_or(());
        }
        assert_eq!(got.get(), woken);
        assert!(woken > 200);
    });

    fn spawn_small(f: impl FnOnce() + 'static) -> wire_core::JoinHandle<'static, ()> {
        let memory = Box::leak(Box::new([0_u128; 1024]));
        // SAFETY: leaked, aligned; no panic with a backtrace happens here.
        let stack = unsafe {
            let low = std::ptr::NonNull::from(memory).cast();
            wire_core::Stack::from_raw(low, 16 * 1024)
        };
        wire().spawn(stack, "small", f).unwrap()
    }
}

#[test]
fn a_destructor_that_waits_in_a_cancelled_wire_does_not_wait() {
    let log = Log::new();
    run(|| {
        let inner = log.clone();
        let wire = spawn("unwinds", move || {
            let _last = OnDrop(|| inner.add(format!("{:?}", suspend())));
            yield_now();
        });
        yield_now();
        wire.cancel();
        let unwound = catch_unwind(AssertUnwindSafe(|| wire.join().unwrap()));
        assert!(unwound.is_err());
    });
    assert_eq!(log.take(), "Err(Unwinding)");
}
