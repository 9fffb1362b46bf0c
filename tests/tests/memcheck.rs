//! What valgrind's memcheck makes of wires. Left out of a plain run, since it wants valgrind:
//! `cargo xtask deep valgrind`.
#![allow(unsafe_code)]

use std::env;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::panic::resume_unwind;
use std::process::{Command, Output};

use libwire::core::{Local, Wire, run, scope, yield_now};
use libwire::pool::MappedPool;
use libwire::stack::{Arena, Guards, StaticStack};

const CHILD: &str = "WIRE_MEMCHECK_CHILD";

/// Runs `scenario` under valgrind in a process of its own: this test again. `None` there.
fn child(test: &str, scenario: impl FnOnce()) -> Option<Output> {
    if env::var_os(CHILD).is_some() {
        scenario();
        return None;
    }
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--error-exitcode=9", "--num-callers=40"]);
    valgrind.arg(env::current_exe().unwrap());
    valgrind.args(["--exact", test, "--nocapture"]);
    Some(valgrind.env(CHILD, "1").output().expect("valgrind runs"))
}

#[track_caller]
fn says_nothing(output: Option<Output>) {
    let Some(output) = output else { return };
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("ERROR SUMMARY: 0 errors"), "{text}");
    // It would say this if it had to guess.
    assert!(!text.contains("client switching stacks"), "{text}");
}

/// What depends on a value that nobody wrote.
#[inline(never)]
fn reads_what_was_never_written() -> u32 {
    let unset = black_box(MaybeUninit::<[u32; 64]>::uninit());
    yield_now();
    // SAFETY: none; that is to be found.
    let value = unsafe {
        unset
            .as_ptr()
            .cast::<u32>()
            .add(black_box(7))
            .read_volatile()
    };
    if value == 17 { 1 } else { 2 }
}

#[test]
fn an_unset_value_of_a_wire_is_reported_with_its_frames() {
    let output = child(
        "an_unset_value_of_a_wire_is_reported_with_its_frames",
        || {
            let (arena, wire) = (Arena::builder().build().unwrap(), Wire::new());
            run(|| {
                scope(|s| {
                    let reads = reads_what_was_never_written;
                    let wire = s.spawn(&wire, arena.stack().unwrap(), "reads", reads);
                    black_box(wire.unwrap().join().unwrap());
                });
            });
        },
    );
    let Some(output) = output else { return };
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(9), "{text}");
    let report = text
        .split("depends on uninitialised value")
        .nth(1)
        .expect(&text);
    let frames = report.split("\n==").take_while(|line| line.contains("0x"));
    let frames: Vec<&str> = frames.collect();
    assert!(report.contains("reads_what_was_never_written"), "{text}");
    assert!(report.contains("spawn::entry"), "{text}");
    // They end there.
    assert!(
        !frames.iter().any(|line| line.contains("Runtime")),
        "{text}"
    );
}

#[inline(never)]
fn dives(depth: usize) -> usize {
    let mut room = [depth; 30];
    if depth == 0 {
        yield_now();
        resume_unwind(Box::new(room[0]));
    }
    let room = black_box(&mut room);
    room[3] = dives(depth - 1);
    room[3]
}

/// Starts a wire with a closure of `SIZE` words that goes down, yields and unwinds, twice.
fn dive_in<const SIZE: usize>(pool: &MappedPool) {
    libwire::scope(|s| {
        for round in 0..4 {
            let kept = black_box([round; SIZE]);
            let dive = move || dives(kept[SIZE - 1] * 10);
            let wire = pool.spawn_in(s.inner(), "dives", dive).unwrap();
            yield_now();
            assert!(wire.join().is_err());
        }
    });
}

#[test]
fn switches_between_many_stacks_are_no_errors() {
    let output = child("switches_between_many_stacks_are_no_errors", || {
        std::panic::set_hook(Box::new(|_| ()));
        for guards in [Guards::Markers, Guards::Mprotect] {
            // As small as they may be, so that they lie close to each other.
            let stacks = Arena::builder().count(500).stack_size(32 * 1024);
            let arena = stacks.guard_size(4096).guards(guards).build().unwrap();
            let wires: Vec<Wire> = (0..500).map(|_| Wire::new()).collect();
            run(|| {
                scope(|s| {
                    for wire in &wires {
                        let turns = || (0..5).for_each(|_| yield_now());
                        let wire = s.spawn(wire, arena.stack().unwrap(), "turns", turns);
                        wire.unwrap().detach();
                    }
                });
            });
        }
    });
    says_nothing(output);
}

#[test]
fn stacks_used_again_by_larger_and_smaller_closures_are_no_errors() {
    static WIRE: Local<Wire> = Local::new(Wire::new());
    static STACK: Local<StaticStack<{ 64 * 1024 }>> = Local::new(StaticStack::new());
    let output = child(
        "stacks_used_again_by_larger_and_smaller_closures_are_no_errors",
        || {
            std::panic::set_hook(Box::new(|_| ()));
            let pool = MappedPool::builder().max(2).build().unwrap();
            run(|| {
                dive_in::<1>(&pool);
                dive_in::<900>(&pool);
                dive_in::<2>(&pool);
                dive_in::<90>(&pool);
                for large in [[1_usize; 100], [2; 100]] {
                    let stack = STACK.stack().unwrap();
                    let wire = WIRE.spawn(stack, "static", move || large[7] + large[99]);
                    assert_eq!(wire.unwrap().join().unwrap(), 2 * large[0]);
                    let wire = WIRE.spawn(STACK.stack().unwrap(), "static", || dives(20));
                    assert!(wire.unwrap().join().is_err());
                }
            });
            assert_eq!(pool.give_back(), 1);
            run(|| dive_in::<300>(&pool));
        },
    );
    says_nothing(output);
}
