//! Futures in wires: who waits, who wakes, and what is left of a wait that is over.
mod common;

use std::future::{Future, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::thread;

use common::event::Event;
use common::{Drops, Log, OnDrop, spawn};
use wire_core::{Interrupt, JoinError, Runtime, block_on, run, shield, suspend, yield_now};

/// Wakes itself `left` times before it is ready.
fn self_waking(mut left: u32, mut polled: impl FnMut()) -> impl Future<Output = ()> {
    poll_fn(move |cx| {
        polled();
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

#[test]
fn a_ready_future_gives_its_value_without_waiting() {
    run(|| {
        let log = Log::new();
        let other = log.clone();
        let wire = spawn("other", move || other.add("other"));
        assert_eq!(block_on(ready(42)), Ok(42));
        assert_eq!(block_on(async { block_on(async { 7 }).unwrap() }), Ok(7));
        log.add("main");
        wire.join().unwrap();
        assert_eq!(log.take(), "main other");
    });
}

#[test]
fn a_cancelled_wire_gets_what_is_ready_and_waits_for_nothing() {
    run(|| {
        let drops = Drops::new();
        let counted = drops.counted();
        let wire = spawn("cancelled", move || {
            assert_eq!(suspend(), Err(Interrupt::Cancelled));
            assert_eq!(block_on(ready(1)), Ok(1));
            let _counted = counted;
            let all = [
                block_on(Event::new()),
                block_on(self_waking(9, || ())),
                block_on(pending()),
            ];
            assert_eq!(all, [Err(Interrupt::Cancelled); 3]);
        });
        yield_now();
        wire.cancel();
        wire.join().unwrap();
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn a_destructor_gets_what_is_ready_and_waits_for_nothing() {
    run(|| {
        let wire = spawn("unwinds", || {
            let _destructor = OnDrop(|| {
                assert_eq!(block_on(ready(1)), Ok(1));
                let event = Event::new();
                assert_eq!(block_on(event.clone()), Err(Interrupt::Unwinding));
                assert_eq!(event.polls(), 1);
            });
            suspend().unwrap_or_else(|interrupt| interrupt.unwind());
        });
        yield_now();
        wire.cancel();
        assert!(matches!(wire.join(), Err(JoinError::Cancelled)));
    });
}

#[test]
fn outside_run_it_panics() {
    let payload = catch_unwind(|| block_on(ready(()))).unwrap_err();
    let message = payload.downcast_ref::<String>().map(String::as_str);
    let message = message.or_else(|| payload.downcast_ref().copied());
    assert!(message.is_some_and(|text| text.contains("needs a wire")));
}

#[test]
fn a_future_that_wakes_itself_takes_turns_with_others() {
    run(|| {
        let log = Log::new();
        let wires = ["a", "b"].map(|name| {
            let log = log.clone();
            spawn(name, move || block_on(self_waking(2, || log.add(name))))
        });
        for wire in wires {
            wire.join().unwrap().unwrap();
        }
        assert_eq!(log.take(), "a b a b a b");
    });
}

#[test]
fn another_wire_wakes_it_at_the_end_of_the_queue() {
    run(|| {
        let (log, event) = (Log::new(), Event::new());
        let (theirs, future) = (log.clone(), event.clone());
        let waiter = spawn("waiter", move || {
            block_on(future).unwrap();
            theirs.add("waiter");
        });
        yield_now();
        assert_eq!(event.polls(), 1);
        let theirs = log.clone();
        let before = spawn("before", move || theirs.add("before"));
        event.happens();
        log.add("main");
        waiter.join().unwrap();
        before.join().unwrap();
        assert_eq!(log.take(), "main before waiter");
        assert_eq!(event.polls(), 2);
    });
}

#[test]
fn the_main_wire_waits_like_any_other() {
    run(|| {
        let event = Event::new();
        let theirs = event.clone();
        spawn("waker", move || theirs.happens()).detach();
        assert_eq!(block_on(event), Ok(()));
    });
}

#[test]
fn a_waker_does_nothing_when_its_wait_is_over() {
    run(|| {
        let first = Event::new();
        let theirs = first.clone();
        let wire = spawn("first", move || block_on(theirs));
        yield_now();
        let late = first.waker();
        first.happens();
        wire.join().unwrap().unwrap();

        // The next wait gets the slot that was freed last.
        let second = Event::new();
        let theirs = second.clone();
        let wire = spawn("second", move || block_on(theirs));
        yield_now();
        assert!(!late.will_wake(&second.waker()));
        late.wake_by_ref();
        drop(late.clone());
        thread::spawn(move || late.wake()).join().unwrap();
        (0..3000).for_each(|_| yield_now());
        assert_eq!(second.polls(), 1);
        second.happens();
        wire.join().unwrap().unwrap();
        assert_eq!(second.polls(), 2);
    });
}

#[test]
fn leaked_wakers_keep_no_slots() {
    run(|| {
        let kind = || poll_fn(|cx| Poll::Ready(std::ptr::from_ref(cx.waker().vtable())));
        let kind_at_first = block_on(kind()).unwrap();
        for _ in 0..70_000 {
            let leaks = poll_fn(|cx| {
                std::mem::forget(cx.waker().clone());
                Poll::Ready(())
            });
            block_on(leaks).unwrap();
        }
        // Without slots there are only wakers that wake nobody, of another kind.
        assert!(std::ptr::eq(block_on(kind()).unwrap(), kind_at_first));
    });
}

#[test]
fn more_wakers_than_can_be_counted() {
    run(|| {
        let event = Event::new();
        let theirs = event.clone();
        let wire = spawn("waiter", move || block_on(theirs));
        yield_now();
        let waker = event.waker();
        let many: Vec<_> = (0..70_000).map(|_| waker.clone()).collect();
        drop((waker, many));
        (0..3).for_each(|_| yield_now());
        assert_eq!(event.polls(), 1);
        event.happens();
        wire.join().unwrap().unwrap();
    });
}

#[test]
fn cancelling_drops_the_future() {
    run(|| {
        let (drops, event) = (Drops::new(), Event::new());
        let (counted, theirs) = (drops.counted(), event.clone());
        let wire = spawn("waiter", move || {
            let future = async {
                let _counted = counted;
                theirs.await;
            };
            let result = block_on(future);
            assert_eq!(result, Err(Interrupt::Cancelled));
        });
        yield_now();
        assert_eq!(drops.count(), 0);
        wire.cancel();
        wire.join().unwrap();
        assert_eq!(drops.count(), 1);
        event.happens();
    });
}

#[test]
fn a_wake_up_is_not_taken_back_by_a_cancellation() {
    run(|| {
        let event = Event::new();
        let theirs = event.clone();
        let wire = spawn("waiter", move || block_on(theirs));
        yield_now();
        wire.cancel();
        event.happens();
        assert_eq!(wire.join().unwrap(), Ok(()));
    });
}

#[test]
fn a_shield_puts_the_cancellation_off() {
    run(|| {
        let event = Event::new();
        let theirs = event.clone();
        let wire = spawn("waiter", move || {
            assert_eq!(shield(|| block_on(theirs)), Ok(()));
            assert_eq!(shield(|| block_on(self_waking(3, || ()))), Ok(()));
            block_on(Event::new())
        });
        yield_now();
        wire.cancel();
        (0..3).for_each(|_| yield_now());
        assert!(!wire.is_finished());
        let thread = thread::spawn(move || event.happens());
        assert_eq!(wire.join().unwrap(), Err(Interrupt::Cancelled));
        thread.join().unwrap();
    });
}

/// Runs `main`; what it told of stuck wires.
fn stuck_in(main: impl FnOnce()) -> Vec<String> {
    let mut told = Vec::new();
    let mut tell = |info: wire_core::WireInfo| told.push(info.to_string());
    let _ = Runtime::new().on_stuck(&mut tell).run(main);
    told
}

#[test]
fn a_future_without_a_waker_is_stuck() {
    let told = stuck_in(|| {
        let wire = spawn("waiter", || block_on(pending::<()>()));
        assert_eq!(block_on(pending::<()>()), Err(Interrupt::Cancelled));
        assert_eq!(shield(|| wire.join().unwrap()), Err(Interrupt::Cancelled));
    });
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("wire 'main' waits: future at 0x"));
    assert!(told[1].starts_with("wire 'waiter' waits: future at 0x"));
}

#[test]
fn a_future_is_stuck_when_its_last_waker_is_dropped() {
    for by_thread in [false, true] {
        let event = Event::new();
        let theirs = event.clone();
        let told = stuck_in(|| {
            let wire = spawn("waiter", move || {
                let once = poll_fn(|cx| {
                    // Keeps a waker at the first poll only.
                    if theirs.polls() == 0 {
                        return pin!(theirs.clone()).poll(cx);
                    }
                    Poll::Pending
                });
                block_on(once)
            });
            yield_now();
            let waker = event.take_waker();
            if by_thread {
                thread::spawn(move || drop(waker));
            } else {
                drop(waker);
            }
            assert_eq!(shield(|| wire.join().unwrap()), Err(Interrupt::Cancelled));
        });
        assert!(told.iter().any(|line| line.contains("future")), "{told:?}");
    }
}

#[test]
fn a_future_may_block_on_another() {
    run(|| {
        let (inner, outer) = (Event::new(), Event::new());
        let (theirs, other) = (inner.clone(), outer.clone());
        let wire = spawn("nests", move || {
            block_on(async {
                block_on(theirs).unwrap();
                other.await;
                3
            })
        });
        yield_now();
        inner.happens();
        (0..3).for_each(|_| yield_now());
        assert_eq!(outer.polls(), 1);
        // Woken in its outer wait while it is in the inner one of the next poll.
        outer.happens();
        assert_eq!(wire.join().unwrap(), Ok(3));
    });
}

#[test]
fn a_future_woken_while_its_poll_waits_for_something_else_is_polled_again() {
    run(|| {
        let event = Event::new();
        let theirs = event.clone();
        let wire = spawn("nests", move || {
            let both = poll_fn(|cx| {
                let poll = pin!(theirs.clone()).poll(cx);
                if poll.is_pending() {
                    suspend().unwrap();
                }
                poll
            });
            block_on(both)
        });
        yield_now();
        event.happens();
        yield_now();
        wire.handle().resume();
        assert_eq!(wire.join().unwrap(), Ok(()));
        assert_eq!(event.polls(), 2);
    });
}

#[test]
fn a_spurious_wake_up_polls_again_and_no_more() {
    run(|| {
        let event = Event::new();
        let theirs = event.clone();
        let wire = spawn("waiter", move || block_on(theirs));
        for polls in 1..5 {
            (0..3).for_each(|_| yield_now());
            assert_eq!(event.polls(), polls);
            event.waker().wake();
        }
        // Resuming is for those that suspended themselves.
        (0..3).for_each(|_| yield_now());
        wire.handle().resume();
        (0..3).for_each(|_| yield_now());
        assert_eq!(event.polls(), 5);
        event.happens();
        wire.join().unwrap().unwrap();
    });
}

#[test]
fn a_panic_of_a_future_goes_to_whoever_joins() {
    run(|| {
        let event = Event::new();
        let theirs = event.clone();
        let wire = spawn("panics", move || {
            let caught = catch_unwind(AssertUnwindSafe(|| {
                block_on(async {
                    theirs.await;
                    std::panic::resume_unwind(Box::new(5));
                })
            }));
            assert_eq!(caught.unwrap_err().downcast_ref::<i32>(), Some(&5));
            block_on(self_waking(2, || ()))
        });
        yield_now();
        event.happens();
        assert_eq!(wire.join().unwrap(), Ok(()));
    });
}

#[test]
fn a_walk_shows_the_future_that_is_waited_for() {
    run(|| {
        let event = Event::new();
        let theirs = event.clone();
        let wire = spawn("waiter", move || block_on(theirs));
        yield_now();
        let mut kinds = Vec::new();
        wire_core::walk(|info| kinds.extend(info.waits_for().map(|reason| reason.kind().name())));
        assert_eq!(kinds, ["future"]);
        event.happens();
        wire.join().unwrap().unwrap();
    });
}
