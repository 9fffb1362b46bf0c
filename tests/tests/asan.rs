//! What AddressSanitizer makes of wires. Left out of a plain run, since it wants a build with the sanitizer, which
//! is told of switches: `cargo xtask deep asan`.
#![allow(unsafe_code)]

use std::env;
use std::hint::black_box;
use std::panic::resume_unwind;
use std::process::{Command, Output};
use std::rc::Rc;

use libwire::core::{Wire, run, scope, yield_now};
use libwire::pool::MappedPool;
use libwire::stack::Arena;

const CHILD: &str = "WIRE_ASAN_CHILD";

/// Runs `scenario` in a process of its own: this test again. `None` there.
fn child(test: &str, scenario: impl FnOnce()) -> Option<Output> {
    if !cfg!(wire_sanitize = "address") {
        panic!("built without the sanitizer; use `cargo xtask deep asan`");
    }
    if env::var_os(CHILD).is_some() {
        scenario();
        return None;
    }
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", test, "--nocapture"]).env(CHILD, "1");
    let options = env::var("ASAN_OPTIONS").unwrap_or_default();
    // As it is by default.
    let options = format!("{options}:detect_stack_use_after_return=1");
    Some(child.env("ASAN_OPTIONS", options).output().unwrap())
}

/// That it ended with a report of this kind, from the frames of these functions.
#[track_caller]
fn reports(output: Option<Output>, kind: &str, functions: &[&str]) {
    let Some(output) = output else { return };
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{text}");
    assert!(
        text.contains(&format!("ERROR: AddressSanitizer: {kind}")),
        "{text}"
    );
    for function in functions {
        assert!(text.contains(function), "{function}: {text}");
    }
    // It knows whose stack that is, and where the frame lies.
    assert!(text.contains("This frame has"), "{text}");
    assert!(!text.contains("ASan is ignoring"), "{text}");
}

fn in_a_wire(f: impl FnOnce()) {
    let (arena, wires) = (
        Arena::builder().count(2).build().unwrap(),
        [Wire::new(), Wire::new()],
    );
    run(|| {
        scope(|s| {
            let turns = || (0..10).for_each(|_| yield_now());
            let other = s.spawn(&wires[0], arena.stack().unwrap(), "other", turns);
            let wire = s.spawn(&wires[1], arena.stack().unwrap(), "at fault", f);
            wire.unwrap().join().unwrap();
            other.unwrap().join().unwrap();
        });
    });
}

#[inline(never)]
fn overruns_its_buffer() {
    let mut buffer = [1_u8; 40];
    yield_now();
    let at = black_box(&raw mut buffer).cast::<u8>();
    // SAFETY: none; that is to be found.
    unsafe { at.add(black_box(41)).write(1) };
    black_box(buffer[3]);
}

#[test]
fn an_overrun_buffer_of_a_wire_is_reported() {
    let output = child("an_overrun_buffer_of_a_wire_is_reported", || {
        in_a_wire(overruns_its_buffer);
    });
    reports(output, "stack-buffer-overflow", &["overruns_its_buffer"]);
}

#[inline(never)]
fn leaves_its_frame() -> *mut [u8; 100] {
    let mut local = [1; 100];
    black_box(&raw mut local)
}

#[test]
fn a_frame_used_after_it_was_left_is_reported() {
    let output = child("a_frame_used_after_it_was_left_is_reported", || {
        in_a_wire(|| {
            let left = leaves_its_frame();
            yield_now();
            // SAFETY: none; that is to be found.
            black_box(unsafe { (*left)[5] });
        });
    });
    reports(output, "stack-use-after-return", &["leaves_its_frame"]);
}

/// Goes down so far, with locals that have red zones, then unwinds.
#[inline(never)]
fn dives(depth: usize, by_panic: bool) -> usize {
    let mut room = [depth; 20];
    if depth == 0 {
        yield_now();
        if by_panic {
            resume_unwind(Box::new(room[0]));
        }
        panic!("with the hook, {}", room[1]);
    }
    let room = black_box(&mut room);
    room[3] = dives(depth - 1, by_panic);
    room[3]
}

#[test]
fn what_is_unwound_forgotten_or_used_again_is_no_error() {
    let output = child(
        "what_is_unwound_forgotten_or_used_again_is_no_error",
        || {
            std::panic::set_hook(Box::new(|_| ()));
            let pool = MappedPool::builder().max(4).build().unwrap();
            let kept = Rc::new(());
            run(|| {
                libwire::scope(|s| {
                    for round in 0..300 {
                        let depth = round * 7 % 50;
                        let kept = Rc::clone(&kept);
                        let dive = move || {
                            let _kept = kept;
                            dives(depth, round % 2 == 0)
                        };
                        let wire = pool.spawn_in(s.inner(), "dives", dive).unwrap();
                        yield_now();
                        if round % 3 == 0 {
                            // Unwinds by itself.
                            wire.handle().cancel();
                        }
                        assert!(wire.join().is_err());
                        // The main wire has such frames as well.
                        let main = || dives(depth, round % 2 == 1);
                        assert!(std::panic::catch_unwind(main).is_err());
                    }
                });
            });
            assert_eq!(Rc::strong_count(&kept), 1);
        },
    );
    let Some(output) = output else { return };
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(
        !text.contains("AddressSanitizer") && !text.contains("ASan"),
        "{text}"
    );
}
