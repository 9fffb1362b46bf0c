//! The lock and the mutex.
#[path = "../../wire-wait/tests/common/mod.rs"]
mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{Trace, leak, run_stuck, settle, spawn};
use wire_core::{Interrupt, Local, run, suspend, yield_now};
use wire_lock::{Lock, Mutex, MutexGuard, Semaphore};
use wire_wait::{Either, wait, wait_two};

fn lock() -> &'static Lock {
    leak(Lock::new())
}

fn mutex<T>(value: T) -> &'static Mutex<T> {
    leak(Mutex::new(value))
}

#[test]
fn it_is_handed_over_in_the_order_of_coming() {
    let (lock, trace) = (lock(), Trace::new());
    run(|| {
        for number in 0..4 {
            let trace = trace.clone();
            spawn("worker", move || {
                for _ in 0..2 {
                    let _guard = lock.lock().unwrap();
                    trace.add((number, "in"));
                    yield_now();
                    trace.add((number, "out"));
                }
            })
            .detach();
        }
    });
    let order: Vec<_> = [0, 1, 2, 3, 0, 1, 2, 3]
        .into_iter()
        .flat_map(|number| [(number, "in"), (number, "out")])
        .collect();
    assert_eq!(trace.take(), order);
    assert!(!lock.is_held());
}

#[test]
fn nobody_comes_in_between_release_and_hand_over() {
    let lock = lock();
    run(|| {
        lock.take().unwrap();
        let next = spawn("next", || lock.lock().map(drop));
        settle();
        lock.release();
        assert!(lock.is_held(), "it belongs to the next, who has not run");
        assert!(!lock.try_take() && lock.try_lock().is_none());
        assert_eq!(next.join().unwrap(), Ok(()));
        assert!(!lock.is_held());
    });
}

#[test]
fn trying_does_not_release_what_others_hold() {
    let (lock, mutex, semaphore) = (Lock::new(), Mutex::new(1), Semaphore::new(1));
    let held = (lock.try_lock(), mutex.try_lock(), semaphore.try_acquire());
    for _ in 0..2 {
        assert!(lock.try_lock().is_none());
        assert!(mutex.try_lock().is_none());
        assert!(semaphore.try_acquire().is_none());
    }
    drop(held);
    assert!(!lock.is_held() && !mutex.is_locked() && semaphore.available() == 1);
}

#[test]
fn a_cancelled_wait_leaves_the_queue_and_the_next_is_served() {
    let lock = lock();
    run(|| {
        lock.take().unwrap();
        let first = spawn("first", || lock.lock().map(drop));
        let second = spawn("second", || lock.lock().map(drop));
        settle();
        first.cancel();
        assert_eq!(first.join().unwrap(), Err(Interrupt::Cancelled));
        lock.release();
        assert_eq!(second.join().unwrap(), Ok(()));
        assert!(!lock.is_held());
    });
}

#[test]
fn who_was_handed_the_lock_has_it_even_if_cancelled_before_it_runs() {
    let lock = lock();
    run(|| {
        for cancel_first in [true, false] {
            lock.take().unwrap();
            let next = spawn("next", || {
                drop(lock.lock().unwrap());
                // Free again, so it is had without waiting, cancelled or not.
                lock.lock().map(drop).unwrap();
                suspend()
            });
            settle();
            if cancel_first {
                next.cancel();
            }
            lock.release();
            next.cancel();
            assert_eq!(next.join().unwrap(), Err(Interrupt::Cancelled));
            assert!(!lock.is_held());
        }
    });
}

#[test]
fn a_panic_or_cancellation_inside_releases_and_does_not_poison() {
    let mutex = mutex(0);
    run(|| {
        let panicking = spawn("panicking", || {
            *mutex.lock().unwrap() += 1;
            let _guard = mutex.lock().unwrap();
            panic!("as told");
        });
        let cancelled = spawn("cancelled", || {
            let mut guard = mutex.lock().unwrap();
            *guard += 1;
            suspend().unwrap_or_else(|interrupt| interrupt.unwind());
            *guard += 100;
        });
        let waiting = spawn("waiting", || *mutex.lock().unwrap());
        settle();
        cancelled.cancel();
        assert_eq!(waiting.join().unwrap(), 2);
        assert!(panicking.join().is_err() && cancelled.join().is_err());
    });
}

