//! Futures in wires that other OS threads wake, at any moment and after all is over.
mod common;

use std::thread;

use common::event::Event;
use common::{Log, spawn};
use wire_core::{Handle, Interrupt, block_on, run, suspend, yield_now};

#[test]
fn another_thread_wakes_a_thread_that_sleeps() {
    for in_main in [true, false] {
        run(|| {
            for _ in 0..200 {
                let event = Event::new();
                let theirs = event.clone();
                let thread = thread::spawn(move || {
                    drop(theirs.waker());
                    theirs.happens();
                });
                if in_main {
                    block_on(event.clone()).unwrap();
                } else {
                    let future = event.clone();
                    let wire = spawn("waiter", move || block_on(future));
                    wire.join().unwrap().unwrap();
                }
                // It waited instead of polling.
                assert_eq!(event.polls(), 2);
                thread.join().unwrap();
            }
        });
    }
}

/// Runs `busy` in one wire again and again until another, which waits for a thread, is woken.
fn woken_beside(busy: impl Fn() + 'static) {
    run(|| {
        for _ in 0..20 {
            let event = Event::new();
            let theirs = event.clone();
            let waiter = spawn("waiter", move || block_on(theirs));
            yield_now();
            let theirs = event.clone();
            let thread = thread::spawn(move || theirs.happens());
            while !waiter.is_finished() {
                busy();
            }
            waiter.join().unwrap().unwrap();
            thread.join().unwrap();
        }
    });
}

#[test]
fn another_thread_wakes_a_wire_beside_one_that_yields_all_the_time() {
    woken_beside(yield_now);
}

#[test]
fn another_thread_wakes_a_wire_beside_those_that_suspend_and_resume() {
    woken_beside(|| {
        let me = Handle::current().unwrap();
        let other = spawn("other", move || {
            for _ in 0..100 {
                me.resume();
                suspend().unwrap();
            }
            me.resume();
        });
        while !other.is_finished() {
            suspend().unwrap();
            other.handle().resume();
        }
        other.join().unwrap();
    });
}

#[test]
fn threads_wake_each_other() {
    let rounds = 2000;
    let events: Vec<_> = (0..rounds)
        .map(|_| [(); 2].map(|()| Event::new()))
        .collect();
    let play = |mine: usize| {
        let events = events.clone();
        thread::spawn(move || {
            run(|| {
                for pair in events {
                    pair[1 - mine].happens();
                    block_on(pair[mine].clone()).unwrap();
                }
            });
        })
    };
    let threads = [play(0), play(1)];
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_thousand_wait_at_once_and_go_on_in_the_order_of_their_wake_ups() {
    run(|| {
        let events: Vec<_> = (0..1000).map(|_| Event::new()).collect();
        let log = Log::new();
        let wires: Vec<_> = (0..1000)
            .map(|n| {
                let (log, event) = (log.clone(), events[n].clone());
                spawn("waiter", move || {
                    block_on(event).unwrap();
                    log.add(n.to_string());
                })
            })
            .collect();
        // Now all of them wait.
        yield_now();
        let thread = thread::spawn(move || events.iter().rev().for_each(Event::happens));
        for wire in wires {
            wire.join().unwrap();
        }
        thread.join().unwrap();
        let expected: Vec<_> = (0..1000).rev().map(|n: u32| n.to_string()).collect();
        assert_eq!(log.take(), expected.join(" "));
    });
}

#[test]
fn a_waker_outlives_its_thread() {
    let event = Event::new();
    let theirs = event.clone();
    thread::spawn(move || {
        run(|| {
            let wire = spawn("waiter", move || block_on(theirs));
            yield_now();
            wire.cancel();
            assert_eq!(wire.join().unwrap(), Err(Interrupt::Cancelled));
        });
    })
    .join()
    .unwrap();
    let late = event.take_waker().unwrap();
    late.wake_by_ref();
    drop(late.clone());
    thread::spawn(move || drop(late)).join().unwrap();
}

#[test]
fn cancelling_and_waking_at_the_same_time_loses_nothing() {
    for _ in 0..20 {
        // A `run` each, so that some wake-ups come when all is over.
        run(|| {
            for _ in 0..50 {
                let event = Event::new();
                let theirs = event.clone();
                let wire = spawn("waiter", move || block_on(theirs));
                yield_now();
                let theirs = event.clone();
                let thread = thread::spawn(move || theirs.happens());
                while event.has_waker() {
                    thread::yield_now();
                }
                wire.cancel();
                let result = wire.join().unwrap();
                assert!(matches!(result, Ok(()) | Err(Interrupt::Cancelled)));
                thread.join().unwrap();
            }
        });
    }
}

#[test]
fn a_wake_up_that_arrives_while_its_wire_is_about_to_block_is_not_lost() {
    // The thread looks for wake-ups every so many switches; in one round it is in the very switch
    // with which the woken wire, unblocked before by mistake, blocks again.
    for yields in 0..100 {
        run(|| {
            (0..yields).for_each(|_| yield_now());
            let (event, wire) = (Event::new(), common::wire());
            let theirs = event.clone();
            let waiter = wire
                .spawn(common::stack(), "waiter", move || block_on(theirs))
                .unwrap();
            yield_now();
            thread::spawn(move || event.happens()).join().unwrap();
            wire_core::outside::unblock(wire);
            yield_now();
            waiter.join().unwrap().unwrap();
        });
    }
}
