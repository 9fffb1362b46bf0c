//! A signal has all wires listed, each time in a process of its own.
mod child;

use std::sync::atomic::{AtomicBool, Ordering};

use libc::SIGUSR1;
use wire_stack::detector::{Signal, dump_on};
use wire_stack::wire_core::{self, Wire, run, scope, suspend, yield_now};
use wire_stack::{Arena, SMALLEST_STACK, StackError};

/// As many switches as a dump may take to come.
const MOST: u32 = 1024;

const HEAD: &str = "libwire: all wires of this OS thread\n";

fn raise() {
    // SAFETY: sends a signal to this thread, which has handled it when this returns.
    assert_eq!(unsafe { libc::raise(SIGUSR1) }, 0);
}

/// Runs `busy` as a wire of that name beside one named 'waits'.
fn beside_a_waiting_one(busy: impl FnOnce() + Send) {
    let arena = Arena::builder()
        .count(2)
        .stack_size(SMALLEST_STACK)
        .build()
        .unwrap();
    let wires = [Wire::new(), Wire::new()];
    run(|| {
        scope(|s| {
            let waits = s.spawn(&wires[0], arena.stack().unwrap(), "waits", suspend);
            let busy = s.spawn(&wires[1], arena.stack().unwrap(), "busy", busy);
            busy.unwrap().join().unwrap();
            let waits = waits.unwrap();
            waits.handle().resume();
            waits.join().unwrap().unwrap();
        });
    });
}

#[test]
fn it_comes_within_so_many_yields_and_names_all_wires_and_the_program_goes_on() {
    let name = "it_comes_within_so_many_yields_and_names_all_wires_and_the_program_goes_on";
    let output = child::child(name, || {
        dump_on(Signal::SIGUSR1).unwrap();
        beside_a_waiting_one(|| {
            (0..5).for_each(|_| yield_now());
            raise();
            (0..MOST).for_each(|_| yield_now());
            eprintln!("went on");
        });
    });
    let text = child::success(&output);
    let wires = "wire 'main' waits: join at 0x";
    let (dump, after) = text.split_once("went on").expect("it went on");
    let at = dump.find(HEAD).expect(&text);
    let dump = &dump[at + HEAD.len()..];
    assert!(dump.starts_with(wires), "{text}");
    assert!(
        dump.contains("\nwire 'waits' waits: suspend, for "),
        "{text}"
    );
    assert!(dump.contains("\nwire 'busy' runs, stack "), "{text}");
    assert_eq!(dump.lines().count(), 3, "{text}");
    assert!(!after.contains("libwire"), "{text}");
}

#[test]
fn wires_that_block_or_end_see_to_it_as_well() {
    let output = child::child("wires_that_block_or_end_see_to_it_as_well", || {
        dump_on(Signal::SIGUSR1).unwrap();
        let arena = Arena::builder().count(2).build().unwrap();
        let wires = [Wire::new(), Wire::new()];
        run(|| {
            // Three switches each: main blocks, and two end.
            for _ in 0..MOST / 3 {
                raise();
                scope(|s| {
                    for (wire, name) in wires.iter().zip(["first", "second"]) {
                        let short = s.spawn(wire, arena.stack().unwrap(), name, || ());
                        short.unwrap().detach();
                    }
                });
            }
        });
    });
    let text = child::success(&output);
    let dumps: Vec<_> = text.split(HEAD).skip(1).collect();
    assert!(!dumps.is_empty() && dumps.iter().all(|dump| dump.starts_with("wire 'main' ")));
    let names = |dump: &str| {
        let names = ["main", "first", "second"];
        names.map(|name| dump.contains(&format!("wire '{name}'")))
    };
    // One who has ended is left out of the dump that it writes itself; the next has not run yet.
    assert!(
        dumps.iter().any(|dump| names(dump) == [true, false, true]),
        "{text}"
    );
    assert!(dumps.iter().any(|dump| names(dump) == [true; 3]), "{text}");
}