#[test]
fn locking_what_one_holds_panics_and_says_so() {
    let mutex = mutex(());
    run(|| {
        let twice = spawn("twice", || {
            let guard = mutex.lock().unwrap();
            let panic = catch_unwind(AssertUnwindSafe(|| mutex.lock())).unwrap_err();
            let clear = catch_unwind(AssertUnwindSafe(|| mutex.wait_clear()));
            assert!(clear.is_err());
            drop(guard);
            *panic.downcast_ref::<&str>().unwrap()
        });
        let message = twice.join().unwrap();
        assert!(message.contains("holds the lock already"), "{message}");
        assert!(!mutex.is_locked());

        // Also what was handed over rather than found free.
        let guard = mutex.lock().unwrap();
        let handed = spawn("handed", || {
            let _guard = mutex.lock().unwrap();
            catch_unwind(AssertUnwindSafe(|| mutex.lock())).is_err()
        });
        settle();
        drop(guard);
        assert!(handed.join().unwrap());
    });
}

#[test]
fn what_was_had_as_one_of_several_things_is_known_to_be_its_own() {
    let mutex = mutex(());
    run(|| {
        let refused = |mutex: &'static Mutex<()>| {
            let _guard = wait(&mutex).unwrap();
            catch_unwind(AssertUnwindSafe(|| mutex.lock())).is_err()
        };
        assert!(refused(mutex), "found free");
        let guard = mutex.lock().unwrap();
        let handed = spawn("handed", move || refused(mutex));
        settle();
        drop(guard);
        assert!(handed.join().unwrap(), "handed over");
    });
    assert!(!mutex.is_locked());
}

#[test]
fn outside_of_wires_a_held_lock_is_refused_and_stays_as_it_was() {
    let (lock, mutex) = (Lock::new(), Mutex::new(1));
    let held = (lock.try_lock().unwrap(), mutex.try_lock().unwrap());
    let refused = |f: &dyn Fn()| {
        let panic = catch_unwind(AssertUnwindSafe(f)).unwrap_err();
        panic.downcast::<String>().unwrap().contains("needs a wire")
    };
    assert!(refused(&|| _ = lock.lock()));
    assert!(refused(&|| _ = lock.take()));
    assert!(refused(&|| _ = lock.wait_clear()));
    assert!(refused(&|| _ = mutex.lock()));
    assert!(refused(&|| _ = mutex.wait_clear()));
    drop(held);
    assert_eq!(*mutex.lock().unwrap(), 1);
    assert!(lock.lock().is_ok());
    assert_eq!(format!("{lock:?}"), "Lock { held: false, awaited: false }");
}

