//! What becomes of wires where nothing can unwind. Built with `--profile abort` and run by
//! tests/tests/panic_abort.rs, once with each of the names below.

use std::cell::Cell;
use std::ptr::NonNull;

use wire_core::{
    Interrupt, JoinError, JoinHandle, Stack, Wire, check_interrupt, outside, run, shield, suspend,
    yield_now,
};

/// Starts a wire in memory that is never freed.
fn spawn<T: 'static>(
    name: &'static str,
    f: impl FnOnce() -> T + 'static,
) -> JoinHandle<'static, T> {
    #[repr(align(16))]
    struct Memory([u8; 256 * 1024]);
    let memory = Box::leak(Box::new(Memory([0; 256 * 1024])));
    let wire: &'static Wire = Box::leak(Box::default());
    // SAFETY: leaked, aligned and used by nothing else; ample.
    let stack = unsafe { Stack::from_raw(NonNull::from(&mut memory.0).cast(), 256 * 1024) };
    wire.spawn(stack, name, f).unwrap()
}

/// A wire that is cancelled where it can say so ends by returning.
fn cancelled_in_a_wait_that_can_fail() {
    let wire = spawn("polite", || (suspend(), check_interrupt()));
    yield_now();
    wire.cancel();
    let cancelled = Err(Interrupt::Cancelled);
    assert_eq!(wire.join().unwrap(), (cancelled, cancelled));
}

fn never_ran() {
    thread_local!(static DROPPED: Cell<bool> = const { Cell::new(false) });
    struct Value;
    impl Drop for Value {
        fn drop(&mut self) {
            DROPPED.set(true);
        }
    }
    let value = Value;
    let wire = spawn("never", move || {
        let _value = value;
        unreachable!();
    });
    wire.cancel();
    assert!(matches!(wire.join(), Err(JoinError::Cancelled)));
    assert!(DROPPED.get());
}

fn shielded() {
    let wire = spawn("shielded", || {
        shield(|| (0..3).for_each(|_| yield_now()));
        suspend()
    });
    yield_now();
    wire.cancel();
    assert_eq!(wire.join().unwrap(), Err(Interrupt::Cancelled));
}

/// As for the crate that keeps the time.
fn deadline_in_a_wait_that_can_fail() {
    outside::with_timer(|timer| outside::deadline_passed(timer.wire()));
    let outcome = suspend();
    outside::with_timer(|timer| outside::clear_deadline(timer.wire()));
    assert_eq!(outcome, Err(Interrupt::DeadlinePassed));
    yield_now();
}

fn cancelled_in_a_call_that_cannot_fail() {
    let wire = spawn("rude", || {
        loop {
            yield_now();
        }
    });
    yield_now();
    wire.cancel();
    yield_now();
}

fn deadline_in_a_call_that_cannot_fail() {
    spawn("late", || {
        outside::with_timer(|timer| outside::deadline_passed(timer.wire()));
        yield_now();
    });
    yield_now();
}

fn stuck_in_a_wait_that_can_fail() {
    spawn("forlorn", suspend).detach();
}

fn stuck_in_a_call_that_cannot_fail() {
    spawn("lost", || suspend().unwrap_or_else(|why| why.unwind())).detach();
}

fn panic() {
    spawn("panics", || panic!("as ever"));
    yield_now();
}

fn main() {
    let case = std::env::args().nth(1).unwrap_or_default();
    let case = match case.as_str() {
        "cancelled_in_a_wait_that_can_fail" => cancelled_in_a_wait_that_can_fail,
        "never_ran" => never_ran,
        "shielded" => shielded,
        "deadline_in_a_wait_that_can_fail" => deadline_in_a_wait_that_can_fail,
        "cancelled_in_a_call_that_cannot_fail" => cancelled_in_a_call_that_cannot_fail,
        "deadline_in_a_call_that_cannot_fail" => deadline_in_a_call_that_cannot_fail,
        "stuck_in_a_wait_that_can_fail" => stuck_in_a_wait_that_can_fail,
        "stuck_in_a_call_that_cannot_fail" => stuck_in_a_call_that_cannot_fail,
        "panic" => panic,
        _ => {
            println!("one of the cases in this file is to be named");
            return;
        }
    };
    run(case);
    println!("ended well");
}
