//! tokio's `current_thread` runtime.

use std::future::poll_fn;
use std::hint::black_box;
use std::sync::Arc;
use std::task::Poll;

use tokio::runtime::Builder;
use tokio::sync::Notify;

use super::{WARM_UP, each};
use crate::rows::Row;
use crate::stamp;

pub(super) fn measure(row: Row, operations: u64) -> f64 {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        match row {
            Row::Yield(tasks) => yields(tasks, operations).await,
            Row::Create => create(operations).await,
            Row::Switch => switch(operations).await,
        }
    })
}

/// Several times as fast as `yield_now`, which has the driver polled in between.
async fn wake_self() {
    let mut woken = false;
    poll_fn(|context| {
        if woken {
            return Poll::Ready(());
        }
        woken = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

async fn yields(tasks: usize, operations: u64) -> f64 {
    let each = each(operations, tasks);
    let handles: Vec<_> = (0..tasks)
        .map(|number| {
            tokio::spawn(async move {
                for _ in 0..WARM_UP {
                    wake_self().await;
                }
                if number == 0 {
                    stamp::begin();
                }
                for _ in 0..each {
                    wake_self().await;
                }
                if number == 0 {
                    stamp::end();
                }
            })
        })
        .collect();
    for handle in handles {
        handle.await.expect("no panic");
    }
    stamp::per(each * tasks as u64)
}

async fn create(operations: u64) -> f64 {
    for number in 0..1_000 {
        tokio::spawn(async move { black_box(number) })
            .await
            .expect("no panic");
    }
    stamp::begin();
    for number in 0..operations {
        tokio::spawn(async move { black_box(number) })
            .await
            .expect("no panic");
    }
    stamp::end();
    stamp::per(operations)
}

async fn switch(operations: u64) -> f64 {
    let each = each(operations, 2);
    let bells = Arc::new([Notify::new(), Notify::new()]);
    let tasks = [0, 1].map(|number| {
        let bells = Arc::clone(&bells);
        tokio::spawn(async move {
            for _ in 0..WARM_UP {
                bells[1 - number].notify_one();
                bells[number].notified().await;
            }
            if number == 0 {
                stamp::begin();
            }
            for _ in 0..each {
                bells[1 - number].notify_one();
                bells[number].notified().await;
            }
            if number == 0 {
                stamp::end();
            }
            bells[1 - number].notify_one();
        })
    });
    for task in tasks {
        task.await.expect("no panic");
    }
    stamp::per(each * 2)
}
