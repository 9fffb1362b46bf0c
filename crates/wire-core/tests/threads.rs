//! A `Local` belongs to one OS thread, and no other gets at what is in it.
mod common;

use std::cell::{Cell, RefCell};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use common::stack;
use wire_core::{Local, WaitQueue, Wire, WrongThread, run, scope, yield_now};

#[test]
fn the_first_thread_to_use_it_owns_it() {
    static VALUE: Local<RefCell<Vec<u32>>> = Local::new(RefCell::new(Vec::new()));
    VALUE.borrow_mut().push(1);
    let other = thread::spawn(|| {
        assert_eq!(VALUE.try_get().unwrap_err(), WrongThread);
        assert!(std::panic::catch_unwind(|| VALUE.borrow().len()).is_err());
        assert!(format!("{VALUE:?}").contains("another thread"));
    });
    other.join().unwrap();
    VALUE.borrow_mut().push(2);
    assert_eq!(*VALUE.borrow(), [1, 2]);
    assert!(format!("{VALUE:?}").contains("[1, 2]"));
}

#[test]
fn it_stays_the_first_ones_after_that_thread_has_ended() {
    static VALUE: Local<Cell<u32>> = Local::new(Cell::new(1));
    thread::spawn(|| VALUE.set(2)).join().unwrap();
    for _ in 0..20 {
        assert!(VALUE.try_get().is_err());
        // Whatever ids the system uses again, the owner's does not come back.
        let other = thread::spawn(|| VALUE.try_get().is_err());
        assert!(other.join().unwrap());
    }
}

#[test]
fn of_many_threads_that_try_at_once_one_gets_it() {
    for _ in 0..50 {
        let value = Local::new(Cell::new(0));
        let (owners, start) = (AtomicU32::new(0), Barrier::new(4));
        thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    start.wait();
                    for _ in 0..100 {
                        if let Ok(cell) = value.try_get() {
                            cell.set(cell.get() + 1);
                        }
                    }
                    if value.try_get().is_ok() {
                        owners.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(owners.into_inner(), 1);
    }
}

#[test]
fn wires_and_queues_in_statics_work_on_the_thread_that_owns_them() {
    static WIRE: Local<Wire> = Local::new(Wire::new());
    static QUEUE: Local<WaitQueue> = Local::new(WaitQueue::new());
    run(|| {
        let waiter = WIRE
            .spawn(stack(), "waiter", || QUEUE.wait(common::reason()))
            .unwrap();
        yield_now();
        let other = thread::spawn(|| (WIRE.try_get().is_err(), QUEUE.try_get().is_err()));
        assert_eq!(other.join().unwrap(), (true, true));
        assert!(QUEUE.wake_one());
        assert_eq!(waiter.join().unwrap(), Ok(()));
    });
}

#[test]
fn an_unused_control_block_may_move_to_another_thread() {
    let mut wires = [const { Wire::new() }; 2];
    for round in 0..4 {
        let lent = &mut wires;
        thread::scope(|s| {
            s.spawn(move || {
                run(|| {
                    scope(|s| {
                        let handles = lent.each_ref().map(|wire| {
                            let body = move || {
                                yield_now();
                                round
                            };
                            s.spawn(wire, stack(), "there", body).unwrap()
                        });
                        for handle in handles {
                            assert_eq!(handle.join().unwrap(), round);
                        }
                    });
                });
            });
        });
    }
    let moved = thread::spawn(move || wires.iter().any(Wire::is_in_use));
    assert!(!moved.join().unwrap());
}

#[test]
fn many_threads_run_wires_side_by_side() {
    let threads: Vec<_> = (0..4_u64)
        .map(|n| {
            thread::spawn(move || {
                run(|| {
                    let wires: Vec<_> = (0..50)
                        .map(|m| {
                            common::spawn("sum", move || {
                                (0..20).for_each(|_| yield_now());
                                n * m
                            })
                        })
                        .collect();
                    wires.into_iter().map(|w| w.join().unwrap()).sum::<u64>()
                })
            })
        })
        .collect();
    for (n, thread) in threads.into_iter().enumerate() {
        assert_eq!(thread.join().unwrap(), n as u64 * 1225);
    }
}
