//! Something to wait for with futures.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Waker};

/// Something that becomes true once, and the future that waits for it; for any thread.
#[derive(Clone, Default)]
pub(crate) struct Event(Arc<(Mutex<Inner>, Condvar)>);

#[derive(Default)]
struct Inner {
    happened: bool,
    polls: u32,
    waker: Option<Waker>,
}

impl Event {
    pub(crate) fn new() -> Event {
        Event::default()
    }

    pub(crate) fn happens(&self) {
        self.0.0.lock().unwrap().happened = true;
        if let Some(waker) = self.take_waker() {
            waker.wake();
        }
    }

    /// The waker of the last poll, if it was not used yet.
    pub(crate) fn take_waker(&self) -> Option<Waker> {
        self.0.0.lock().unwrap().waker.take()
    }

    /// Blocks the OS thread until there is a waker.
    pub(crate) fn waker(&self) -> Waker {
        let mut inner = self.0.0.lock().unwrap();
        loop {
            match &inner.waker {
                Some(waker) => return waker.clone(),
                None => inner = self.0.1.wait(inner).unwrap(),
            }
        }
    }

    pub(crate) fn has_waker(&self) -> bool {
        self.0.0.lock().unwrap().waker.is_some()
    }

    pub(crate) fn polls(&self) -> u32 {
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
