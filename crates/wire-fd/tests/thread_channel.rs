//! Values and closures from thread to thread.
mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use common::go;
use wire_core::{Interrupt, run, yield_now};
use wire_fd::{Task, ThreadChannel, ThreadChannelError, sleep, timeout};

const MS: Duration = Duration::from_millis(1);

fn all<T: Send, const N: usize>(channel: &ThreadChannel<T, N>) -> Vec<T> {
    std::iter::from_fn(|| channel.recv().ok()).collect()
}

#[test]
fn from_a_thread_to_wires_and_back_in_order() {
    let (there, back) = (
        ThreadChannel::<u32, 4>::new(),
        ThreadChannel::<u32, 4>::new(),
    );
    thread::scope(|s| {
        let got = s.spawn(|| {
            (0..1000).for_each(|n| {
                if n % 300 == 0 {
                    thread::sleep(3 * MS); // so that the wires are asleep
                }
                there.send(n).unwrap();
                if n % 2 == 0 {
                    assert_eq!(back.recv(), Ok(n * 2));
                }
            });
            there.close();
            all(&back)
        });
        run(|| {
            while let Ok(n) = there.recv() {
                if n % 2 == 0 {
                    back.send(n * 2).unwrap();
                }
            }
            back.close();
        });
        assert_eq!(got.join().unwrap(), []);
    });
}

#[test]
fn between_schedulers_nothing_is_lost_or_seen_twice() {
    const EACH: u64 = 2_000;
    static NUMBERS: ThreadChannel<u64, 3> = ThreadChannel::new();
    let receivers: Vec<_> = (0..2)
        .map(|_| {
            thread::spawn(|| {
                run(|| {
                    let wires: Vec<_> = (0..2).map(|_| go(|| all(&NUMBERS))).collect();
                    let got = wires.into_iter().flat_map(|wire| wire.join().unwrap());
                    got.collect::<Vec<_>>()
                })
            })
        })
        .collect();
    let senders: Vec<_> = (0..2)
        .map(|thread| {
            thread::spawn(move || {
                run(|| {
                    let wires: Vec<_> = (0..2)
                        .map(|wire| {
                            let from = (thread * 2 + wire) * EACH;
                            go(move || (from..from + EACH).for_each(|n| NUMBERS.send(n).unwrap()))
                        })
                        .collect();
                    wires.into_iter().for_each(|wire| wire.join().unwrap());
                });
            })
        })
        .collect();
    senders
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    NUMBERS.close();
    let mut got: Vec<_> = receivers
        .into_iter()
        .flat_map(|thread| thread.join().unwrap())
        .collect();
    got.sort_unstable();
    assert_eq!(got, (0..4 * EACH).collect::<Vec<_>>());
}

#[test]
fn a_wire_that_waits_lets_others_run_and_can_be_interrupted() {
    let channel: &'static ThreadChannel<u32, 1> = Box::leak(Box::default());
    run(|| {
        let late = timeout(MS, || channel.recv());
        let expected = ThreadChannelError::Interrupted(Interrupt::DeadlinePassed);
        assert_eq!(late, Ok(Err(expected)));
        channel.try_send(1).unwrap();
        assert_eq!(
            channel.try_send(2).unwrap_err().why,
            ThreadChannelError::Full
        );
        let late = timeout(MS, || channel.send(3)).unwrap().unwrap_err();
        assert_eq!((late.value, late.why), (3, expected));
        let sender = go(|| channel.send(4));
        yield_now();
        sender.cancel();
        let cancelled = sender.join().unwrap().unwrap_err();
        assert_eq!(
            cancelled.why,
            ThreadChannelError::Interrupted(Interrupt::Cancelled)
        );
        assert_eq!(channel.recv(), Ok(1));
        assert_eq!(channel.try_recv(), Err(ThreadChannelError::Empty));
        let receiver = go(|| channel.recv());
        yield_now();
        channel.send(5).unwrap();
        assert_eq!(receiver.join().unwrap(), Ok(5));
    });
}

#[test]
fn a_turn_that_comes_to_a_cancelled_wire_is_passed_on() {
    let channel: &'static ThreadChannel<u32, 1> = Box::leak(Box::default());
    run(|| {
        for _ in 0..100 {
            let first = go(|| channel.recv());
            let second = go(|| channel.recv());
            yield_now();
            // The first is told of this, and cancelled before it knows.
            channel.send(1).unwrap();
            first.cancel();
            let first = first.join().unwrap();
            if first.is_ok() {
                channel.send(1).unwrap();
            }
            let second = timeout(Duration::from_secs(20), || second.join());
            assert_eq!(second.unwrap().unwrap(), Ok(1), "after {first:?}");
        }
    });
}

#[test]
fn closing_ends_waits_but_what_was_sent_is_received() {
    let channel: &'static ThreadChannel<u32, 2> = Box::leak(Box::default());
    let waiting = thread::spawn(|| channel.recv());
    run(|| {
        let wire = go(|| channel.recv());
        sleep(2 * MS).unwrap();
        channel.close();
        assert_eq!(wire.join().unwrap(), Err(ThreadChannelError::Closed));
    });
    assert_eq!(waiting.join().unwrap(), Err(ThreadChannelError::Closed));
    let error = channel.send(1).unwrap_err();
    assert_eq!((error.value, error.why), (1, ThreadChannelError::Closed));
    let channel = ThreadChannel::<u32, 2>::new();
    channel.send(7).unwrap();
    channel.close();
    assert_eq!(channel.recv(), Ok(7));
    assert_eq!(channel.recv(), Err(ThreadChannelError::Closed));
}

#[test]
fn what_is_not_received_and_tasks_that_are_not_run_are_dropped() {
    let counted = Arc::new(());
    let channel = ThreadChannel::<Arc<()>, 4>::new();
    channel.send(Arc::clone(&counted)).unwrap();
    channel.send(Arc::clone(&counted)).unwrap();
    drop(channel.recv());
    drop(channel);
    assert_eq!(Arc::strong_count(&counted), 1);
    let kept = Arc::clone(&counted);
    drop(Task::<16>::new(move || drop(kept)));
    assert_eq!(Arc::strong_count(&counted), 1);
    let kept = Arc::clone(&counted);
    Task::<16>::new(move || drop(kept)).run();
    assert_eq!(Arc::strong_count(&counted), 1);
}

#[test]
fn closures_start_as_wires_on_another_thread() {
    static TASKS: ThreadChannel<Task<32>, 4> = ThreadChannel::new();
    static DONE: ThreadChannel<thread::ThreadId, 4> = ThreadChannel::new();
    static RAN: AtomicU32 = AtomicU32::new(0);
    let other = thread::spawn(|| {
        run(|| {
            while let Ok(task) = TASKS.recv() {
                go(move || task.run()).detach();
            }
        });
    });
    run(|| {
        for n in 0..20_u32 {
            let task = Task::new(move || {
                sleep(Duration::from_micros(u64::from(n))).unwrap();
                RAN.fetch_add(n, Ordering::Relaxed);
                DONE.send(thread::current().id()).unwrap();
            });
            TASKS.send(task).unwrap();
            assert_eq!(DONE.recv(), Ok(other.thread().id()));
        }
        TASKS.close();
    });
    other.join().unwrap();
    assert_eq!(RAN.load(Ordering::Relaxed), 190);
}
