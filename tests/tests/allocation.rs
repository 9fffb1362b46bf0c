//! The library does not allocate: counted over every layer, contended and timed-out paths included.
//! A cancellation that unwinds is allowed the one record std allocates for it.
#[path = "../../crates/wire-lock/tests/forms/mod.rs"]
mod forms;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use libwire as wire;
use wire::core as wires;
use wire::lock as locks;
use wire::wait as waits;
use wire::{Channel, Mutex, Semaphore, WaitGroup, Watch};

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: forwards to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of this OS thread in `rounds` calls of `f`, after one that sets things up.
fn count(rounds: usize, mut f: impl FnMut()) -> u64 {
    f();
    let before = COUNT.with(Cell::get);
    for _ in 0..rounds {
        f();
    }
    COUNT.with(Cell::get) - before
}

const SHORT: Duration = Duration::from_micros(20);

#[test]
fn wires_come_yield_and_go() {
    wire::run(|| {
        let allocations = count(1000, || {
            let wires = [1, 2, 3].map(|n| {
                wire::spawn(move || {
                    wire::yield_now();
                    n
                })
            });
            assert_eq!(wires.map(|wire| wire.join().unwrap()), [1, 2, 3]);
            wire::scope(|s| s.spawn(wire::yield_now).detach());
        });
        assert_eq!(allocations, 0);
    });
}

#[test]
fn channels_and_locks_contended() {
    wire::run(|| {
        let (ch, mutex, permits) = (Channel::new(), Mutex::new(0), Semaphore::new(1));
        let group = WaitGroup::new();
        let allocations = count(200, || {
            wire::scope(|s| {
                for _ in 0..3 {
                    let pass = group.enter();
                    let (ch, mutex, permits) = (&ch, &mutex, &permits);
                    s.spawn(move || {
                        let _pass = pass;
                        let _permit = permits.acquire().unwrap();
                        let mut total = mutex.lock().unwrap();
                        wire::yield_now();
                        *total += ch.recv().unwrap();
                    });
                }
                for n in 0..3 {
                    ch.send(n).unwrap();
                }
                group.wait().unwrap();
            });
        });
        assert_eq!(allocations, 0);
        assert_eq!(*mutex.lock().unwrap(), 201 * 3);
    });
}

#[test]
fn waits_that_time_out() {
    wire::run(|| {
        let (ch, permits) = (Channel::<()>::new(), Semaphore::new(0));
        let (a, _b) = UnixStream::pair().unwrap();
        let a = Watch::new(a).unwrap();
        let allocations = count(100, || {
            assert!(wire::timeout(SHORT, || ch.recv()).unwrap().is_err());
            assert!(wire::timeout(SHORT, || permits.acquire().is_err()).unwrap());
            assert!(wire::timeout(SHORT, || a.readable()).unwrap().is_err());
            assert!(wire::timeout(SHORT, wire::suspend).unwrap().is_err());
        });
        assert_eq!(allocations, 0);
    });
}

#[test]
fn full_channels_oneshots_joins_and_the_first_of_several() {
    wire::run(|| {
        let (full, empty) = (Channel::<u64, 2>::bounded(), Channel::<u64>::new());
        let mut answer = wire::Oneshot::new();
        let allocations = count(1000, || {
            full.send(1).unwrap();
            full.send(2).unwrap();
            let sending = full.sending(3);
            let late = wire::timeout(SHORT, || {
                let received = waits::on(&empty, |_| ());
                wire::wait_fair(&[&waits::on(&sending, |_| ()), &received])
            });
            assert!(late.unwrap().is_err());
            assert_eq!(sending.into_value(), Some(3));
            assert!(wire::timeout(SHORT, || full.send(4)).unwrap().is_err());
            assert_eq!([full.recv(), full.recv()], [Ok(1), Ok(2)]);

            let (sender, receiver) = answer.split();
            assert!(wire::timeout(SHORT, || receiver.recv()).unwrap().is_err());
            sender.send(5).unwrap();
            assert_eq!(
                wire::wait_any(&[&waits::on(receiver.source(), |n| n)]),
                Ok(Ok(5))
            );

            let other = wire::spawn(wire::suspend);
            let join = || wire::wait_any(&[&waits::on(&other, |()| ())]);
            assert!(wire::timeout(SHORT, join).unwrap().is_err());
            other.handle().resume();
            assert_eq!(join(), Ok(()));
            other.join().unwrap().unwrap();
        });
        assert_eq!(allocations, 0);
    });
}

