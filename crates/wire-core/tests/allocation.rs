//! After set-up nothing allocates: starting, yielding, joining, suspending, waking, scopes, walks,
//! futures.
//! The one exception is the record that std makes for an unwinding.
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use std::future::poll_fn;
use std::task::{Poll, Waker};

use common::{SIZE, reason, stack};
use wire_core::{
    JoinError, Runtime, Stack, WaitQueue, Wire, WireInfo, block_on, dump, request_dump, run, scope,
    shield, suspend, yield_now,
};

struct Counting;

thread_local!(static COUNT: Cell<u64> = const { Cell::new(0) });

fn count() {
    COUNT.set(COUNT.get() + 1);
}

// SAFETY: all is passed on; counting needs no memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count();
        // SAFETY: as the caller's.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `f` allocated or freed on this thread.
fn allocations(f: impl FnOnce()) -> u64 {
    let before = COUNT.get();
    f();
    COUNT.get() - before
}

struct Nowhere;
impl std::fmt::Write for Nowhere {
    fn write_str(&mut self, _: &str) -> std::fmt::Result {
        Ok(())
    }
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 2);
}

#[test]
fn the_whole_life_of_wires_allocates_nothing() {
    let wires: &[Wire; 8] = Box::leak(Box::default());
    let lows = [(); 8].map(|()| stack().low());
    let queue: &WaitQueue = Box::leak(Box::default());
    // SAFETY: each is used again when the wire before is over.
    let stack = |n: usize| unsafe { Stack::from_raw(lows[n], SIZE) };
    let count = allocations(|| {
        for _ in 0..3 {
            run(|| {
                let sleeper = wires[0].spawn(stack(0), "sleeper", suspend).unwrap();
                let queued = || queue.wait(reason());
                let one = wires[1].spawn(stack(1), "queued", queued).unwrap();
                let two = wires[2].spawn(stack(2), "queued", queued).unwrap();
                let yields = || (0..5000).for_each(|_| yield_now());
                wires[3].spawn(stack(3), "yields", yields).unwrap().detach();
                // SAFETY: leaked.
                unsafe {
                    let parks = || while wire_core::outside::park_in_background().is_ok() {};
                    wires[4].spawn_daemon(stack(4), "parks", parks).unwrap();
                }
                let never = wires[5].spawn(stack(5), "never", || [1_u64; 100]).unwrap();
                never.cancel();
                yields();
                assert!(matches!(never.join(), Err(JoinError::Cancelled)));
                one.cancel(); // ends its wait with an error, and unwinds nothing
                sleeper.handle().resume();
                assert_eq!(sleeper.join().unwrap(), Ok(()));
                assert!(one.join().unwrap().is_err());
                assert!(queue.wake_one());
                assert_eq!(shield(|| two.join().unwrap()), Ok(()));
                scope(|s| {
                    for (n, wire) in wires[6..].iter().enumerate() {
                        let body = || dump(&mut Nowhere).unwrap();
                        s.spawn(wire, stack(6 + n), "scoped", body)
                            .unwrap()
                            .detach();
                    }
                });
            });
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn running_futures_allocates_nothing() {
    let wires: &[Wire; 3] = Box::leak(Box::default());
    let lows = [(); 3].map(|()| stack().low());
    // SAFETY: each is used again when the wire before is over.
    let stack = |n: usize| unsafe { Stack::from_raw(lows[n], SIZE) };
    let kept = std::sync::Mutex::new(None::<Waker>);
    let kept: &std::sync::Mutex<_> = Box::leak(Box::new(kept));
    // Ready when polled a second time; woken by itself or by others.
    let twice = move |by_others: bool| {
        let mut first = true;
        poll_fn(move |cx| {
            if !std::mem::take(&mut first) {
                return Poll::Ready(());
            }
            let waker = cx.waker().clone();
            if by_others {
                drop(kept.lock().unwrap().replace(waker));
            } else {
                waker.wake();
            }
            Poll::Pending
        })
    };
    let wake = move || kept.lock().unwrap().take().map(Waker::wake).is_some();
    let (ask, asked) = std::sync::mpsc::sync_channel(1);
    let thread = std::thread::spawn(move || {
        for () in asked {
            while !wake() {
                std::thread::yield_now();
            }
        }
    });
    let count = allocations(|| {
        for _ in 0..3 {
            run(|| {
                let waits = |by_others| move || block_on(twice(by_others));
                let own = wires[0].spawn(stack(0), "own", waits(false)).unwrap();
                let woken = wires[1].spawn(stack(1), "woken", waits(true)).unwrap();
                yield_now();
                assert!(wake());
                assert_eq!(own.join().unwrap(), Ok(()));
                assert_eq!(woken.join().unwrap(), Ok(()));
                let late = wires[2].spawn(stack(2), "late", waits(true)).unwrap();
                yield_now();
                late.cancel();
                assert!(late.join().unwrap().is_err());
                assert!(wake());
                ask.try_send(()).unwrap();
                assert_eq!(block_on(twice(true)), Ok(()));
            });
        }
    });
    assert_eq!(count, 0);
    drop(ask);
    thread.join().unwrap();
}

#[test]
fn dumping_in_every_state_and_when_wires_are_stuck_allocates_nothing() {
    let wires: &[Wire; 3] = Box::leak(Box::default());
    let lows = [(); 3].map(|()| stack().low());
    // SAFETY: each is used again when the wire before is over.
    let stack = |n: usize| unsafe { Stack::from_raw(lows[n], SIZE) };
    let told = Cell::new(0);
    let count = allocations(|| {
        for _ in 0..3 {
            let mut on_stuck = |_: WireInfo| {
                told.set(told.get() + 1);
                dump(&mut Nowhere).unwrap();
            };
            let result = Runtime::new().on_stuck(&mut on_stuck).run(|| {
                let waits = wires[0].spawn(stack(0), "waits", suspend).unwrap();
                yield_now();
                let ready = || (dump(&mut Nowhere).unwrap(), suspend());
                let ready = wires[1].spawn(stack(1), "rea\ndy", ready).unwrap();
                let over = wires[2].spawn(stack(2), "over", || 17).unwrap();
                dump(&mut Nowhere).unwrap();
                yield_now();
                dump(&mut Nowhere).unwrap();
                assert_eq!(over.join().unwrap(), 17);
                (waits.detach(), ready.detach())
            });
            assert!(result.is_ok());
        }
    });
    assert_eq!((count, told.get()), (0, 6));
}

#[test]
fn a_dump_that_was_asked_for_allocates_nothing() {
    let count = allocations(|| {
        run(|| {
            request_dump();
            (0..1024).for_each(|_| yield_now());
        });
    });
    assert_eq!(count, 0);
}

#[test]
fn cancelling_by_unwinding_costs_one_record() {
    run(|| {
        // The first unwinding of a process reads its tables.
        for round in 0..2 {
            let endless = || loop {
                yield_now();
            };
            let wire = common::spawn("endless", endless);
            yield_now();
            let count = allocations(|| {
                wire.cancel();
                assert!(matches!(wire.join(), Err(JoinError::Cancelled)));
            });
            assert!(round == 0 || count == 2, "made and freed: {count}");
        }
    });
}

#[cfg(feature = "trace")]
#[test]
fn recording_and_writing_a_trace_allocate_nothing() {
    use wire_core::trace::{Trace, mark};

    static TRACE: Trace<4096> = Trace::new();
    let wires: &[Wire; 2] = Box::leak(Box::default());
    let lows = [(); 2].map(|()| stack().low());
    // SAFETY: each is used again when the wire before is over.
    let stack = |n: usize| unsafe { Stack::from_raw(lows[n], SIZE) };
    let count = allocations(|| {
        TRACE.record(|| {
            run(|| {
                let yields = || (0..50_000).for_each(|_| yield_now());
                let sleeps = || while suspend().is_ok() {};
                let sleeper = wires[0].spawn(stack(0), "sleeps", sleeps).unwrap();
                let other = wires[1].spawn(stack(1), "yields", yields).unwrap();
                for _ in 0..50_000 {
                    sleeper.handle().resume();
                    mark("resumed");
                    yield_now();
                }
                assert!(TRACE.write_json(&mut Nowhere).is_ok());
                other.join().unwrap();
                sleeper.cancel();
                sleeper.join().unwrap();
            });
        });
        assert!(TRACE.write_json_to(&mut std::io::sink()).is_ok());
    });
    assert_eq!(count, 0);
}
