//! tokio's `current_thread` runtime.

use std::hint::black_box;
use std::sync::Arc;

use bench_core::participant::tokio::{self as base, block_on, wake_self};
use bench_harness::{Plan, stamp};
use tokio::sync::{Mutex, mpsc};

use super::{all, others_may_look};
use crate::row::Row;

pub(super) const CONFIGURATION: &str = "current_thread without drivers, event_interval 1,000,000; \
     spawn (no slower than spawn_local); mpsc(1) for a rendezvous, select! with `biased`";

pub(super) const TRYING_CONFIGURATION: &str =
    "the same, but send and recv only after try_send and try_recv have failed";

pub(super) fn measure(row: Row, plan: Plan) {
    match row {
        Row::Yield => block_on(base::yields(2, plan, |_| ())),
        Row::Rendezvous => block_on(messages::<1>(plan, ignore)),
        Row::Bounded => block_on(messages::<64>(plan, ignore)),
        Row::Lock => block_on(lock(plan)),
        Row::HandOver => block_on(hand_over(plan, |_| ())),
        Row::Select => block_on(select(plan, ignore)),
        Row::ReceiveLater | Row::SelectLater => unreachable!("it abstains"),
    }
}

pub(super) fn measure_trying(row: Row, plan: Plan) {
    assert_eq!(row, Row::Bounded, "it abstains");
    block_on(messages_trying::<64>(plan, ignore));
}

fn ignore(message: u64) {
    black_box(message);
}

pub(super) async fn messages<const ROOM: usize>(plan: Plan, note: impl Fn(u64) + Send + 'static) {
    let (sender, mut receiver) = mpsc::channel(ROOM);
    let receiver = tokio::spawn(async move {
        for _ in 0..plan.warm_up {
            let message = receiver.recv().await;
            note(message.expect("it is open"));
        }
        stamp::begin();
        for _ in 0..plan.operations {
            let message = receiver.recv().await;
            note(message.expect("it is open"));
        }
        stamp::end();
    });
    let sender = tokio::spawn(async move {
        for number in 0..all(plan) {
            sender.send(number).await.expect("it is open");
        }
    });
    for task in [receiver, sender] {
        task.await.expect("no panic");
    }
}

pub(super) async fn messages_trying<const ROOM: usize>(
    plan: Plan,
    note: impl Fn(u64) + Send + 'static,
) {
    let (sender, mut receiver) = mpsc::channel(ROOM);
    let receiver = tokio::spawn(async move {
        let mut receive = async || match receiver.try_recv() {
            Ok(message) => message,
            Err(_) => receiver.recv().await.expect("it is open"),
        };
        for _ in 0..plan.warm_up {
            let message = receive().await;
            note(message);
        }
        stamp::begin();
        for _ in 0..plan.operations {
            let message = receive().await;
            note(message);
        }
        stamp::end();
    });
    let sender = tokio::spawn(async move {
        for number in 0..all(plan) {
            if let Err(error) = sender.try_send(number) {
                let number = error.into_inner();
                sender.send(number).await.expect("it is open");
            }
        }
    });
    for task in [receiver, sender] {
        task.await.expect("no panic");
    }
}

pub(super) async fn select(plan: Plan, note: impl Fn(u64) + Send + 'static) {
    let (senders, [mut a, mut b, mut c, mut d]) = four();
    let receiver = tokio::spawn(async move {
        macro_rules! first {
            () => {
                tokio::select! {
                    biased;
                    message = a.recv() => message,
                    message = b.recv() => message,
                    message = c.recv() => message,
                    message = d.recv() => message,
                }
            };
        }
        for _ in 0..plan.warm_up {
            let message = first!();
            note(message.expect("it is open"));
        }
        stamp::begin();
        for _ in 0..plan.operations {
            let message = first!();
            note(message.expect("it is open"));
        }
        stamp::end();
        // Kept open: it is the sender who ends first otherwise.
        (a, b, c, d)
    });
    let sender = tokio::spawn(async move {
        for number in 0..all(plan) {
            let sender = &senders[number as usize % 4];
            sender.send(number).await.expect("it is open");
        }
        senders
    });
    let receivers = receiver.await.expect("no panic");
    let senders = sender.await.expect("no panic");
    drop((senders, receivers));
}

fn four() -> ([mpsc::Sender<u64>; 4], [mpsc::Receiver<u64>; 4]) {
    let (a, b, c, d) = (
        mpsc::channel(1),
        mpsc::channel(1),
        mpsc::channel(1),
        mpsc::channel(1),
    );
    ([a.0, b.0, c.0, d.0], [a.1, b.1, c.1, d.1])
}

async fn lock(plan: Plan) {
    let locks = tokio::spawn(async move {
        let mutex = Mutex::new(0_u64);
        let shared = black_box(&mutex);
        let lock = async || {
            others_may_look();
            let mut held = shared.lock().await;
            *held += 1;
            others_may_look();
        };
        for _ in 0..plan.warm_up {
            lock().await;
        }
        stamp::begin();
        for _ in 0..plan.operations {
            lock().await;
        }
        stamp::end();
        assert_eq!(mutex.into_inner(), all(plan));
    });
    locks.await.expect("no panic");
}

pub(super) async fn hand_over(each: Plan, note: impl Fn(usize) + Copy + Send + Sync + 'static) {
    let mutex = Arc::new(Mutex::new(0_u64));
    let tasks = [0, 1].map(|number| {
        let mutex = Arc::clone(&mutex);
        tokio::spawn(async move {
            let hold = async || {
                let mut held = mutex.lock().await;
                *held += 1;
                note(number);
                wake_self().await;
            };
            for _ in 0..each.warm_up {
                hold().await;
            }
            if number == 0 {
                stamp::begin();
            }
            for _ in 0..each.operations {
                hold().await;
            }
            if number == 0 {
                stamp::end();
            }
        })
    });
    for task in tasks {
        task.await.expect("no panic");
    }
    assert_eq!(*mutex.lock().await, 2 * all(each));
}
