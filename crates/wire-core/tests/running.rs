//! `run`: what starts it, what ends it, and that nothing is left behind.
mod common;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use common::{Drops, Log, OnDrop, reason, spawn, spawn_daemon, stack, wire};
use wire_core::outside::{in_wire, set_start_hook, without_wire};
use wire_core::{
    Handle, Interrupt, RunError, Runtime, SpawnError, Wire, block, run, scope, shield, suspend,
    walk, yield_now,
};

/// The thread is as it was before any `run`.
fn assert_clean() {
    assert!(!in_wire());
    let mut wires = 0;
    walk(|_| wires += 1);
    assert_eq!(wires, 0);
    assert!(wire_core::is_only_one());
}

#[test]
fn it_gives_what_the_closure_gives_and_borrows_freely() {
    let text = "outside".to_owned();
    assert_eq!(run(|| text.len()), 7);
    assert_clean();
}

#[test]
fn it_waits_for_every_wire() {
    let drops = Drops::new();
    run(|| {
        for rounds in 0..20 {
            let value = drops.counted();
            let body = move || {
                (0..rounds).for_each(|_| yield_now());
                drop(value);
            };
            spawn("slow", body).detach();
        }
    });
    assert_eq!(drops.count(), 20);
    assert_clean();
}

#[test]
fn it_works_again_and_again_on_one_thread() {
    let place = wire();
    for round in 0..50 {
        let joined = run(|| {
            let wire = place.spawn(stack(), "again", move || round).unwrap();
            yield_now();
            wire.join().unwrap()
        });
        assert_eq!(joined, round);
        assert_clean();
    }
}

#[test]
fn inside_itself_it_is_refused() {
    run(|| {
        assert_eq!(Runtime::new().run(|| ()), Err(RunError::Nested));
        assert!(catch_unwind(|| run(|| ())).is_err());
        without_wire(|| assert_eq!(Runtime::new().run(|| ()), Err(RunError::Nested)));
        let inner = spawn("inner", || Runtime::new().run(|| ()));
        assert_eq!(inner.join().unwrap(), Err(RunError::Nested));
    });
    assert_clean();
}

#[test]
fn each_thread_has_its_own() {
    run(|| {
        let mine = spawn("mine", || suspend().is_ok());
        yield_now();
        let other = std::thread::spawn(|| {
            assert_clean();
            let mut names = Vec::new();
            let sum = run(|| {
                let wires = [1, 2, 3].map(|n| spawn("theirs", move || n));
                walk(|info| names.push(info.name()));
                wires.map(|wire| wire.join().unwrap()).iter().sum::<i32>()
            });
            assert_clean();
            (sum, names)
        });
        let (sum, names) = other.join().unwrap();
        assert_eq!(sum, 6);
        assert_eq!(names, ["main", "theirs", "theirs", "theirs"]);
        mine.handle().resume();
        assert!(mine.join().unwrap());
    });
}

#[test]
fn a_panic_of_main_cancels_the_others_waits_for_them_and_goes_on() {
    let drops = Drops::new();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        run(|| {
            let (waits, yields) = (drops.counted(), drops.counted());
            spawn("waits", move || {
                let _waits = waits;
                assert_eq!(block(reason()), Err(Interrupt::Cancelled));
                shield(|| (0..5).for_each(|_| yield_now()));
            })
            .detach();
            spawn("yields", move || {
                let _yields = yields;
                loop {
                    yield_now();
                }
            })
            .detach();
            yield_now();
            panic!("of main");
        })
    }));
    assert_eq!(caught.unwrap_err().downcast_ref::<&str>(), Some(&"of main"));
    assert_eq!(drops.count(), 2);
    assert_clean();
}

#[test]
fn daemons_serve_until_the_last_wire_is_gone_even_if_main_panicked() {
    for panics in [false, true] {
        let log = Log::new();
        let result = catch_unwind(AssertUnwindSafe(|| {
            run(|| {
                let (daemon, wire) = (log.clone(), log.clone());
                spawn_daemon("daemon", move || {
                    let _end = OnDrop(|| daemon.add("daemon-ends"));
                    loop {
                        yield_now();
                    }
                });
                let body = move || {
                    shield(|| (0..5).for_each(|_| yield_now()));
                    wire.add("wire-ends");
                };
                spawn("wire", body).detach();
                yield_now();
                assert!(!panics, "main panics");
                log.add("main-ends");
            })
        }));
        assert_eq!(result.is_err(), panics);
        let main = if panics { "" } else { "main-ends " };
        assert_eq!(log.take(), format!("{main}wire-ends daemon-ends"));
        assert_clean();
    }
}