#[test]
fn locking_again_while_unwinding_is_an_error_and_no_second_panic() {
    struct Relocks(Trace<Interrupt>, &'static Mutex<()>);
    impl Drop for Relocks {
        fn drop(&mut self) {
            self.0.add(self.1.lock().unwrap_err());
        }
    }
    let (mutex, trace) = (mutex(()), Trace::new());
    run(|| {
        let told = trace.clone();
        let unwinding = spawn("unwinding", move || {
            let _guard = mutex.lock().unwrap();
            let _relocks = Relocks(told, mutex);
            panic!("as told");
        });
        assert!(unwinding.join().is_err());
    });
    assert_eq!(trace.take(), [Interrupt::Unwinding]);
    assert!(!mutex.is_locked());
}

#[test]
fn a_forgotten_guard_leaves_the_mutex_locked() {
    let mutex = mutex(1);
    run(|| {
        let forgetful = spawn("forgetful", || std::mem::forget(mutex.lock()));
        forgetful.join().unwrap();
        assert!(mutex.is_locked() && mutex.try_lock().is_none());
        let waiting = spawn("waiting", || mutex.lock().map(drop));
        settle();
        waiting.cancel();
        assert_eq!(waiting.join().unwrap(), Err(Interrupt::Cancelled));
    });
    let mut owned = Mutex::new(String::from("kept"));
    std::mem::forget(owned.try_lock());
    owned.get_mut().push('!');
    assert_eq!(owned.into_inner(), "kept!");
}

#[test]
fn the_stuck_report_names_what_is_waited_for() {
    let (lock, mutex) = (lock(), mutex(()));
    let (_, report) = run_stuck(|| {
        std::mem::forget((lock.lock(), mutex.lock()));
        let waiting = [
            spawn("a", || lock.lock().map(drop)),
            spawn("b", || mutex.lock().map(drop)),
            spawn("c", || lock.wait_clear()),
            spawn("d", move || wait_two(&lock, &mutex).map(drop)),
            spawn("e", move || wait(&mutex).map(drop)),
        ];
        for wire in waiting {
            assert!(wire.join().is_err() || lock.is_held());
        }
    });
    assert_eq!(
        report[1..],
        [
            format!("wire 'a' waits: lock at {lock:p}"),
            format!("wire 'b' waits: mutex at {mutex:p}"),
            format!("wire 'c' waits: lock to be clear at {lock:p}"),
            "wire 'd' waits: first of several".into(),
            format!("wire 'e' waits: mutex at {mutex:p}"),
        ]
    );
}

#[test]
fn wait_clear_ends_when_nobody_holds_or_waits() {
    let (lock, trace) = (lock(), Trace::new());
    run(|| {
        lock.wait_clear().unwrap();
        for number in 0..3 {
            let trace = trace.clone();
            spawn("holder", move || {
                let _guard = lock.lock().unwrap();
                yield_now();
                trace.add(number);
            })
            .detach();
        }
        yield_now();
        lock.wait_clear().unwrap();
        assert!(!lock.is_held());
        assert_eq!(trace.take(), [0, 1, 2]);

        lock.take().unwrap();
        let clear = spawn("clear", || lock.wait_clear());
        settle();
        lock.release();
        // Taken again before the one that waits has run: it waits on.
        lock.take().unwrap();
        settle();
        assert!(!clear.is_finished());
        clear.cancel();
        assert_eq!(clear.join().unwrap(), Err(Interrupt::Cancelled));
        lock.release();
    });
}

#[test]
fn a_lock_is_one_of_several_things_to_wait_for() {
    let (a, b) = (mutex('a'), mutex('b'));
    run(|| {
        let mut held = (a.lock().unwrap(), b.lock().unwrap());
        let waiting = spawn("waiting", move || match wait_two(&a, &b).unwrap() {
            Either::First(mut guard) | Either::Second(mut guard) => {
                assert!(a.is_locked() && b.is_locked());
                guard.make_ascii_uppercase();
                *guard
            }
        });
        settle();
        *held.1 = 'c';
        drop(held.1);
        assert!(b.is_locked(), "it is with the one that waits");
        assert_eq!(waiting.join().unwrap(), 'C');
        assert!(!b.is_locked());
        drop(held.0);
        assert!(!a.is_locked());
    });
}

#[test]
fn a_guard_may_go_to_another_wire() {
    let mutex = mutex(1);
    run(|| {
        let guard: MutexGuard<'static, i32> = mutex.lock().unwrap();
        let other = spawn("other", move || {
            let mut guard = guard;
            yield_now();
            *guard += 1;
        });
        let waiting = spawn("waiting", || *mutex.lock().unwrap());
        assert_eq!(waiting.join().unwrap(), 2);
        other.join().unwrap();
    });
}

#[test]
fn releasing_what_nobody_holds_panics() {
    let lock = Lock::new();
    assert!(catch_unwind(AssertUnwindSafe(|| lock.release())).is_err());
    assert!(!lock.is_held());
}

#[test]
fn free_locks_work_without_wires_and_statics_belong_to_one_thread() {
    static NUMBER: Local<Mutex<u32>> = Local::new(Mutex::new(1));
    *NUMBER.lock().unwrap() += 1;
    assert_eq!(format!("{:?}", *NUMBER), "Mutex(2)");
    let guard = NUMBER.try_lock().unwrap();
    assert_eq!(format!("{:?} {guard}", *NUMBER), "Mutex(<locked>) 2");
    drop(guard);
    let elsewhere = std::thread::spawn(|| NUMBER.try_get().is_err());
    assert!(elsewhere.join().unwrap());
    // And an owned one may go to another thread.
    let owned = Mutex::new(3);
    let there = std::thread::spawn(move || owned.into_inner());
    assert_eq!(there.join().unwrap(), 3);
}

#[test]
fn a_mutex_holds_what_has_no_known_size() {
    let mutex: &Mutex<[u8]> = &Mutex::new([1, 2, 3]);
    mutex.try_lock().unwrap()[1] = 5;
    assert_eq!(*mutex.try_lock().unwrap(), [1, 5, 3]);
}
