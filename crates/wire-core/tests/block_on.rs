//! Futures in wires: who waits, who wakes, from where, and what is left of a wait that is over.
mod common;

use std::future::{Future, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use common::{Drops, Log, OnDrop, spawn};
use wire_core::{Handle, Interrupt, JoinError, Runtime, block_on, run, shield, suspend, yield_now};

/// Something that becomes true once, and the future that waits for it; for any thread.
#[derive(Clone, Default)]
struct Event(Arc<(Mutex<Inner>, Condvar)>);

#[derive(Default)]
struct Inner {
    happened: bool,
    polls: u32,
    waker: Option<Waker>,
}

impl Event {
    fn new() -> Event {
        Event::default()
    }

    fn happens(&self) {
        self.0.0.lock().unwrap().happened = true;
        if let Some(waker) = self.take_waker() {
            waker.wake();
        }
    }

    /// The waker of the last poll.
    fn take_waker(&self) -> Option<Waker> {
        self.0.0.lock().unwrap().waker.take()
    }

    /// Blocks the OS thread until there is a waker.
    fn waker(&self) -> Waker {
        let mut inner = self.0.0.lock().unwrap();
        loop {
            match &inner.waker {
                Some(waker) => return waker.clone(),
                None => inner = self.0.1.wait(inner).unwrap(),
            }
        }
    }

    fn polls(&self) -> u32 {
        self.0.0.lock().unwrap().polls
    }
}

impl Future for Event {
    type Output = ();
    fn poll(self: Pin<&mut Event>, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.0.0.lock().unwrap();
        inner.polls += 1;
        if inner.happened {
            return Poll::Ready(());
        }
        inner.waker = Some(cx.waker().clone());
        self.0.1.notify_all();
        Poll::Pending
    }
}

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
        let thread = thread::spawn(move || {
            drop(events.last().unwrap().waker());
            events.iter().rev().for_each(Event::happens);
        });
        for wire in wires {
            wire.join().unwrap();
        }
        thread.join().unwrap();
        let expected: Vec<_> = (0..1000).rev().map(|n: u32| n.to_string()).collect();
        assert_eq!(log.take(), expected.join(" "));
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
                while event.0.0.lock().unwrap().waker.is_some() {
                    std::hint::spin_loop();
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