#[test]
fn a_wire_that_a_daemon_starts_as_it_ends_is_waited_for() {
    let log = Log::new();
    run(|| {
        // When the first daemon ends, there are no ordinary wires yet.
        spawn_daemon("first", || assert!(suspend().is_err()));
        let log = log.clone();
        spawn_daemon("second", move || {
            assert_eq!(suspend(), Err(Interrupt::Cancelled));
            let late = log.clone();
            let body = move || {
                (0..3).for_each(|_| yield_now());
                late.add("late");
            };
            spawn("late", body).detach();
            log.add("second");
        });
        yield_now();
    });
    assert_eq!(log.take(), "second late");
    assert_clean();
}

#[test]
fn daemons_that_wait_are_neither_stuck_nor_waited_for() {
    let mut told = 0;
    let result = Runtime::new().on_stuck(&mut |_| told += 1).run(|| {
        for _ in 0..3 {
            spawn_daemon("daemon", || assert!(suspend().is_err()));
        }
        yield_now();
        17
    });
    assert_eq!((result, told), (Ok(17), 0));
}

#[test]
fn a_main_wire_that_unwinds_for_a_cancellation_is_an_error_or_a_panic() {
    let cancelled = || {
        Handle::current().unwrap().cancel();
        yield_now();
    };
    assert_eq!(Runtime::new().run(cancelled), Err(RunError::MainCancelled));
    let caught = catch_unwind(|| run(cancelled)).unwrap_err();
    let said = caught.downcast_ref::<String>().unwrap();
    assert!(said.contains("cancelled"), "{said}");
    // One that deals with it has a result like any other.
    let dealt_with = Runtime::new().run(|| {
        Handle::current().unwrap().cancel();
        suspend()
    });
    assert_eq!(dealt_with, Ok(Err(Interrupt::Cancelled)));
}

#[test]
fn the_main_wire_has_the_name_given() {
    let name = Runtime::new()
        .name("acceptor")
        .run(|| Handle::current().unwrap().name());
    assert_eq!(name, Ok("acceptor"));
}

#[test]
fn the_start_hook_is_called_on_every_run_before_the_first_wire() {
    thread_local!(static CALLS: Cell<u32> = const { Cell::new(0) });
    set_start_hook(|| {
        assert!(!in_wire());
        CALLS.set(CALLS.get() + 1);
        if CALLS.get() == 1 {
            run(yield_now); // one inside the hook is an ordinary one
        }
    });
    run(|| assert_eq!(CALLS.get(), 2));
    run(|| assert_eq!(CALLS.get(), 3));
}

#[test]
fn without_a_wire_nothing_waits_and_nothing_starts() {
    run(|| {
        let other = spawn("other", || 17);
        without_wire(|| {
            assert!(!in_wire());
            assert!(Handle::current().is_none());
            yield_now();
            assert!(!other.is_finished());
            let refused = wire().spawn(stack(), "none", || ()).unwrap_err();
            assert_eq!(refused, SpawnError::NotRunning);
            assert!(catch_unwind(suspend).is_err());
            assert!(catch_unwind(AssertUnwindSafe(|| other.wait())).is_err());
            assert!(catch_unwind(|| scope(|_| ())).is_err());
        });
        let caught = catch_unwind(|| without_wire(|| panic!("inside")));
        assert!(caught.is_err());
        assert!(in_wire());
        assert_eq!(other.join().unwrap(), 17);
    });
}

#[test]
fn thread_local_destructors_may_use_the_library() {
    struct Last(RefCell<Option<Box<dyn FnOnce()>>>);
    impl Drop for Last {
        fn drop(&mut self) {
            self.0.take().unwrap()();
        }
    }
    thread_local!(static LAST: Last = const { Last(RefCell::new(None)) });
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // Registered before the thread ever runs wires, so destroyed after whatever that leaves.
        LAST.with(|_| ());
        let (handle, kept) = run(|| (Handle::current().unwrap(), spawn("kept", || 17)));
        let act = move || {
            yield_now();
            handle.resume();
            handle.cancel();
            assert!(handle.is_finished());
            assert_eq!(kept.join().unwrap(), 17);
            assert_clean();
            let again = run(|| {
                let wire = Wire::new();
                scope(|s| {
                    let wire = s.spawn(&wire, stack(), "late", || 4).unwrap();
                    yield_now();
                    wire.join().unwrap()
                })
            });
            sender.send(again).unwrap();
        };
        LAST.with(|last| last.0.replace(Some(Box::new(act))));
    })
    .join()
    .unwrap();
    assert_eq!(receiver.recv(), Ok(4));
}

#[test]
fn a_run_in_a_destructor_works() {
    let count = Rc::new(Cell::new(0));
    let inner = Rc::clone(&count);
    drop(OnDrop(move || run(|| inner.set(inner.get() + 1))));
    assert_eq!(count.get(), 1);
}
