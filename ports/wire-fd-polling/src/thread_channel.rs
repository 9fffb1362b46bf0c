//! A bounded channel between OS threads, whether wires run on them or not.

use std::cell::Cell;
use std::fmt;
use std::mem::offset_of;
use std::pin::pin;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};

use wire_core::outside;
use wire_core::{Interrupt, Kind, Reason, WaitQueue, shield};

use crate::crossing::{Attempt, Crossing, End, Inner, Waiter};
use crate::mailbox::{Post, Waker};
use crate::monitor;
use crate::sync::Mutex;

static SENDING: Kind = Kind::new("thread channel send");
static RECEIVING: Kind = Kind::new("thread channel receive");

/// A channel with room for `N` values, between wires of any threads, and threads without wires: from a thread
/// to wires, back, and from one scheduler to another. Any number may send and receive. It lies in a `static`, an
/// `Arc`, or a frame that outlives the threads; nothing is allocated.
///
/// A wire that waits lets the others of its thread run; a thread without wires sleeps, and so does a wire
/// while it unwinds. A wire asleep in the kernel is woken by one system call, however many values come until it
/// looks. Values are received in the order in which they were sent; who waited longest is told first, but
/// somebody else may come in between.
///
/// ```
/// use wire_fd::ThreadChannel;
///
/// static NUMBERS: ThreadChannel<u32, 16> = ThreadChannel::new();
///
/// let sender = std::thread::spawn(|| {
///     (1..=100).for_each(|n| NUMBERS.send(n).unwrap());
///     NUMBERS.close();
/// });
/// let sum = wire_core::run(|| {
///     let mut sum = 0;
///     while let Ok(n) = NUMBERS.recv() { // waits in this wire only
///         sum += n;
///     }
///     sum
/// });
/// assert_eq!(sum, 5050);
/// sender.join().unwrap();
/// ```
pub struct ThreadChannel<T, const N: usize> {
    crossing: Crossing<T, N>,
}

/// Why a [`ThreadChannel`] did not do what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ThreadChannelError {
    /// There is no room.
    Full,
    /// There is nothing.
    Empty,
    /// It was closed, and, for receivers, nothing is left.
    Closed,
    /// The wait ended early.
    Interrupted(Interrupt),
}

impl fmt::Display for ThreadChannelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ThreadChannelError::Full => f.write_str("the channel is full"),
            ThreadChannelError::Empty => f.write_str("the channel is empty"),
            ThreadChannelError::Closed => f.write_str("the channel is closed"),
            ThreadChannelError::Interrupted(interrupt) => interrupt.fmt(f),
        }
    }
}

impl std::error::Error for ThreadChannelError {}

/// A value that was not sent, given back, and why.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NotSent<T> {
    /// The value.
    pub value: T,
    /// Why it was not sent.
    pub why: ThreadChannelError,
}

impl<T> fmt::Debug for NotSent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotSent")
            .field("why", &self.why)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Display for NotSent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}

impl<T> std::error::Error for NotSent<T> {}

impl<T: Send, const N: usize> ThreadChannel<T, N> {
    /// An empty channel. `N` of zero does not compile: for a rendezvous there is the channel of wire-channel.
    pub const fn new() -> ThreadChannel<T, N> {
        ThreadChannel {
            crossing: Crossing {
                inner: Mutex::new(Inner::new()),
            },
        }
    }

    /// Sends a value, waiting for room.
    ///
    /// # Errors
    ///
    /// The value, if the channel is closed, or an interrupt came first.
    pub fn send(&self, value: T) -> Result<(), NotSent<T>> {
        let mut value = Some(value);
        let sent = self.wait(End::Send, |waiter| {
            // SAFETY: passed on.
            unsafe { self.crossing.send(&mut value, waiter) }
        });
        give_back(sent, value)
    }

    /// [`send`](ThreadChannel::send) that does not wait.
    ///
    /// # Errors
    ///
    /// The value, if the channel is full or closed.
    pub fn try_send(&self, value: T) -> Result<(), NotSent<T>> {
        let mut value = Some(value);
        // SAFETY: no waiter.
        let sent = match unsafe { self.crossing.send(&mut value, None) } {
            Attempt::Done(()) => Ok(()),
            Attempt::NotNow => Err(ThreadChannelError::Full),
            Attempt::Closed => Err(ThreadChannelError::Closed),
        };
        give_back(sent, value)
    }

    /// Takes the oldest value, waiting for one.
    ///
    /// # Errors
    ///
    /// If the channel is closed and empty, or an interrupt came first.
    pub fn recv(&self) -> Result<T, ThreadChannelError> {
        self.wait(End::Receive, |waiter| {
            // SAFETY: passed on.
            unsafe { self.crossing.receive(waiter) }
        })
    }

    /// [`recv`](ThreadChannel::recv) that does not wait.
    ///
    /// # Errors
    ///
    /// If the channel is empty; also says whether it is closed.
    pub fn try_recv(&self) -> Result<T, ThreadChannelError> {
        // SAFETY: no waiter.
        match unsafe { self.crossing.receive(None) } {
            Attempt::Done(value) => Ok(value),
            Attempt::NotNow => Err(ThreadChannelError::Empty),
            Attempt::Closed => Err(ThreadChannelError::Closed),
        }
    }

    /// Refuses what would be sent from now on. What was sent is still received.
    pub fn close(&self) {
        self.crossing.close();
    }

    /// How many values are in it, for the moment.
    pub fn len(&self) -> usize {
        self.crossing.len()
    }

