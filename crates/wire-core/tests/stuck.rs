//! Wires that wait for what can never come: told, cancelled, and if that cannot be, the end.
mod common;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use common::{
    Drops, Log, OnDrop, assert_aborted, in_child, reason, spawn, spawn_daemon, stack, wire,
};
use wire_core::{
    Handle, Interrupt, Node, RunError, Runtime, SpawnError, WaitQueue, Wire, WireInfo, block, run,
    scope, shield, suspend, yield_now,
};

/// What a run told of stuck wires, and its result.
fn told<T>(main: impl FnOnce() -> T) -> (String, Result<T, RunError>) {
    let log = Log::new();
    let mut on_stuck = |info: WireInfo| {
        let reason = info.waits_for().unwrap();
        log.add(format!("{}:{}", info.name(), reason.kind().name()));
    };
    let result = Runtime::new().on_stuck(&mut on_stuck).run(main);
    (log.take(), result)
}

#[test]
fn stuck_wires_are_told_with_their_reasons_and_cancelled() {
    let drops = Drops::new();
    let queue: &WaitQueue = Box::leak(Box::default());
    let (told, result) = told(|| {
        let (one, two) = (drops.counted(), drops.counted());
        let sleeper = spawn("sleeper", move || {
            let _one = one;
            assert_eq!(suspend(), Err(Interrupt::Cancelled));
        });
        spawn("joiner", move || sleeper.join()).detach();
        spawn("queued", move || {
            let _two = two;
            let _ = queue.wait(reason());
        })
        .detach();
        17
    });
    assert_eq!(told, "sleeper:suspend joiner:join queued:test");
    assert_eq!(result, Ok(17));
    assert_eq!(drops.count(), 2);
    assert!(queue.is_empty());
}

#[test]
fn a_stuck_main_wire_is_told_too_and_may_go_on() {
    let (told, result) = told(|| {
        assert_eq!(suspend(), Err(Interrupt::Cancelled));
        yield_now();
    });
    assert_eq!(told, "main:suspend");
    assert_eq!(result, Err(RunError::MainCancelled));
}

#[test]
fn a_stuck_scope_is_cancelled_from_below() {
    let (told, result) = told(|| {
        let child = Wire::new();
        scope(|s| {
            s.spawn(&child, stack(), "child", suspend).unwrap().detach();
        });
        17
    });
    assert_eq!(told, "main:end of a scope child:suspend");
    assert_eq!(result, Ok(17));
}

#[test]
fn those_that_get_stuck_later_are_told_then() {
    let (told, result) = told(|| {
        spawn("first", || {
            assert!(suspend().is_err());
            let second = || {
                assert!(suspend().is_err());
                spawn("third", suspend).detach();
            };
            spawn("second", second).detach();
        })
        .detach();
    });
    assert_eq!(told, "first:suspend second:suspend third:suspend");
    assert_eq!(result, Ok(()));
}

#[test]
fn daemons_are_not_told() {
    let (told, _) = told(|| {
        spawn_daemon("daemon", || assert!(suspend().is_err()));
        spawn("wire", suspend).detach();
    });
    assert_eq!(told, "wire:suspend");
}

#[test]
fn a_wire_parked_in_the_background_is_not_stuck_nor_are_those_it_serves() {
    let (told, result) = told(|| {
        let sleeper = spawn("sleeper", suspend);
        let handle = sleeper.handle();
        spawn_daemon("server", move || {
            for _ in 0..3 {
                wire_core::outside::park_in_background().unwrap();
            }
            handle.resume();
        });
        sleeper.join().unwrap()
    });
    assert_eq!(told, "");
    assert_eq!(result, Ok(Ok(())));
}

/// Runs `act` in the callback, once, with a wire that is stuck.
fn in_callback(act: impl Fn(&WireInfo)) -> u32 {
    let drops = Drops::new();
    let mut calls = 0;
    let result = Runtime::new()
        .on_stuck(&mut |info| {
            calls += 1;
            act(&info);
        })
        .run(|| {
            let value = drops.counted();
            let body = move || {
                let _value = value;
                suspend()
            };
            spawn("stuck", body).detach();
        });
    assert_eq!(result, Ok(()));
    assert_eq!(drops.count(), 1);
    run(yield_now);
    calls
}

#[test]
fn the_callback_may_panic() {
    assert_eq!(in_callback(|_| panic!("in the callback")), 1);
}

#[test]
fn what_the_callback_throws_may_panic_when_dropped() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in the destructor of a payload");
        }
    }
    // It would unwind the scope while its wire is alive.
    let result = Runtime::new()
        .on_stuck(&mut |_| std::panic::resume_unwind(Box::new(Bomb)))
        .run(|| {
            let (child, frame) = (Wire::new(), Cell::new(0));
            scope(|s| {
                let body = || {
                    let _ = suspend();
                    frame.set(17);
                };
                s.spawn(&child, stack(), "child", body).unwrap().detach();
            });
            frame.get()
        });
    assert_eq!(result, Ok(17));
}

#[test]
fn the_callback_can_neither_wait_nor_start_anything() {
    let calls = in_callback(|info| {
        assert_eq!(info.name(), "stuck");
        yield_now();
        assert!(catch_unwind(suspend).is_err());
        assert!(catch_unwind(|| block(reason())).is_err());
        assert!(catch_unwind(|| scope(|_| ())).is_err());
        assert!(catch_unwind(|| Node::of_current_wire()).is_err());
        assert_eq!(Runtime::new().run(|| ()), Err(RunError::Nested));
        let refused = wire().spawn(stack(), "none", || ()).unwrap_err();
        assert_eq!(refused, SpawnError::NotRunning);
        assert!(Handle::current().is_none());
        assert_eq!(shield(|| 17), 17);
        let other = std::thread::spawn(|| run(|| spawn("there", || 17).join().unwrap()));
        assert_eq!(other.join().unwrap(), 17);
    });
    assert_eq!(calls, 1);
}

