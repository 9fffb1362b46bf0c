//! Joining: who gets a wire's outcome, and when it is dropped.
mod common;

use std::cell::Cell;
use std::mem::forget;
use std::rc::Rc;

use common::{Drops, Log, OnDrop, spawn, stack, wire};
use wire_core::{Interrupt, JoinError, Payload, SpawnError, run, suspend, yield_now};

fn text(error: JoinError) -> String {
    match error {
        JoinError::Panicked(payload) => (*payload.downcast_ref::<&str>().unwrap()).to_owned(),
        other => other.to_string(),
    }
}

#[test]
fn a_join_gives_the_value() {
    run(|| {
        assert_eq!(spawn("six", || 6).join().unwrap(), 6);
        let text = spawn("text", || "owned".to_owned());
        yield_now();
        assert!(text.is_finished());
        assert_eq!(text.join().unwrap(), "owned");
    });
}

#[test]
fn a_join_gives_what_the_wire_panicked_with() {
    run(|| {
        let failed = spawn("fails", || -> u32 { panic!("of its own") });
        assert_eq!(text(failed.join().unwrap_err()), "of its own");
        let odd = spawn("odd", || std::panic::resume_unwind(Box::new(17_u64)));
        match odd.join() {
            Err(JoinError::Panicked(payload)) => assert_eq!(payload.downcast_ref(), Some(&17_u64)),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn a_join_says_that_the_wire_was_cancelled() {
    run(|| {
        let wire = spawn("cancelled", || {
            loop {
                yield_now();
            }
        });
        yield_now();
        wire.cancel();
        assert!(matches!(wire.join(), Err(JoinError::Cancelled)));
    });
}

#[test]
fn a_wire_that_was_cancelled_but_finished_gives_its_value() {
    run(|| {
        let wire = spawn("finishes", || suspend().is_err());
        yield_now();
        wire.cancel();
        assert!(wire.join().unwrap());
    });
}

#[test]
fn handles_can_be_joined_after_run_has_ended() {
    let (value, failed) = run(|| {
        (
            spawn("value", || "kept".to_owned()),
            spawn("fails", || panic!("kept too")),
        )
    });
    assert!(value.is_finished());
    assert!(value.wait().is_ok());
    assert_eq!(value.join().unwrap(), "kept");
    assert_eq!(text(failed.join().unwrap_err()), "kept too");
}

#[test]
fn the_result_is_dropped_once_whenever_the_handle_goes() {
    let drops = Drops::new();
    run(|| {
        let make = || {
            let value = drops.counted();
            spawn("value", move || value)
        };
        make().detach(); // before it ran
        yield_now();
        assert_eq!(drops.count(), 1);
        let ended = make();
        yield_now();
        assert_eq!(drops.count(), 1);
        drop(ended);
        assert_eq!(drops.count(), 2);
        let joined = make().join().unwrap();
        assert_eq!(drops.count(), 2);
        drop(joined);
        assert_eq!(drops.count(), 3);
    });
    let outlives = run(|| {
        let value = drops.counted();
        spawn("value", move || value)
    });
    assert_eq!(drops.count(), 3);
    drop(outlives);
    assert_eq!(drops.count(), 4);
}

#[test]
fn a_forgotten_handle_leaks_the_control_block_and_nothing_worse() {
    let drops = Drops::new();
    let place = wire();
    run(|| {
        let value = drops.counted();
        forget(place.spawn(stack(), "forgotten", move || value).unwrap());
        yield_now();
        let again = place.spawn(stack(), "again", || ()).unwrap_err();
        assert_eq!(again, SpawnError::InUse);
    });
    assert!(place.is_in_use());
    assert_eq!(drops.count(), 0);
}

#[test]
fn all_who_wait_for_a_wire_are_woken_in_their_order() {
    let log = Log::new();
    run(|| {
        let target = Rc::new(spawn("target", || suspend().is_ok()));
        for name in ["a", "b", "c"] {
            let (log, target) = (log.clone(), Rc::clone(&target));
            spawn(name, move || {
                target.wait().unwrap();
                log.add(name);
            })
            .detach();
        }
        yield_now();
        target.handle().resume();
        target.wait().unwrap();
        log.add("main");
        yield_now();
        assert!(Rc::into_inner(target).unwrap().join().unwrap());
    });
    assert_eq!(log.take(), "a b c main");
}

#[test]
fn an_interrupted_join_detaches_and_an_interrupted_wait_does_not() {
    let drops = Drops::new();
    run(|| {
        let (one, two) = (drops.counted(), drops.counted());
        let target = spawn("target", move || {
            let _ = suspend();
            one
        });
        let name = target.handle();
        let joiner = spawn("joiner", move || match target.join() {
            Err(JoinError::Interrupted(why)) => why,
            _ => unreachable!(),
        });
        yield_now();
        joiner.cancel();
        assert_eq!(joiner.join().unwrap(), Interrupt::Cancelled);
        assert!(!name.is_finished());
        name.resume();
        yield_now();
        assert_eq!(drops.count(), 1);

        let target = spawn("target", move || {
            let _ = suspend();
            two
        });
        let waiter = spawn("waiter", move || (target.wait(), target));
        yield_now();
        waiter.cancel();
        let (result, target) = waiter.join().unwrap();
        assert_eq!(result, Err(Interrupt::Cancelled));
        target.handle().resume();
        let value = target.join().unwrap();
        assert_eq!(drops.count(), 1);
        drop(value);
    });
    assert_eq!(drops.count(), 2);
}

#[test]
fn a_wire_that_joins_itself_is_stuck_and_cancelled() {
    let told = Rc::new(Cell::new(0));
    let count = Rc::clone(&told);
    let mut on_stuck = move |info: wire_core::WireInfo| {
        assert_eq!(info.waits_for().unwrap().kind().name(), "join");
        count.set(count.get() + 1);
    };
    let runtime = wire_core::Runtime::new().on_stuck(&mut on_stuck);
    let result = runtime.run(|| {
        let own = Rc::new(Cell::new(None));
        let slot = Rc::clone(&own);
        let handle = spawn("self", move || {
            let me: wire_core::JoinHandle<'static, ()> = slot.take().unwrap();
            let result = me.join();
            assert!(matches!(
                result,
                Err(JoinError::Interrupted(Interrupt::Cancelled))
            ));
        });
        own.set(Some(handle));
    });
    assert_eq!(result, Ok(()));
    assert_eq!(told.get(), 1);
}

#[test]
fn a_panicking_destructor_of_a_result_does_not_reach_who_drops_the_handle() {
    let place = wire();
    run(|| {
        let bomb = || OnDrop(|| panic!("in a destructor"));
        let handle = place.spawn(stack(), "bomb", bomb).unwrap();
        yield_now();
        drop(handle);
        assert!(!place.is_in_use());
        place.spawn(stack(), "bomb", bomb).unwrap().detach();
        yield_now();
        assert!(!place.is_in_use());
    });
}

#[test]
fn a_payload_that_panics_when_dropped_harms_nobody_else() {
    run(|| {
        for handle_outlives in [true, false] {
            let handle = spawn("bomb", || {
                let bomb: Payload = Box::new(Bomb);
                std::panic::resume_unwind(bomb)
            });
            if handle_outlives {
                yield_now();
            }
            handle.detach();
            yield_now();
        }
    });
}

struct Bomb;
impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("in the destructor of a payload");
    }
}