    /// Whether there are none, for the moment.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Attempts until it succeeds. The attempt is given a waiter that keeps to the rules of `Crossing::send`.
    fn wait<R>(
        &self,
        end: End,
        mut attempt: impl FnMut(Option<NonNull<Waiter>>) -> Attempt<R>,
    ) -> Result<R, ThreadChannelError> {
        // Mostly there is no need to wait.
        match attempt(None) {
            Attempt::Done(result) => return Ok(result),
            Attempt::Closed => return Err(ThreadChannelError::Closed),
            Attempt::NotNow => {}
        }
        let in_wire = outside::in_wire() && !thread::panicking();
        let waker = in_wire.then(|| monitor::waker().ok()).flatten();
        loop {
            let attempted = match &waker {
                Some(waker) => self.wait_as_wire(end, waker, &mut attempt),
                None => self.wait_as_thread(&mut attempt),
            };
            match attempted? {
                Attempt::Done(result) => return Ok(result),
                Attempt::Closed => return Err(ThreadChannelError::Closed),
                Attempt::NotNow => {}
            }
        }
    }

    fn wait_as_wire<R>(
        &self,
        end: End,
        waker: &Waker,
        attempt: &mut impl FnMut(Option<NonNull<Waiter>>) -> Attempt<R>,
    ) -> Result<Attempt<R>, ThreadChannelError> {
        let me = pin!(WireWaiter {
            waiter: Waiter::new(tell_wire),
            post: Post::new(told),
            waker: waker.clone(),
            told: Cell::new(false),
            queue: WaitQueue::new(),
        });
        let me = &*me;
        let waiter = NonNull::from(me).cast();
        let attempted = attempt(Some(waiter));
        if !matches!(attempted, Attempt::NotNow) {
            return Ok(attempted);
        }
        // From here on `me` is listed. It may only go when it was told, or has given up in time.
        let mut interrupted = None;
        while !me.told.get() {
            let kind = if end == End::Send {
                &SENDING
            } else {
                &RECEIVING
            };
            let wait = || monitor::expect_post(|| me.queue.wait(Reason::on(kind, self)));
            let waited = if interrupted.is_none() {
                wait()
            } else {
                shield(wait)
            };
            if let Ok(Err(interrupt)) = waited {
                if self.crossing.give_up(end, waiter) {
                    return Err(ThreadChannelError::Interrupted(interrupt));
                }
                interrupted = Some(interrupt);
            }
        }
        match interrupted {
            None => Ok(Attempt::NotNow),
            Some(interrupt) => {
                self.crossing.pass_on(end);
                Err(ThreadChannelError::Interrupted(interrupt))
            }
        }
    }

    fn wait_as_thread<R>(
        &self,
        attempt: &mut impl FnMut(Option<NonNull<Waiter>>) -> Attempt<R>,
    ) -> Result<Attempt<R>, ThreadChannelError> {
        let me = pin!(ThreadWaiter {
            waiter: Waiter::new(tell_thread),
            thread: thread::current(),
            told: AtomicBool::new(false),
        });
        let me = &*me;
        let attempted = attempt(Some(NonNull::from(me).cast()));
        if matches!(attempted, Attempt::NotNow) {
            while !me.told.load(Ordering::Acquire) {
                thread::park();
            }
        }
        Ok(attempted)
    }
}

fn give_back<T>(sent: Result<(), ThreadChannelError>, value: Option<T>) -> Result<(), NotSent<T>> {
    match (sent, value) {
        (Err(why), Some(value)) => Err(NotSent { value, why }),
        _ => Ok(()),
    }
}

/// A wire that waits, in its frame.
#[repr(C)]
struct WireWaiter {
    waiter: Waiter,
    post: Post,
    waker: Waker,
    told: Cell<bool>,
    queue: WaitQueue,
}

unsafe fn tell_wire(waiter: NonNull<Waiter>) {
    let me = waiter.cast::<WireWaiter>();
    // SAFETY: first in its `WireWaiter`, which stays until `told` was called; what that needs of it beforehand
    // is taken out.
    unsafe {
        let waker = (&raw const (*me.as_ptr()).waker).as_ref().cloned();
        let post = NonNull::new_unchecked(&raw mut (*me.as_ptr()).post);
        if let Some(waker) = waker {
            waker.post(post);
        }
    }
}

/// On the thread of the wire.
unsafe fn told(post: NonNull<Post>) {
    // SAFETY: the post of a `WireWaiter`, whose wire is still in that frame.
    let me = unsafe {
        post.byte_sub(offset_of!(WireWaiter, post))
            .cast::<WireWaiter>()
            .as_ref()
    };
    me.told.set(true);
    me.queue.wake_all();
}

/// A thread that sleeps, in its frame.
#[repr(C)]
struct ThreadWaiter {
    waiter: Waiter,
    thread: Thread,
    told: AtomicBool,
}

unsafe fn tell_thread(waiter: NonNull<Waiter>) {
    // SAFETY: first in its `ThreadWaiter`, which stays until the flag is set.
    let me = unsafe { waiter.cast::<ThreadWaiter>().as_ref() };
    let thread = me.thread.clone();
    me.told.store(true, Ordering::Release);
    thread.unpark();
}

impl<T: Send, const N: usize> Default for ThreadChannel<T, N> {
    fn default() -> ThreadChannel<T, N> {
        ThreadChannel::new()
    }
}

impl<T, const N: usize> fmt::Debug for ThreadChannel<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadChannel")
            .field("len", &self.crossing.len())
            .finish_non_exhaustive()
    }
}