#[test]
fn the_callback_may_drop_and_join_handles_and_wake_others() {
    let queue: &WaitQueue = Box::leak(Box::default());
    let slot = RefCell::new(None);
    let results = Rc::new(RefCell::new(Vec::new()));
    let drops = Drops::new();
    let mut on_stuck = |_: WireInfo| {
        if let Some((over, joined, resumed, living)) = slot.take() {
            drop::<wire_core::JoinHandle<_>>(over);
            assert_eq!(drops.count(), 1);
            assert_eq!(wire_core::JoinHandle::<i32>::join(joined).unwrap(), 17);
            Handle::resume(&resumed);
            drop::<wire_core::JoinHandle<()>>(living);
            assert!(queue.wake_one());
        }
    };
    let result = Runtime::new().on_stuck(&mut on_stuck).run(|| {
        let value = drops.counted();
        let over = spawn("over", move || value);
        let joined = spawn("joined", || 17);
        let log = Rc::clone(&results);
        let resumed = spawn("resumed", move || {
            let result = suspend();
            log.borrow_mut().push(result);
        });
        let log = Rc::clone(&results);
        let living = spawn("queued", move || {
            for result in [queue.wait(reason()), suspend()] {
                log.borrow_mut().push(result);
            }
        });
        slot.replace(Some((over, joined, resumed.handle(), living)));
        resumed.detach();
    });
    assert_eq!(result, Ok(()));
    // Woken, and told of the cancellation by the next wait.
    let cancelled = Err(Interrupt::Cancelled);
    assert_eq!(results.take(), [Ok(()), Ok(()), cancelled]);
}

#[test]
fn the_callback_may_resume_and_cancel_the_main_wire() {
    let main = Cell::new(None);
    let mut on_stuck = |_: WireInfo| {
        let main: Handle<'_> = main.get().unwrap();
        main.resume();
        main.cancel();
    };
    let result = Runtime::new().on_stuck(&mut on_stuck).run(|| {
        main.set(Handle::current());
        (suspend(), suspend())
    });
    assert_eq!(result, Ok((Ok(()), Err(Interrupt::Cancelled))));
}

#[test]
fn by_default_stuck_wires_are_printed() {
    let Some(output) = in_child("by_default_stuck_wires_are_printed", || {
        run(|| spawn("forlorn", suspend).detach());
    }) else {
        return;
    };
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("stuck: wire 'forlorn' waits: suspend"),
        "{said}"
    );
}

#[test]
fn a_stuck_wire_that_is_shielded_aborts_by_its_name() {
    let Some(output) = in_child("a_stuck_wire_that_is_shielded_aborts_by_its_name", || {
        run(|| spawn("obstinate", || shield(suspend)).detach());
    }) else {
        return;
    };
    assert_aborted(
        &output,
        &["cannot be cancelled", "wire 'obstinate' waits: suspend"],
    );
}

#[test]
fn a_shielded_main_wire_aborts_too_and_does_not_leave_its_scope() {
    let test = "a_shielded_main_wire_aborts_too_and_does_not_leave_its_scope";
    let Some(output) = in_child(test, || {
        run(|| {
            let child = Wire::new();
            scope(|s| {
                let body = || shield(suspend);
                s.spawn(&child, stack(), "child", body).unwrap().detach();
            });
            println!("went on");
        });
    }) else {
        return;
    };
    assert_aborted(&output, &["wire 'child' waits: suspend"]);
    assert!(!String::from_utf8_lossy(&output.stdout).contains("went on"));
}

#[test]
fn a_report_that_cannot_be_written_changes_nothing() {
    // Standard error is a full device: writing to it fails, and `eprintln!` would panic.
    let drops = Drops::new();
    let test = "a_report_that_cannot_be_written_changes_nothing";
    let full = std::path::Path::new("/dev/full");
    if !full.exists() {
        return;
    }
    let key = "WIRE_CORE_TEST_FULL";
    if std::env::var_os(key).is_none() {
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(key, "1")
            .stdout(std::process::Stdio::null())
            .stderr(std::fs::OpenOptions::new().write(true).open(full).unwrap())
            .status();
        assert!(status.unwrap().success());
        return;
    }
    std::panic::set_hook(Box::new(|_| ()));
    run(|| {
        let value = drops.counted();
        let body = move || {
            let _value = value;
            suspend()
        };
        spawn("stuck", body).detach();
        spawn("panics", || panic!("and nobody joins it")).detach();
    });
    assert_eq!(drops.count(), 1);
    let mut on_stuck = |_: WireInfo| panic!("in the callback");
    let result = Runtime::new().on_stuck(&mut on_stuck).run(suspend);
    assert_eq!(result, Ok(Err(Interrupt::Cancelled)));
    let _ = std::panic::take_hook();
}

#[test]
fn a_destructor_in_a_stuck_wire_may_start_others() {
    let ran = Rc::new(Cell::new(false));
    let inner = Rc::clone(&ran);
    let (told, result) = told(move || {
        let body = move || {
            let _guard = OnDrop(|| {
                let ran = Rc::clone(&inner);
                spawn("late", move || ran.set(true)).detach();
            });
            let unwound = catch_unwind(AssertUnwindSafe(|| suspend().map_err(Interrupt::unwind)));
            std::panic::resume_unwind(unwound.unwrap_err());
        };
        spawn("stuck", body).detach();
    });
    assert_eq!((told.as_str(), result), ("stuck:suspend", Ok(())));
    assert!(ran.get());
}
