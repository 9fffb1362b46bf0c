//! A panic in a wire nobody joins: told once, by the wire's name, and the others go on.
mod common;

use std::panic::set_hook;
use std::process::Output;

use common::{Drops, in_child, spawn, stack, wire};
use wire_core::{run, yield_now};

/// The lines of this library on standard error, of a child that ended well.
#[track_caller]
fn told(output: &Output) -> Vec<String> {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    said.lines()
        .filter_map(|line| line.strip_prefix("libwire: "))
        .map(str::to_owned)
        .collect()
}

#[test]
fn it_is_told_once_by_name_however_the_handle_went_and_the_others_go_on() {
    let test = "it_is_told_once_by_name_however_the_handle_went_and_the_others_go_on";
    let Some(output) = in_child(test, || {
        let drops = Drops::new();
        run(|| {
            let (one, two) = (drops.counted(), drops.counted());
            spawn("detached", move || {
                let _one = one;
                yield_now();
                panic!("of {}", "detached");
            })
            .detach();
            let dropped = spawn("dropped", move || {
                let _two = two;
                panic!("of dropped");
            });
            spawn("odd", || std::panic::panic_any(17)).detach();
            let joined = spawn("joined", || panic!("of joined"));
            let (drops, other) = (drops.clone(), spawn("other", || 6 * 7));
            for _ in 0..3 {
                yield_now();
            }
            assert_eq!(drops.count(), 2);
            drop(dropped);
            assert!(joined.join().is_err());
            assert_eq!(other.join().unwrap(), 42);
            let again = spawn("again", || 17);
            assert_eq!(again.join().unwrap(), 17);
        });
    }) else {
        return;
    };
    assert_eq!(
        told(&output),
        [
            "wire 'odd' panicked, and nobody joins it: (a payload that is not text)",
            "wire 'detached' panicked, and nobody joins it: of detached",
            "wire 'dropped' panicked, and nobody joins it: of dropped",
        ]
    );
}

#[test]
fn its_control_block_and_stack_are_free_afterwards() {
    let test = "its_control_block_and_stack_are_free_afterwards";
    let Some(output) = in_child(test, || {
        set_hook(Box::new(|_| ()));
        let place = wire();
        run(|| {
            for _ in 0..100 {
                let failing = place.spawn(stack(), "fails", || panic!("again"));
                failing.unwrap().detach();
                yield_now();
                assert!(!place.is_in_use());
            }
        });
    }) else {
        return;
    };
    let line = "wire 'fails' panicked, and nobody joins it: again";
    assert_eq!(told(&output), [line; 100]);
}

#[test]
fn a_forgotten_handle_keeps_it_and_run_ends_all_the_same() {
    let test = "a_forgotten_handle_keeps_it_and_run_ends_all_the_same";
    let Some(output) = in_child(test, || {
        let place = wire();
        run(|| {
            let failing = place.spawn(stack(), "fails", || panic!("forgotten"));
            std::mem::forget(failing.unwrap());
            spawn("other", || ()).join().unwrap();
        });
        assert!(place.is_in_use());
    }) else {
        return;
    };
    // Somebody might still join it, for all that is known. The panic hook has told.
    assert!(told(&output).is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("forgotten"));
}

#[test]
fn its_message_stays_one_line() {
    let test = "its_message_stays_one_line";
    let Some(output) = in_child(test, || {
        set_hook(Box::new(|_| ()));
        run(|| {
            let fails = || panic!("two\nlines, \x1b[31m red, and a bell \x07");
            spawn("fails", fails).detach();
        });
    }) else {
        return;
    };
    assert_eq!(
        told(&output),
        [
            "wire 'fails' panicked, and nobody joins it: two\\nlines, \\u{1b}[31m red, and a bell \\u{7}"
        ]
    );
}
