//! A deadline ends every wait of wire-lock, which knows nothing of time: `timeout` around it is the form with a
//! deadline of each of them.
#[path = "../../crates/wire-lock/tests/forms/mod.rs"]
mod forms;

use std::cell::Cell;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use forms::{Form, forms, leak};
use libwire as wire;
use wire::core as wires;
use wire::lock as locks;
use wire::wait as waits;
use wire::{Elapsed, Interrupt, check_interrupt, timeout};

const MS: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(600);

fn with_each(test: impl Fn(&'static Form)) {
    wire::run(|| {
        for form in leak(forms(|f| wire::spawn(f))) {
            println!("{}", form.name);
            test(form);
            assert_eq!(check_interrupt(), Ok(()));
            form.give();
        }
    });
}

/// Waits in a wire of its own, since the caller is the one who has it.
fn wait_for(limit: Duration, form: &'static Form) -> Result<(), Interrupt> {
    let waits = wire::spawn(move || (timeout(limit, || (form.wait)()), check_interrupt()));
    let (had, after) = waits.join().unwrap();
    assert_eq!(after, Ok(()), "the deadline is of the scope alone");
    had.expect("waits of this crate return")
}

#[test]
fn a_wait_ends_at_its_deadline_without_a_trace() {
    with_each(|form| {
        for _ in 0..2 {
            let late = wait_for(MS, form);
            assert_eq!(late, Err(Interrupt::DeadlinePassed), "{}", form.name);
        }
        form.give();
        wire::yield_now();
        assert!((form.is_free)(), "{}", form.name);
        if form.stays {
            assert_eq!(wait_for(LONG, form), Ok(()), "{}", form.name);
        }
    });
}

#[test]
fn a_deadline_that_has_passed_refuses_waits_but_not_what_needs_none() {
    with_each(|form| {
        let late = wait_for(Duration::ZERO, form);
        assert_eq!(late, Err(Interrupt::DeadlinePassed), "{}", form.name);
        form.give();
        wire::yield_now();
        if form.stays {
            assert_eq!(wait_for(Duration::ZERO, form), Ok(()), "{}", form.name);
        }
    });
}

#[test]
fn who_is_given_it_has_it_even_if_its_deadline_has_passed_meanwhile() {
    wire::run(|| {
        // The value of a cell is made by a wire, which does not run before those that wait for it here.
        let mut forms = forms(|f| wire::spawn(f));
        let (cells, forms): (Vec<_>, Vec<_>) = forms
            .drain(..)
            .partition(|form| form.name.starts_with("OnceCell"));
        let forms = leak(forms);
        let both = |form: &'static Form| timeout(10 * MS, || ((form.wait)(), check_interrupt()));
        let wait = |form: &'static Form| wire::spawn(move || both(form));
        let waiting: Vec<_> = forms.iter().map(wait).collect();
        // By the time that this one lets others run, all is due, in this order: the sleep, the deadlines.
        wire::spawn(|| thread::sleep(20 * MS)).detach();
        wire::sleep(MS);
        for (form, waits) in forms.iter().zip(&waiting) {
            assert!(!waits.is_finished(), "{}", form.name);
            form.give();
        }
        for (form, waits) in forms.iter().zip(waiting) {
            let expected = Ok((Ok(()), Err(Interrupt::DeadlinePassed)));
            assert_eq!(waits.join().unwrap(), expected, "{}", form.name);
        }
        cells.iter().for_each(Form::give);
    });
}

/// What cannot fail unwinds to its deadline; guards that it passes on the way release, as for every other unwinding.
#[test]
fn a_deadline_that_unwinds_a_holder_hands_over_to_those_who_wait() {
    wire::run(|| {
        let mutex = Rc::new(wire::Mutex::new(0));
        let seen = Rc::new(Cell::new(0));
        let waits = {
            let (mutex, seen) = (Rc::clone(&mutex), Rc::clone(&seen));
            wire::spawn(move || seen.set(*mutex.lock().unwrap()))
        };
        let unwound = timeout(5 * MS, || {
            let mut number = mutex.lock().unwrap();
            *number = 1;
            loop {
                wire::yield_now();
            }
        });
        assert_eq!(unwound, Err::<(), _>(Elapsed));
        waits.join().unwrap();
        assert_eq!((seen.get(), mutex.is_locked()), (1, false));
    });
}
