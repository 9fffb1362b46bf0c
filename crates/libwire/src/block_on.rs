//! Running futures, for those who have nothing to do about an interrupt.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

/// Runs `future` to completion. In a wire only that one waits, and the others of its thread go on;
/// outside, the OS thread waits.
///
/// ```
/// use std::future::poll_fn;
/// use std::task::Poll;
/// use libwire as wire;
///
/// // A future as async crates have them, woken by another OS thread.
/// fn answer() -> impl Future<Output = u32> {
///     let mut job = None;
///     poll_fn(move |cx| match job.take() {
///         None => {
///             let waker = cx.waker().clone();
///             job = Some(std::thread::spawn(move || {
///                 waker.wake();
///                 42
///             }));
///             Poll::Pending
///         }
///         Some(job) => Poll::Ready(job.join().unwrap()),
///     })
/// }
///
/// wire::run(|| {
///     let other = wire::spawn(|| wire::block_on(async { answer().await - 2 }));
///     assert_eq!(wire::block_on(answer()), 42);
///     assert_eq!(other.join().unwrap(), 40);
/// });
/// assert_eq!(wire::block_on(answer()), 42);
/// ```
///
/// A cancellation or a deadline around it drops the future and unwinds the wire from here.
/// [`wire_core::block_on`] returns it instead, and tells what futures have to expect in a wire.
///
/// # Panics
///
/// When the future does.
///
/// # Aborts
///
/// If the wire is unwinding and the future is not ready at its first poll: it can neither wait nor
/// give a result.
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    if wire_core::outside::in_wire() {
        wire_core::block_on(future).unwrap_or_else(|interrupt| interrupt.unwind())
    } else {
        block_thread_on(future)
    }
}

/// The waker of an OS thread. With a flag of its own, since a poll may use up the thread's token.
struct Unpark {
    woken: AtomicBool,
    thread: Thread,
}

impl Wake for Unpark {
    fn wake(self: Arc<Unpark>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Unpark>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

fn block_thread_on<F: Future>(future: F) -> F::Output {
    let unpark = Arc::new(Unpark {
        woken: AtomicBool::new(false),
        thread: thread::current(),
    });
    let waker = Waker::from(Arc::clone(&unpark));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        while !unpark.woken.swap(false, Ordering::Acquire) {
            thread::park();
        }
    }
}