#[test]
fn every_thread_writes_its_own_wires_once_and_later_ones_do_not() {
    let name = "every_thread_writes_its_own_wires_once_and_later_ones_do_not";
    let output = child::child(name, || {
        static RUNS: AtomicBool = AtomicBool::new(false);
        static RAISED: AtomicBool = AtomicBool::new(false);
        dump_on(Signal::SIGUSR1).unwrap();
        let other = std::thread::spawn(|| {
            beside_a_waiting_one(|| {
                RUNS.store(true, Ordering::SeqCst);
                while !RAISED.load(Ordering::SeqCst) {
                    yield_now();
                }
                (0..MOST).for_each(|_| yield_now());
            });
        });
        while !RUNS.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        // Twice before anyone looks.
        raise();
        raise();
        RAISED.store(true, Ordering::SeqCst);
        other.join().unwrap();
        // This thread's wires come after the request.
        beside_a_waiting_one(|| (0..2 * MOST).for_each(|_| yield_now()));
    });
    let text = child::success(&output);
    let dumps = text.matches(HEAD).count();
    // The other thread may have written between the two.
    assert!((1..=2).contains(&dumps), "{text}");
    assert_eq!(text.matches("wire 'busy'").count(), dumps, "{text}");
}

#[test]
fn what_cannot_ask_for_it_is_refused_with_the_reason() {
    extern "C" fn mine(_: libc::c_int) {}
    let output = child::child("what_cannot_ask_for_it_is_refused_with_the_reason", || {
        let taken = |error: StackError| matches!(error, StackError::SignalTaken { .. });
        // SAFETY: a handler that does nothing.
        unsafe { libc::signal(SIGUSR1, mine as *const () as usize) };
        let error = dump_on(Signal::SIGUSR1).unwrap_err();
        assert!(taken(error));
        let text = error.to_string();
        assert!(text.starts_with("SIGUSR1 has a handler already"), "{text}");

        let text = dump_on(Signal::SIGKILL).unwrap_err().to_string();
        assert!(text.starts_with("SIGKILL cannot be handled: "), "{text}");
        let text = dump_on(Signal::SIGFPE).unwrap_err().to_string();
        assert!(text.starts_with("SIGFPE is what faults send"), "{text}");
        // Rust's own handler is there.
        assert!(dump_on(Signal::SIGSEGV).is_err());

        // The one that was there still is.
        let mut now = std::mem::MaybeUninit::<libc::sigaction>::uninit();
        // SAFETY: only asks; it has written the answer if it returns 0.
        let now = unsafe {
            assert_eq!(
                libc::sigaction(SIGUSR1, std::ptr::null(), now.as_mut_ptr()),
                0
            );
            now.assume_init()
        };
        assert_eq!(now.sa_sigaction, mine as *const () as usize);
    });
    child::success(&output);
}

#[test]
fn an_ignored_signal_may_be_taken_and_taken_again() {
    let output = child::child("an_ignored_signal_may_be_taken_and_taken_again", || {
        // SAFETY: sets no handler.
        unsafe { libc::signal(SIGUSR1, libc::SIG_IGN) };
        dump_on(Signal::SIGUSR1).unwrap();
        dump_on(Signal::SIGUSR1).unwrap();
        run(|| {
            raise();
            (0..MOST).for_each(|_| yield_now());
        });
    });
    let text = child::success(&output);
    assert!(text.contains("wire 'main' runs\n"), "{text}");
}

#[test]
fn a_handler_of_ones_own_may_ask_for_it() {
    extern "C" fn mine(_: libc::c_int) {
        wire_core::request_dump();
    }
    let output = child::child("a_handler_of_ones_own_may_ask_for_it", || {
        // SAFETY: `mine` does only what a handler may.
        unsafe { libc::signal(SIGUSR1, mine as *const () as usize) };
        run(|| {
            raise();
            (0..MOST).for_each(|_| yield_now());
        });
    });
    let text = child::success(&output);
    assert!(text.contains("wire 'main' runs\n"), "{text}");
}
