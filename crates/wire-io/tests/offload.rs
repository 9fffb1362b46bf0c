//! Closures on the pool: who waits, what comes back, what is put off.
mod common;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use common::go;
use wire_core::{JoinError, check_interrupt, run, yield_now};
use wire_fd::timeout;
use wire_io::{Pool, offload};

const MS: Duration = Duration::from_millis(1);

#[test]
fn only_the_calling_wire_waits() {
    static TICKS: AtomicUsize = AtomicUsize::new(0);
    run(|| {
        let ticker = go(|| {
            loop {
                TICKS.fetch_add(1, Ordering::SeqCst);
                wire_fd::sleep(MS).unwrap_or_else(|i| i.unwind());
            }
        });
        let here = thread::current().id();
        // The call ends only if the other wire goes on meanwhile.
        let there = offload(|| {
            let start = std::time::Instant::now();
            while TICKS.load(Ordering::SeqCst) < 5 {
                assert!(
                    start.elapsed() < Duration::from_secs(20),
                    "the other wire stands still"
                );
                thread::sleep(MS);
            }
            thread::current().id()
        });
        assert_ne!(here, there);
        ticker.cancel();
        assert!(matches!(ticker.join(), Err::<(), _>(JoinError::Cancelled)));
    });
}

#[test]
fn it_may_borrow_from_the_frame() {
    run(|| {
        let mut numbers = vec![3, 1, 2];
        let longest = offload(|| {
            numbers.sort_unstable();
            numbers.len()
        });
        assert_eq!((longest, numbers), (3, vec![1, 2, 3]));
    });
}

#[test]
fn a_panic_comes_back_to_the_wire_that_asked() {
    run(|| {
        let caught = catch_unwind(|| offload(|| -> u32 { panic!("in the pool") }));
        assert_eq!(
            *caught.unwrap_err().downcast_ref::<&str>().unwrap(),
            "in the pool"
        );
        assert_eq!(offload(|| 1), 1);
    });
}

#[test]
fn more_jobs_than_threads_and_queue_all_run() {
    static RUNNING: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    let pool = Pool::new(2, 4);
    run(|| {
        let done: Rc<RefCell<Vec<usize>>> = Rc::default();
        let wires: Vec<_> = (0..200)
            .map(|n| {
                let (pool, done) = (pool.clone(), Rc::clone(&done));
                go(move || {
                    pool.offload(|| {
                        MOST.fetch_max(
                            RUNNING.fetch_add(1, Ordering::SeqCst) + 1,
                            Ordering::SeqCst,
                        );
                        thread::sleep(Duration::from_micros(50));
                        RUNNING.fetch_sub(1, Ordering::SeqCst);
                    });
                    done.borrow_mut().push(n);
                })
            })
            .collect();
        wires.into_iter().for_each(|wire| wire.join().unwrap());
        let mut done = done.borrow().clone();
        done.sort_unstable();
        assert_eq!(done, (0..200).collect::<Vec<_>>());
    });
    assert_eq!(MOST.load(Ordering::SeqCst), 2);
    assert_eq!(pool.threads(), 2);
}

#[test]
fn one_pool_serves_several_threads_of_wires() {
    let pool = Pool::new(3, 2);
    let threads: Vec<_> = (0..3_u64)
        .map(|base| {
            let pool = pool.clone();
            thread::spawn(move || {
                run(|| {
                    let wires: Vec<_> = (0..100)
                        .map(|n| {
                            let pool = pool.clone();
                            go(move || pool.offload(move || base * 1000 + n))
                        })
                        .collect();
                    for (n, wire) in wires.into_iter().enumerate() {
                        assert_eq!(wire.join().unwrap(), base * 1000 + n as u64);
                    }
                });
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}

#[test]
fn cancellation_waits_for_the_closure_to_let_go() {
    run(|| {
        let wire = go(|| {
            let mut buffer = [0_u8; 64];
            offload(|| {
                thread::sleep(20 * MS);
                buffer.fill(7);
            });
            assert!(
                buffer.iter().all(|byte| *byte == 7),
                "the closure had not ended"
            );
            check_interrupt().unwrap_err()
        });
        yield_now();
        wire.cancel();
        assert_eq!(wire.join().unwrap(), wire_core::Interrupt::Cancelled);
    });
}

#[test]
fn a_deadline_waits_for_the_closure_to_let_go() {
    run(|| {
        let value = timeout(MS, || {
            let value = offload(|| {
                thread::sleep(10 * MS);
                5
            });
            (value, check_interrupt())
        });
        assert_eq!(value, Ok((5, Err(wire_core::Interrupt::DeadlinePassed))));
    });
}

#[test]
fn in_a_destructor_while_unwinding_it_runs_in_place() {
    struct Sync(Rc<Cell<bool>>);
    impl Drop for Sync {
        fn drop(&mut self) {
            let here = thread::current().id();
            self.0.set(offload(|| thread::current().id()) == here);
        }
    }
    let in_place = Rc::new(Cell::new(false));
    run(|| {
        let sync = Sync(Rc::clone(&in_place));
        let caught = catch_unwind(AssertUnwindSafe(move || {
            let _sync = sync;
            panic!("unwind");
        }));
        assert!(caught.is_err());
    });
    assert!(in_place.get());
}

#[test]
fn threads_of_the_pool_take_no_signals() {
    run(|| {
        let blocked = offload(|| {
            let mask = nix::sys::signal::SigSet::thread_get_mask().unwrap();
            mask.contains(nix::sys::signal::Signal::SIGTERM)
        });
        assert!(blocked);
    });
    let mask = nix::sys::signal::SigSet::thread_get_mask().unwrap();
    assert!(
        !mask.contains(nix::sys::signal::Signal::SIGTERM),
        "the caller's mask was put back"
    );
}

#[test]
fn outside_a_wire_it_is_a_plain_call() {
    let here = thread::current().id();
    assert_eq!(offload(|| thread::current().id()), here);
}