#[test]
fn every_wait_of_locks_and_the_like_timed_out() {
    wire::run(|| {
        let forms = forms::leak(forms::forms(|f| wire::spawn(f)));
        for form in forms {
            let allocations = count(20, || {
                let waits = wire::spawn(|| wire::timeout(SHORT, || (form.wait)()));
                assert!(waits.join().unwrap().unwrap().is_err());
            });
            assert_eq!(allocations, 0, "{}", form.name);
            form.give();
        }
    });
}

#[test]
fn futures() {
    wire::run(|| {
        let ready = count(100, || wire::block_on(std::future::ready(())));
        assert_eq!(ready, 0);
        // Its waiters lie in its futures.
        let notify = tokio::sync::Notify::new();
        let woken = count(100, || {
            wire::scope(|s| {
                s.spawn(|| wire::block_on(notify.notified()));
                wire::yield_now();
                notify.notify_waiters();
            });
            let late = wire::timeout(SHORT, || wire::core::block_on(notify.notified()));
            assert!(late.unwrap().is_err());
        });
        assert_eq!(woken, 0);
    });
}

#[test]
fn sockets_sleeps_files_and_offloaded_calls() {
    let path = std::env::temp_dir().join(format!("libwire-allocation-{}", std::process::id()));
    std::fs::write(&path, [7; 4096]).unwrap();
    wire::run(|| {
        let (a, b) = UnixStream::pair().unwrap();
        let (a, b) = (Watch::new(a).unwrap(), Watch::new(b).unwrap());
        let file = wire::File::open(&path).unwrap();
        // Of one thread, so that all there will be has started after the first call.
        let pool = wire::io::Pool::new(1, 8);
        let mut buf = [0; 4096];
        let round = || {
            wire::scope(|s| {
                s.spawn(|| (&b).write_all(&[1; 64]).unwrap());
                (&a).read_exact(&mut buf[..64]).unwrap();
            });
            wire::sleep(SHORT);
            assert_eq!(file.read_at(&mut buf, 0).unwrap(), 4096);
            assert_eq!(pool.offload(|| 6 * 7), 42);
        };
        assert_eq!(count(100, round), 0);
    });
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_cancellation_costs_the_record_of_its_unwinding() {
    wire::run(|| {
        const ROUNDS: usize = 100;
        let unwound = count(ROUNDS, || {
            let sleeper = wire::spawn(|| wire::sleep(Duration::from_secs(60)));
            wire::yield_now();
            sleeper.cancel();
            assert!(sleeper.join().is_err());
        });
        assert!(
            unwound <= ROUNDS as u64,
            "{unwound} allocations in {ROUNDS} cancellations"
        );
        let returned = count(ROUNDS, || {
            let waiting = wire::spawn(wire::suspend);
            wire::yield_now();
            waiting.cancel();
            assert!(waiting.join().unwrap().is_err());
        });
        assert_eq!(returned, 0, "a wait that can fail does not unwind");
    });
}

#[test]
fn listing_all_wires() {
    struct Nowhere;
    impl std::fmt::Write for Nowhere {
        fn write_str(&mut self, _: &str) -> std::fmt::Result {
            Ok(())
        }
    }
    wire::run(|| {
        wire::spawn(wire::yield_now).detach();
        assert_eq!(count(10, || wire::dump(&mut Nowhere).unwrap()), 0);
    });
}
