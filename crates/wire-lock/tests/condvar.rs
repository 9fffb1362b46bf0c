//! Conditions.
#[path = "../../wire-wait/tests/common/mod.rs"]
mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{Trace, leak, run_stuck, settle, spawn};
use wire_core::{Interrupt, run, yield_now};
use wire_lock::{Condvar, Mutex, MutexGuard};

#[test]
fn those_who_wait_come_in_their_order_and_have_the_mutex() {
    let (data, changed) = (leak(Mutex::new(0)), leak(Condvar::new()));
    let trace = Trace::new();
    run(|| {
        for number in 0..3 {
            let trace = trace.clone();
            let wait = move || {
                let mut seen = data.lock().unwrap();
                changed.wait(&mut seen).unwrap();
                assert!(data.is_locked() && data.try_lock().is_none());
                *seen += 1;
                trace.add((number, *seen));
            };
            spawn("waits", wait).detach();
        }
        settle();
        assert!(!data.is_locked(), "they wait without it");
        let mut mine = data.lock().unwrap();
        assert!(changed.notify_one());
        *mine = 10;
        settle();
        assert!(trace.take().is_empty(), "this wire has the mutex");
        drop(mine);
        settle();
        assert_eq!(trace.take(), [(0, 11)]);
        assert_eq!(changed.notify_all(), 2);
        settle();
        assert_eq!(trace.take(), [(1, 12), (2, 13)]);
        assert!(!changed.notify_one());
        assert_eq!(changed.notify_all(), 0);
    });
}

#[test]
fn a_notification_that_nobody_waits_for_is_lost_and_a_condition_is_not() {
    let (data, changed) = (leak(Mutex::new(false)), leak(Condvar::new()));
    run(|| {
        *data.lock().unwrap() = true;
        changed.notify_one();
        let mut seen = data.lock().unwrap();
        changed.wait_while(&mut seen, |seen| !*seen).unwrap();
        *seen = false;
        drop(seen);
        let waits = spawn("waits", || {
            let mut seen = data.lock().unwrap();
            changed.wait_while(&mut seen, |seen| !*seen)
        });
        settle();
        // Without a change it goes on waiting.
        assert_eq!(changed.notify_all(), 1);
        settle();
        assert!(!waits.is_finished());
        *data.lock().unwrap() = true;
        changed.notify_one();
        assert_eq!(waits.join().unwrap(), Ok(()));
    });
}

#[test]
fn an_interrupt_ends_the_wait_with_the_mutex_held() {
    let (data, changed) = (leak(Mutex::new(0)), leak(Condvar::new()));
    run(|| {
        let waits = spawn("waits", || {
            let mut seen = data.lock().unwrap();
            let first = changed.wait(&mut seen);
            *seen += 1;
            // Again there is nothing to wait for.
            (first, changed.wait(&mut seen), data.is_locked())
        });
        settle();
        let mine = data.lock().unwrap();
        waits.cancel();
        settle();
        assert!(
            !waits.is_finished(),
            "it waits for the mutex, which is not ended"
        );
        drop(mine);
        let cancelled = Err(Interrupt::Cancelled);
        assert_eq!(waits.join().unwrap(), (cancelled, cancelled, true));
        assert_eq!(*data.lock().unwrap(), 1);
        assert!(!changed.notify_one(), "it has left the queue");
    });
}

#[test]
fn who_was_notified_has_been_though_cancelled_before_it_ran() {
    let (data, changed) = (leak(Mutex::new(())), leak(Condvar::new()));
    run(|| {
        let wait = || changed.wait(&mut data.lock().unwrap());
        let (first, second) = (spawn("first", wait), spawn("second", wait));
        settle();
        assert!(changed.notify_one());
        first.cancel();
        assert_eq!(first.join().unwrap(), Ok(()));
        assert!(!second.is_finished());
        assert!(changed.notify_one());
        assert_eq!(second.join().unwrap(), Ok(()));
    });
}

#[test]
fn a_wire_that_unwinds_does_not_wait_and_keeps_the_mutex() {
    struct Waits(MutexGuard<'static, i32>, &'static Condvar);
    impl Drop for Waits {
        fn drop(&mut self) {
            assert_eq!(self.1.wait(&mut self.0), Err(Interrupt::Unwinding));
            *self.0 += 1;
        }
    }
    let (data, changed) = (leak(Mutex::new(0)), leak(Condvar::new()));
    run(|| {
        let unwinds = spawn("unwinds", || {
            let _waits = Waits(data.lock().unwrap(), changed);
            yield_now();
            panic!("on purpose");
        });
        // Would have it, if it were released for a moment, and not give it back before this one has unwound.
        let next = spawn("next", || *data.lock().unwrap());
        assert!(unwinds.join().is_err());
        assert_eq!(next.join().unwrap(), 1);
    });
}

#[test]
fn nobody_who_notifies_is_a_stuck_report_and_no_wire_a_panic() {
    let (data, changed) = (leak(Mutex::new(())), leak(Condvar::new()));
    let (_, report) = run_stuck(|| {
        let waits = || {
            let result = changed.wait(&mut data.lock().unwrap());
            assert_eq!(result, Err(Interrupt::Cancelled));
        };
        spawn("a", waits).detach();
    });
    let expected = format!("wire 'a' waits: condition at {changed:p}");
    assert!(report.contains(&expected), "{report:?}");
    let mut guard = data.try_lock().unwrap();
    let outside = AssertUnwindSafe(|| changed.wait(&mut guard));
    assert!(catch_unwind(outside).is_err());
    assert!(data.is_locked());
    drop(guard);
    assert!(!data.is_locked());
}
