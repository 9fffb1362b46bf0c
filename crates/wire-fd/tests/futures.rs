//! Futures beside descriptors and timers: rule 10 of the contract.
mod common;

use std::future::poll_fn;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use common::go;
use wire_core::{Interrupt, block_on, run, yield_now};
use wire_fd::{Watch, sleep, timeout};

/// What an OS thread waits for and a wire waits with.
#[derive(Default)]
struct Event {
    happened: bool,
    waker: Option<Waker>,
}

/// Waits, in a wire, until another thread has made it happen; which it does when that waits, with what
/// it asked the kernel for.
fn wait_for_a_thread() -> Result<(), Interrupt> {
    let event = Arc::new(Mutex::new(Event::default()));
    let theirs = Arc::clone(&event);
    // SAFETY: has no preconditions.
    let sleeper = unsafe { libc::gettid() };
    let thread = thread::spawn(move || {
        while theirs.lock().unwrap().waker.is_none() {
            thread::yield_now();
        }
        until_asleep(sleeper);
        let mut event = theirs.lock().unwrap();
        event.happened = true;
        let waker = event.waker.take();
        drop(event);
        waker.unwrap().wake();
    });
    let result = block_on(poll_fn(|cx| {
        let mut event = event.lock().unwrap();
        if event.happened {
            return Poll::Ready(());
        }
        event.waker = Some(cx.waker().clone());
        Poll::Pending
    }));
    thread.join().unwrap();
    result
}

/// Returns when the thread sleeps in the kernel, or soon after, as it may go on sleeping and waking.
fn until_asleep(thread: libc::pid_t) {
    for _ in 0..1000 {
        let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).unwrap();
        if stat
            .rsplit(')')
            .next()
            .unwrap()
            .trim_start()
            .starts_with('S')
        {
            return;
        }
        thread::yield_now();
    }
}

#[test]
fn a_future_woken_by_a_thread_ends_a_sleep() {
    run(|| {
        let (a, _b) = UnixStream::pair().unwrap();
        let a = Watch::new(a).unwrap();
        let reader = go(move || a.readable());
        yield_now();
        // Nothing else would ever end the sleep in the kernel.
        for _ in 0..100 {
            wait_for_a_thread().unwrap();
        }
        assert!(!reader.is_finished());
        reader.cancel();
        assert!(reader.join().unwrap().is_err());
        // With the monitor idle the thread sleeps elsewhere, and in the kernel again after that.
        wait_for_a_thread().unwrap();
        let sleeper = go(|| sleep(Duration::from_secs(1_000_000)));
        yield_now();
        wait_for_a_thread().unwrap();
        sleeper.cancel();
        assert_eq!(sleeper.join().unwrap(), Err(Interrupt::Cancelled));
    });
}

#[test]
fn a_deadline_bounds_a_future() {
    run(|| {
        let kept = Mutex::new(None);
        let dropped = Arc::new(());
        let held = Arc::clone(&dropped);
        let late = timeout(Duration::from_millis(2), || {
            block_on(poll_fn(|cx| {
                let _held = &held;
                *kept.lock().unwrap() = Some(cx.waker().clone());
                Poll::<()>::Pending
            }))
        });
        assert_eq!(late, Ok(Err(Interrupt::DeadlinePassed)));
        kept.lock().unwrap().take().unwrap().wake();
        assert_eq!(
            timeout(Duration::from_secs(60), wait_for_a_thread),
            Ok(Ok(()))
        );
    });
}

#[test]
fn a_future_that_wakes_itself_does_not_starve_timers() {
    run(|| {
        let awake = go(|| sleep(Duration::from_millis(2)));
        let mut polls = 0_u64;
        let busy = poll_fn(|cx| {
            polls += 1;
            if awake.is_finished() {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        block_on(busy).unwrap();
        assert!(polls > 1);
        awake.join().unwrap().unwrap();
    });
}
