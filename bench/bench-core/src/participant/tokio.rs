//! tokio's `current_thread` runtime.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use bench_harness::{Plan, stamp};
use tokio::runtime::Builder;
use tokio::sync::Notify;
use tokio::task::{self, LocalSet};

use super::{Work, job};

pub const CONFIGURATION: &str = "current_thread without drivers, event_interval 1,000,000; a \
     yield wakes its own task (task::yield_now is slower); spawn_local in a LocalSet to create (spawn \
     is slower); Notify for suspend + resume";

pub(super) fn measure(work: Work, plan: Plan) {
    block_on(async move {
        match work {
            Work::Yield(tasks) => yields(tasks, plan, |_| ()).await,
            Work::Create => create(plan).await,
            Work::Switch => switch(plan, |_| ()).await,
        }
    });
}

pub fn block_on(future: impl Future<Output = ()>) {
    // There are no events to look for; `event_interval` is documented as the way to look less often.
    let runtime = Builder::new_current_thread()
        .event_interval(1_000_000)
        .build()
        .expect("a runtime");
    runtime.block_on(future);
}

/// Several times as fast as `yield_now`, which has the driver looked at in between.
pub async fn wake_self() {
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

pub async fn yields(tasks: usize, each: Plan, note: impl Fn(usize) + Copy + Send + Sync + 'static) {
    let task = |number| {
        tokio::spawn(async move {
            for _ in 0..each.warm_up {
                note(number);
                wake_self().await;
            }
            if number == 0 {
                stamp::begin();
            }
            for _ in 0..each.operations {
                note(number);
                wake_self().await;
            }
            if number == 0 {
                stamp::end();
            }
        })
    };
    let tasks: Vec<_> = (0..tasks).map(task).collect();
    for task in tasks {
        task.await.expect("no panic");
    }
}

async fn create(plan: Plan) {
    // In a task, since the future of `block_on` is polled less often.
    let starts = async move {
        for number in 0..plan.warm_up {
            task::spawn_local(async move { job::run(number) });
            wake_self().await;
        }
        stamp::begin();
        for number in 0..plan.operations {
            task::spawn_local(async move { job::run(number) });
            wake_self().await;
        }
        stamp::end();
    };
    let local = LocalSet::new();
    let all = local.run_until(async { task::spawn_local(starts).await });
    all.await.expect("no panic");
}

pub(super) async fn switch(each: Plan, note: impl Fn(usize) + Copy + Send + Sync + 'static) {
    let bells = Arc::new([Notify::new(), Notify::new()]);
    let tasks = [0, 1].map(|number| {
        let bells = Arc::clone(&bells);
        tokio::spawn(async move {
            if number == 1 {
                bells[1].notified().await;
            }
            for _ in 0..each.warm_up {
                note(number);
                bells[1 - number].notify_one();
                bells[number].notified().await;
            }
            if number == 0 {
                stamp::begin();
            }
            for _ in 0..each.operations {
                note(number);
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
}
