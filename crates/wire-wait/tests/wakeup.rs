//! What a wake-up without data promises.
mod common;

use common::{Trace, leak, run_stuck, settle, spawn};
use wire_core::{Interrupt, run};
use wire_wait::{Source, Wakeup};

#[test]
fn it_is_triggered_once_until_reset() {
    let wakeup = Wakeup::new();
    assert!(!wakeup.is_triggered());
    assert!(wakeup.resume());
    assert!(!wakeup.resume());
    run(|| assert_eq!((wakeup.wait(), wakeup.wait()), (Ok(()), Ok(()))));
    wakeup.reset();
    assert!(!wakeup.is_triggered());
    assert!(wakeup.resume());
}

#[test]
fn a_stopped_one_ignores_triggers_and_forgets_the_one_before() {
    let wakeup = leak(Wakeup::new());
    run(|| {
        let waiting = spawn("waiting", || wakeup.wait());
        settle();
        wakeup.stop();
        assert!(!wakeup.resume());
        settle();
        assert!(!waiting.is_finished());
        wakeup.reset();
        assert!(wakeup.resume());
        assert_eq!(waiting.join().unwrap(), Ok(()));
        wakeup.stop();
        assert!(wakeup.is_stopped() && !wakeup.is_triggered());
    });
}

#[test]
fn all_who_wait_go_on_in_their_order() {
    let (wakeup, trace) = (leak(Wakeup::new()), Trace::new());
    run(|| {
        for number in 0..4 {
            let trace = trace.clone();
            spawn("waiting", move || {
                wakeup.wait().unwrap();
                trace.add(number);
            })
            .detach();
        }
        settle();
        assert_eq!(trace.take(), []);
        wakeup.resume();
        settle();
        assert_eq!(trace.take(), [0, 1, 2, 3]);
    });
}

#[test]
fn a_cancelled_wait_leaves_the_queue() {
    let wakeup = leak(Wakeup::new());
    run(|| {
        let waiting = spawn("waiting", || wakeup.wait());
        settle();
        assert!(!wakeup.queue().is_empty());
        waiting.cancel();
        assert_eq!(waiting.join().unwrap(), Err(Interrupt::Cancelled));
        assert!(wakeup.queue().is_empty());
    });
}

#[test]
fn who_was_woken_counts_as_woken_whatever_comes_before_it_runs() {
    let wakeup = leak(Wakeup::new());
    run(|| {
        for order in 0..3 {
            let waiting = spawn("waiting", || wakeup.wait());
            settle();
            if order == 0 {
                waiting.cancel();
            }
            wakeup.resume();
            wakeup.reset();
            if order == 1 {
                waiting.cancel();
            }
            assert_eq!(waiting.join().unwrap(), Ok(()));
        }
    });
}

#[test]
fn a_wire_that_unwinds_does_not_wait() {
    struct Waits(&'static Wakeup, Trace<Result<(), Interrupt>>);
    impl Drop for Waits {
        fn drop(&mut self) {
            self.1.add(self.0.wait());
        }
    }
    let (wakeup, trace) = (leak(Wakeup::new()), Trace::new());
    run(|| {
        let waits = Waits(wakeup, trace.clone());
        let unwinding = spawn("unwinding", || {
            let _waits = waits;
            wire_core::suspend().unwrap_or_else(|interrupt| interrupt.unwind());
        });
        settle();
        unwinding.cancel();
        settle();
    });
    assert_eq!(trace.take(), [Err(Interrupt::Unwinding)]);
    assert!(wakeup.queue().is_empty());
}

#[test]
fn the_stuck_report_names_it() {
    let wakeup = Wakeup::new();
    let (result, stuck) = run_stuck(|| wakeup.wait());
    assert_eq!(result, Some(Err(Interrupt::Cancelled)));
    assert_eq!(
        stuck,
        [format!("wire 'main' waits: wake-up at {:p}", &wakeup)]
    );
}
