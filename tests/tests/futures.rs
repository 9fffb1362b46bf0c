//! Async crates in wires: their futures wait as wires do, whoever wakes them.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use futures_lite::future::or;
use libwire as wire;
use tokio::sync::{Mutex, Notify, mpsc, oneshot};
use wire::{Interrupt, JoinError, Watch, block_on};

const MS: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(600);

#[test]
fn wires_talk_through_an_async_channel() {
    wire::run(|| {
        let (tx, rx) = async_channel::bounded(2);
        wire::scope(|s| {
            for n in 0..10_u64 {
                let tx = tx.clone();
                s.spawn(move || (0..100).for_each(|m| block_on(tx.send(n * 100 + m)).unwrap()));
            }
            drop(tx);
            let sums = [(); 3].map(|()| {
                let rx = &rx;
                s.spawn(move || {
                    let mut sum = 0;
                    while let Ok(n) = block_on(rx.recv()) {
                        sum += n;
                    }
                    sum
                })
            });
            let sum: u64 = sums.into_iter().map(|wire| wire.join().unwrap()).sum();
            assert_eq!(sum, (0..1000).sum());
        });
    });
}

#[test]
fn wires_of_two_threads_talk_through_an_async_channel() {
    let (there, here) = (async_channel::bounded(1), async_channel::bounded(1));
    let echo = thread::spawn(move || {
        wire::run(|| {
            while let Ok(n) = block_on(there.1.recv()) {
                block_on(here.0.send(n)).unwrap();
            }
        });
    });
    wire::run(|| {
        // Beside a wire that has the thread sleep in the kernel, and one that keeps it busy at times.
        let sleeper = wire::spawn(|| wire::sleep(LONG));
        let ticker = wire::spawn(|| (0..20).for_each(|_| wire::sleep(MS)));
        for n in 0..2000_u32 {
            block_on(there.0.send(n)).unwrap();
            assert_eq!(block_on(here.1.recv()), Ok(n));
        }
        ticker.join().unwrap();
        sleeper.cancel();
        assert!(matches!(sleeper.join(), Err(JoinError::Cancelled)));
        there.0.close();
    });
    echo.join().unwrap();
}

#[test]
fn what_tokio_has_for_tasks_works_between_wires() {
    wire::run(|| {
        let (mutex, notify) = (Mutex::new(0), Notify::new());
        let (results, mut all) = mpsc::channel(1);
        wire::scope(|s| {
            for _ in 0..5 {
                let (mutex, notify, results) = (&mutex, &notify, results.clone());
                s.spawn(move || {
                    block_on(async {
                        notify.notified().await;
                        let mut total = mutex.lock().await;
                        *total += 1;
                        results.send(*total).await.unwrap();
                        // Held while others run, who then wait for it.
                        wire::yield_now();
                    });
                });
            }
            drop(results);
            wire::yield_now();
            notify.notify_waiters();
            let mut heard = Vec::new();
            while let Some(total) = block_on(all.recv()) {
                heard.push(total);
            }
            assert_eq!(heard, [1, 2, 3, 4, 5]);
        });
    });
}

#[test]
fn a_thousand_wires_are_answered_by_a_thread() {
    let (ask, asked) = std::sync::mpsc::channel::<(u32, oneshot::Sender<u32>)>();
    let answerer = thread::spawn(move || {
        for (n, answer) in asked {
            answer.send(n + 1).unwrap();
        }
    });
    wire::run(|| {
        let wires: Vec<_> = (0..1000)
            .map(|n| {
                let ask = ask.clone();
                wire::spawn(move || {
                    let (answer, answered) = oneshot::channel();
                    ask.send((n, answer)).unwrap();
                    block_on(answered).unwrap()
                })
            })
            .collect();
        drop(ask);
        for (n, wire) in wires.into_iter().enumerate() {
            assert_eq!(wire.join().unwrap(), n as u32 + 1);
        }
    });
    answerer.join().unwrap();
}

#[test]
fn futures_of_a_reactor_in_another_thread() {
    wire::run(|| {
        let start = Instant::now();
        let timers = [3, 2, 1].map(|n| {
            wire::spawn(move || {
                block_on(async_io::Timer::after(n * 5 * MS));
                assert!(start.elapsed() >= n * 5 * MS);
            })
        });
        let (ours, theirs) = UnixStream::pair().unwrap();
        let ours = async_io::Async::new(ours).unwrap();
        let writer = wire::spawn(move || {
            let mut theirs = Watch::new(theirs).unwrap();
            wire::sleep(MS);
            theirs.write_all(b"hello").unwrap();
        });
        block_on(ours.readable()).unwrap();
        writer.join().unwrap();
        for timer in timers {
            timer.join().unwrap();
        }
        let first = or(async { "never" }, async {
            pending::<()>().await;
            "later"
        });
        assert_eq!(block_on(first), "never");
    });
}

