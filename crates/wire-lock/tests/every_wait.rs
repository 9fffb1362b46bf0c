//! What holds for every wait in this crate: how it ends when its wire is cancelled, unwinds, is stuck or is none.
#[path = "../../wire-wait/tests/common/mod.rs"]
mod common;
mod forms;

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{Trace, run_stuck, settle, spawn};
use forms::{Form, forms, leak};
use wire_core as wires;
use wire_core::{Interrupt, check_interrupt, run, suspend};
use wire_lock as locks;
use wire_wait as waits;

/// Calls `test` in a run of its own with each form, leaked so that wires may use it.
fn with_each(test: impl Fn(&'static Form)) {
    run(|| {
        for form in leak(forms(|f| spawn("makes", f))) {
            println!("{}", form.name);
            test(form);
            // Let those end who are still at it.
            form.give();
        }
    });
}

#[test]
fn a_cancelled_wait_ends_with_an_error_and_without_a_trace() {
    with_each(|form| {
        let first = spawn("first", || (form.wait)());
        let second = spawn("second", || (form.wait)());
        settle();
        if form.name == "Barrier::wait" {
            // The second completes it.
            assert!(second.is_finished());
            return;
        }
        assert!(!first.is_finished() && !second.is_finished());
        first.cancel();
        assert_eq!(first.join().unwrap(), Err(Interrupt::Cancelled));
        assert!(!(form.is_free)());
        form.give();
        assert_eq!(second.join().unwrap(), Ok(()), "{}", form.name);
        settle();
        assert!((form.is_free)(), "{}", form.name);
    });
}

#[test]
fn whoever_is_cancelled_last_leaves_no_trace_either() {
    with_each(|form| {
        let waits = spawn("waits", || (form.wait)());
        settle();
        assert!(!waits.is_finished());
        waits.cancel();
        assert_eq!(waits.join().unwrap(), Err(Interrupt::Cancelled));
        form.give();
        settle();
        assert!((form.is_free)(), "{}", form.name);
    });
}

#[test]
fn a_cancelled_wire_does_not_begin_to_wait() {
    with_each(|form| {
        let waits = spawn("waits", || {
            assert!(suspend().is_err());
            (form.wait)()
        });
        settle();
        waits.cancel();
        assert_eq!(waits.join().unwrap(), Err(Interrupt::Cancelled));
        form.give();
        settle();
        assert!((form.is_free)(), "{}", form.name);
    });
}

#[test]
fn who_was_given_it_has_it_even_if_cancelled_before_it_runs() {
    for cancelled_first in [true, false] {
        with_each(|form| {
            let waits = spawn("waits", || ((form.wait)(), check_interrupt()));
            settle();
            // A cell's value is there only when its maker has run, and by then this one has, too.
            if cancelled_first && !form.name.starts_with("OnceCell") {
                waits.cancel();
            }
            form.give();
            assert!(!waits.is_finished());
            waits.cancel();
            let expected = (Ok(()), Err(Interrupt::Cancelled));
            assert_eq!(waits.join().unwrap(), expected, "{}", form.name);
            assert!((form.is_free)(), "{}", form.name);
        });
    }
}

#[test]
fn what_needs_no_waiting_is_had_by_a_cancelled_wire() {
    with_each(|form| {
        form.give();
        let had = spawn("has", || {
            assert!(suspend().is_err());
            (form.wait)()
        });
        settle();
        had.cancel();
        assert_eq!(had.join().unwrap().is_ok(), form.stays, "{}", form.name);
    });
}

#[test]
fn a_wire_that_unwinds_is_told_that_it_cannot_wait() {
    struct Waits(Trace<Result<(), Interrupt>>, &'static Form);
    impl Drop for Waits {
        fn drop(&mut self) {
            self.0.add((self.1.wait)());
        }
    }
    with_each(|form| {
        let told = Trace::new();
        let waits = Waits(told.clone(), form);
        let unwinds = spawn("unwinds", move || {
            let _waits = waits;
            panic!("as told");
        });
        assert!(unwinds.join().is_err());
        assert_eq!(told.take(), [Err(Interrupt::Unwinding)], "{}", form.name);
        form.give();
        settle();
        assert!((form.is_free)(), "{}", form.name);
    });
}

#[test]
fn the_stuck_report_says_what_each_waits_for() {
    let number = run(|| {
        let forms = forms(|f| spawn("makes", f));
        forms.iter().for_each(Form::give);
        forms.len()
    });
    for index in 0..number {
        let (form, report) = run_stuck(|| {
            let form = leak(forms(|f| spawn("makes", f)).swap_remove(index));
            spawn("waits", || (form.wait)()).detach();
            form
        });
        let line = format!("wire 'waits' waits: {}", form.unwrap().reason);
        assert!(report.contains(&line), "{line}: {report:?}");
    }
}

#[test]
fn outside_of_wires_a_wait_panics_and_leaves_no_trace() {
    let forms = run(|| {
        let forms = leak(forms(|f| spawn("makes", f)));
        let cells = forms
            .iter()
            .filter(|form| form.name.starts_with("OnceCell"));
        cells.for_each(|form| form.give());
        forms
    });
    for form in forms {
        let result = catch_unwind(AssertUnwindSafe(|| (form.wait)()));
        if form.name.starts_with("OnceCell") {
            assert!(result.unwrap().is_ok(), "it is there");
            continue;
        }
        assert!(result.is_err(), "{}", form.name);
        form.give();
        assert!((form.is_free)(), "{}", form.name);
    }
}
