//! Walks over all wires, during which those start, end and switch.
mod common;

use std::cell::RefCell;
use std::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use common::{Log, SIZE, reason, spawn, spawn_daemon};
use wire_core::{JoinHandle, block, dump, run, suspend, walk, yield_now};

fn names() -> String {
    let log = Log::new();
    walk(|info| log.add(info.name()));
    log.take()
}

#[test]
fn it_shows_every_started_wire_oldest_first() {
    assert_eq!(names(), "");
    run(|| {
        let a = spawn("a", || assert_eq!(names(), "main a b d"));
        spawn("b", suspend).detach();
        spawn_daemon("d", || assert!(suspend().is_err()));
        assert_eq!(names(), "main a b d");
        a.join().unwrap();
        assert_eq!(names(), "main b d");
    });
    assert_eq!(names(), "");
}

#[test]
fn it_tells_what_each_wire_does() {
    run(|| {
        let sleeper = spawn("sleeper", suspend);
        yield_now();
        let ready = spawn("ready", || ());
        spawn_daemon("served", || assert!(block(reason()).is_err()));
        let mut lines = Vec::new();
        walk(|info| {
            let (low, size) = info.stack();
            assert_eq!(low != 0, info.name() != "main");
            assert!(size == 0 || size == SIZE);
            assert_eq!(info.is_running(), info.name() == "main");
            assert_eq!(info.is_daemon(), info.name() == "served");
            let waits = info.waits_for().map(|reason| reason.kind().name());
            assert_eq!(waits, (info.name() == "sleeper").then_some("suspend"));
            lines.push(info.to_string());
        });
        assert_eq!(
            lines,
            [
                "wire 'main' runs",
                "wire 'sleeper' waits: suspend",
                "wire 'ready' is ready",
                "wire 'served' is ready"
            ]
        );
        let mut text = String::new();
        dump(&mut text).unwrap();
        assert_eq!(text, lines.join("\n") + "\n");
        sleeper.cancel();
        drop(ready);
    });
}

#[test]
fn a_name_cannot_forge_lines() {
    run(|| {
        spawn("two\nlines", suspend).detach();
        let mut text = String::new();
        dump(&mut text).unwrap();
        assert_eq!(text.lines().count(), 2);
    });
}

#[test]
fn dump_gives_the_error_of_its_writer() {
    struct Fails(usize);
    impl Write for Fails {
        fn write_str(&mut self, _: &str) -> fmt::Result {
            self.0 += 1;
            Err(fmt::Error)
        }
    }
    run(|| {
        spawn("other", || ()).detach();
        let mut out = Fails(0);
        assert!(dump(&mut out).is_err());
        assert_eq!(out.0, 1);
    });
}

#[test]
fn wires_that_end_during_a_walk_are_left_out_and_new_ones_shown() {
    run(|| {
        let mut wires = ["a", "b", "c", "d"].map(|name| Some(spawn(name, suspend)));
        yield_now();
        let log = Log::new();
        walk(|info| {
            log.add(info.name());
            if info.name() == "a" {
                // Itself, the next one, and one farther on.
                for n in [0, 1, 2] {
                    let wire: JoinHandle<_> = wires[n].take().unwrap();
                    wire.cancel();
                    let _ = wire.join();
                }
                wires[0] = Some(spawn("new", suspend));
            }
        });
        assert_eq!(log.take(), "main a d new");
    });
}

#[test]
fn the_last_wire_may_end_during_its_own_visit() {
    run(|| {
        let last = RefCell::new(Some(spawn("last", || ())));
        let log = Log::new();
        walk(|info| {
            log.add(info.name());
            if info.name() == "last" {
                last.take().unwrap().join().unwrap();
            }
        });
        assert_eq!(log.take(), "main last");
    });
}

#[test]
fn walks_nest_and_overlap_in_any_order_while_wires_come_and_go() {
    run(|| {
        let finished = Rc::new(RefCell::new(Vec::new()));
        let walkers = (0..4).map(|n| {
            let finished = Rc::clone(&finished);
            spawn("walker", move || {
                let mut seen = 0;
                walk(|_| {
                    seen += 1;
                    // The first to start is the last to end, and the other way round.
                    (0..(n * 7 + seen) % 5).for_each(|_| yield_now());
                    if seen < 30 {
                        spawn("short", move || (0..seen % 3).for_each(|_| yield_now())).detach();
                    }
                    walk(|_| ());
                });
                finished.borrow_mut().push((n, seen));
            })
        });
        for walker in walkers.collect::<Vec<_>>() {
            walker.join().unwrap();
        }
        assert_eq!(finished.borrow().len(), 4);
        assert!(finished.borrow().iter().all(|(_, seen)| *seen >= 5));
        assert_eq!(names(), "main");
    });
}

#[test]
fn a_walk_may_be_left_by_a_panic_or_a_cancellation() {
    run(|| {
        let other = spawn("other", suspend);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            walk(|_| walk(|info| assert_ne!(info.name(), "other")));
        }));
        assert!(caught.is_err());
        let walker = spawn("walker", || {
            walk(|_| {
                loop {
                    yield_now();
                }
            })
        });
        yield_now();
        let outer = spawn("outer", || walk(|_| yield_now()));
        yield_now();
        walker.cancel();
        assert!(walker.join().is_err());
        other.cancel();
        assert!(other.join().unwrap().is_err());
        outer.join().unwrap();
        assert_eq!(names(), "main");
    });
}