/// Sets a flag when dropped.
struct Dropped<'a>(&'a Cell<bool>);

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

#[test]
fn a_deadline_drops_the_future_and_unwinds() {
    wire::run(|| {
        let (tx, rx) = async_channel::bounded::<u32>(1);
        let dropped = Cell::new(false);
        let late = wire::timeout(2 * MS, || {
            let held = Dropped(&dropped);
            block_on(async {
                let _held = held;
                rx.recv().await
            })
        });
        assert_eq!(late, Err(wire::Elapsed));
        assert!(dropped.get());
        // What it waited for is not lost with it.
        block_on(tx.send(7)).unwrap();
        assert_eq!(wire::timeout(LONG, || block_on(rx.recv())), Ok(Ok(7)));
        let returned = wire::timeout(MS, || wire::core::block_on(rx.recv()));
        assert_eq!(returned, Ok(Err(Interrupt::DeadlinePassed)));
    });
}

#[test]
fn a_cancelled_wire_unwinds_from_its_future() {
    wire::run(|| {
        let (tx, rx) = oneshot::channel::<u32>();
        let waiter = wire::spawn(move || block_on(rx));
        wire::yield_now();
        assert!(!tx.is_closed());
        waiter.cancel();
        assert!(matches!(waiter.join(), Err(JoinError::Cancelled)));
        assert!(tx.is_closed());
        assert_eq!(tx.send(1), Err(1));
    });
}

#[test]
fn waiting_for_a_sender_that_is_gone_is_told_and_not_hung() {
    wire::run(|| {
        let (tx, rx) = oneshot::channel::<u32>();
        let waiter = wire::spawn(move || block_on(rx));
        wire::yield_now();
        thread::spawn(move || drop(tx));
        assert!(waiter.join().unwrap().is_err());
    });
}

#[test]
fn stuck_futures_are_found_once_the_monitor_has_nothing_to_wait_for() {
    let mut told = Vec::new();
    let mut tell = |info: wire::core::WireInfo| told.push(info.name());
    let name = wire::Builder::new().name("stuck");
    let _ = wire::Runtime::new().on_stuck(&mut tell).run(|| {
        let stuck = name.spawn(|| block_on(pending::<()>())).unwrap();
        wire::sleep(MS);
        assert!(!stuck.is_finished());
        let (tx, rx) = oneshot::channel();
        thread::spawn(move || tx.send(()));
        block_on(rx).unwrap();
        assert!(matches!(
            stuck.join(),
            Err(JoinError::Cancelled | JoinError::Interrupted(_))
        ));
    });
    assert_eq!(told, ["main", "stuck"]);
}

#[test]
fn outside_a_wire_the_thread_waits() {
    let (tx, rx) = oneshot::channel();
    let sender = thread::spawn(move || tx.send(5));
    assert_eq!(block_on(rx), Ok(5));
    sender.join().unwrap().unwrap();

    // A poll that uses up the thread's token loses no wake-up.
    let mut polls = 0;
    let greedy = poll_fn(|cx: &mut std::task::Context<'_>| {
        polls += 1;
        if polls == 3 {
            return Poll::Ready(polls);
        }
        cx.waker().wake_by_ref();
        block_on(self_waking());
        Poll::Pending
    });
    assert_eq!(block_on(greedy), 3);
}

/// Wakes itself once.
fn self_waking() -> impl Future<Output = ()> {
    let mut first = true;
    poll_fn(move |cx| {
        cx.waker().wake_by_ref();
        if std::mem::take(&mut first) {
            return Poll::Pending;
        }
        Poll::Ready(())
    })
}

#[test]
fn wakers_may_be_dropped_when_their_thread_ends() {
    thread_local!(static KEPT: Cell<Option<Waker>> = const { Cell::new(None) });
    thread::spawn(|| {
        KEPT.set(None);
        wire::run(|| {
            let mut first = true;
            block_on(poll_fn(|cx| {
                KEPT.set(Some(cx.waker().clone()));
                if std::mem::take(&mut first) {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(())
            }));
        });
    })
    .join()
    .unwrap();
}
