//! Walks over all wires, during which those start, end and switch.
mod common;

use std::cell::RefCell;
use std::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use common::{Log, SIZE, reason, spawn, spawn_daemon};
use wire_core::outside::{current_info, without_wire};
use wire_core::{
    JoinHandle, Runtime, WireInfo, WireState, block, dump, run, suspend, walk, yield_now,
};

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
            let state = match info.name() {
                "main" => WireState::Running,
                "sleeper" => WireState::Waiting,
                _ => WireState::Ready,
            };
            assert_eq!(info.state(), state);
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
        let told: Vec<_> = text.lines().collect();
        assert_eq!(told.len(), lines.len());
        assert_eq!(told[0], lines[0]);
        for (told, line) in told[1..].iter().zip(&lines[1..]) {
            let rest = told.strip_prefix(line.as_str()).unwrap();
            let rest = match line.contains("waits") {
                true => rest.strip_prefix(", for 1 switches").unwrap(),
                false => rest,
            };
            let used = rest.strip_prefix(", stack ").unwrap();
            let used = used.strip_suffix(&format!(" of {SIZE} bytes")).unwrap();
            assert!((1..SIZE).contains(&used.parse().unwrap()));
        }
        sleeper.cancel();
        drop(ready);
    });
}

/// What a walk tells of the wire of that name.
fn info(name: &str) -> WireInfo {
    let mut found = None;
    walk(|info| {
        if info.name() == name {
            found = Some(info);
        }
    });
    found.unwrap()
}

#[test]
fn it_tells_for_how_many_switches_a_wire_has_waited() {
    run(|| {
        let sleeper = spawn("sleeper", || (suspend().unwrap(), suspend().unwrap()));
        assert_eq!(info("sleeper").waits_since(), None);
        yield_now(); // to the sleeper, which switches back
        assert_eq!(info("sleeper").waits_since(), Some(1));
        yield_now(); // to nobody, but it counts
        assert_eq!(info("sleeper").waits_since(), Some(2));
        let other = spawn("other", || (yield_now(), suspend().unwrap()));
        yield_now(); // there and back
        assert_eq!(info("sleeper").waits_since(), Some(4));
        assert_eq!(info("other").waits_since(), None);
        yield_now();
        assert_eq!(info("sleeper").waits_since(), Some(6));
        assert_eq!(info("other").waits_since(), Some(1));
        sleeper.handle().resume();
        assert_eq!(info("sleeper").waits_since(), None);
        yield_now();
        assert_eq!(info("sleeper").waits_since(), Some(1));
        assert_eq!(info("other").waits_since(), Some(3));
        assert_eq!(info("main").waits_since(), None);
        sleeper.handle().resume();
        other.handle().resume();
        sleeper.join().unwrap();
        other.join().unwrap();
    });
}

const FRAME: usize = 512;

/// Calls `f` with this many frames between, each of `FRAME` bytes and a little.
#[inline(never)]
fn deep(frames: usize, f: fn()) {
    let frame = std::hint::black_box([0_u8; FRAME]);
    match frames {
        0 => f(),
        _ => deep(frames - 1, f),
    }
    std::hint::black_box(&frame);
}

#[test]
fn it_tells_how_much_of_its_stack_a_stopped_wire_uses() {
    run(|| {
        let names = ["0", "10", "20", "40"];
        let stops: [fn(); 2] = [|| suspend().unwrap(), yield_now];
        for stop in stops {
            let wires = names.map(|n| {
                let frames = n.parse().unwrap();
                spawn(n, move || deep(frames, stop))
            });
            // What lies at the top of the stack, before anything has run on it.
            let fresh = names.map(|n| info(n).stack_used().unwrap());
            assert!(fresh.iter().all(|used| (1..4096).contains(used)));
            yield_now();
            let used = names.map(|n| info(n).stack_used().unwrap());
            assert!(used[0] > fresh[0] + FRAME, "{fresh:?} {used:?}");
            let step = (used[2] - used[1]) / 10;
            assert!((FRAME..4 * FRAME).contains(&step), "{used:?}");
            assert_eq!(used[1] - used[0], 10 * step);
            assert_eq!(used[3] - used[2], 20 * step);
            for wire in wires {
                wire.handle().resume();
                wire.join().unwrap();
            }
        }
    });
}

#[test]
fn it_tells_how_much_of_its_stack_the_running_wire_uses() {
    thread_local!(static USED: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) });
    fn look() {
        let info = current_info().unwrap();
        assert_eq!(info.state(), WireState::Running);
        USED.with_borrow_mut(|all| all.push(info.stack_used().unwrap()));
    }
    run(|| {
        let wire = spawn("wire", || {
            deep(20, yield_now); // no matter how deep it was when it last stopped
            deep(0, look);
            deep(10, look);
            // To itself it is a thread without wires, but it is on its stack all the same.
            let used = without_wire(|| info("wire").stack_used().unwrap());
            assert!(used < USED.with_borrow(|all| all[1]));
        });
        assert_eq!(current_info().unwrap().stack_used(), None);
        wire.join().unwrap();
        assert_eq!(info("main").stack_used(), None);
    });
    let used = USED.take();
    assert!(
        used[1] >= used[0] + 10 * FRAME && used[1] < SIZE,
        "{used:?}"
    );
}

#[test]
fn the_main_wire_that_sees_to_the_stuck_ones_waits() {
    let mut states = Vec::new();
    let mut told = |info: WireInfo| states.push((info.name(), info.state()));
    let wires = || {
        spawn("other", || suspend().unwrap_err()).detach();
        suspend().unwrap_err();
    };
    assert_eq!(Runtime::new().on_stuck(&mut told).run(wires), Ok(()));
    let waiting = WireState::Waiting;
    assert_eq!(states, [("main", waiting), ("other", waiting)]);
}

#[test]
fn a_dump_can_be_had_when_wires_are_stuck() {
    let mut dumps = Vec::new();
    let mut on_stuck = |_: WireInfo| {
        let mut text = String::new();
        dump(&mut text).unwrap();
        dumps.push(text);
    };
    let result = Runtime::new().on_stuck(&mut on_stuck).run(|| {
        let one = spawn("one", || (suspend(), yield_now()));
        spawn("two", move || one.wait()).detach();
        suspend()
    });
    assert_eq!(result, Ok(Err(wire_core::Interrupt::Cancelled)));
    // Once for each, while all of them wait.
    assert_eq!(dumps.len(), 3);
    for text in dumps {
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        for (line, start) in lines.iter().zip([
            "wire 'main' waits: suspend, for 3 switches",
            "wire 'one' waits: suspend, for 2 switches, stack ",
            "wire 'two' waits: join at 0x",
        ]) {
            assert!(line.starts_with(start), "{text}");
        }
    }
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
