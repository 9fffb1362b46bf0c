//! What crosses threads, tried in all orders of its steps. The mailbox: nothing posted is lost, nothing is
//! called twice, and no post finds the wire thread asleep without waking it. The queue between threads:
//! nothing sent is lost, and nobody waits for what is there.
//!
//! `RUSTFLAGS='--cfg loom' cargo test --release -p wire-fd --test loom`, or `cargo xtask deep loom`.
#![cfg(loom)]
#![allow(missing_docs, dead_code, unreachable_pub)]

/// The crate's files, on loom's atomics and the bell below.
#[path = "../src/crossing.rs"]
mod crossing;
#[path = "../src/mailbox.rs"]
mod mailbox;

mod sync {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, Ordering, fence};
    pub(crate) use loom::sync::{Arc, Mutex};
}

mod bell {
    use loom::sync::{Condvar, Mutex};

    /// An edge-triggered event: a ring before the wait is remembered, and consumed by it.
    #[derive(Debug, Default)]
    pub(crate) struct Bell(Mutex<bool>, Condvar);

    impl Bell {
        pub(crate) fn ring(&self) {
            *self.0.lock().unwrap() = true;
            self.1.notify_one();
        }

        pub(crate) fn wait(&self) {
            let mut rung = self.0.lock().unwrap();
            while !*rung {
                rung = self.1.wait(rung).unwrap();
            }
            *rung = false;
        }
    }
}

use std::ptr::NonNull;

use crossing::{Attempt, Crossing, End, Inner, Waiter};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use mailbox::{Mailbox, Post, Waker};

/// A message of two steps: written by the poster, read where it arrives.
#[repr(C)]
struct Letter {
    post: Post,
    text: UnsafeCell<u32>,
    arrived: std::cell::Cell<u32>,
}

unsafe fn arrive(post: NonNull<Post>) {
    // SAFETY: the post is the first field of a letter, which the test keeps.
    let letter = unsafe { post.cast::<Letter>().as_ref() };
    letter.text.with(|text| {
        // SAFETY: loom checks that no write is concurrent with this.
        assert_eq!(unsafe { *text }, 7);
    });
    letter.arrived.set(letter.arrived.get() + 1);
}

struct Address(NonNull<Letter>);
// SAFETY: the letters outlive the threads, and each is used by one at a time (loom checks).
unsafe impl Send for Address {}

impl Address {
    fn post(&self, waker: &Waker) {
        // SAFETY: ours until it is posted; posted once.
        unsafe {
            self.0.as_ref().text.with_mut(|text| *text = 7);
            waker.post(self.0.cast());
        }
    }
}

fn letters<const N: usize>() -> [NonNull<Letter>; N] {
    std::array::from_fn(|_| {
        let letter = Letter {
            post: Post::new(arrive),
            text: UnsafeCell::new(0),
            arrived: 0.into(),
        };
        NonNull::from(Box::leak(Box::new(letter)))
    })
}

/// The wire thread: sleeps whenever it may, until `count` posts have arrived.
fn receive_posts(mailbox: &Mailbox, count: usize) {
    let mut arrived = 0;
    while arrived < count {
        if mailbox.may_sleep() {
            mailbox.bell.wait();
        }
        mailbox.awake();
        arrived += mailbox.drain();
    }
}

fn exactly_once<const N: usize>(letters: [NonNull<Letter>; N]) {
    for letter in letters {
        // SAFETY: the threads are joined; leaked by `letters`, freed here.
        let letter = unsafe { Box::from_raw(letter.as_ptr()) };
        assert_eq!(letter.arrived.get(), 1);
    }
}

/// All orders with at most three switches that no step asked for: more take hours, and it is known
/// of such models that almost every fault shows with two.
fn all_orders(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(builder.preemption_bound.unwrap_or(3));
    builder.check(model);
}

#[test]
fn one_poster_is_never_slept_through() {
    all_orders(|| {
        let mailbox = Arc::new(Mailbox::new(bell::Bell::default()));
        let letters = letters::<2>();
        let waker = Waker {
            mailbox: Arc::clone(&mailbox),
        };
        let addresses = letters.map(Address);
        let poster =
            thread::spawn(move || addresses.iter().for_each(|address| address.post(&waker)));
        receive_posts(&mailbox, 2);
        poster.join().unwrap();
        exactly_once(letters);
    });
}

#[test]
fn two_posters_lose_nothing() {
    all_orders(|| {
        let mailbox = Arc::new(Mailbox::new(bell::Bell::default()));
        let letters = letters::<2>();
        let posters = letters.map(|letter| {
            let (waker, address) = (
                Waker {
                    mailbox: Arc::clone(&mailbox),
                },
                Address(letter),
            );
            thread::spawn(move || address.post(&waker))
        });
        receive_posts(&mailbox, 2);
        for poster in posters {
            poster.join().unwrap();
        }
        exactly_once(letters);
    });
}

/// Somebody who waits at a crossing, told by way of a bell: a thread, or a wire whose post has arrived.
#[repr(C)]
struct Ringing {
    waiter: Waiter,
    bell: Arc<bell::Bell>,
}

unsafe fn ring(waiter: NonNull<Waiter>) {
    // SAFETY: first in a `Ringing` that stays until it is told.
    let bell = Arc::clone(unsafe { &waiter.cast::<Ringing>().as_ref().bell });
    bell.ring();
}

/// Attempts until it succeeds, waiting in between.
fn until_done<R>(mut attempt: impl FnMut(Option<NonNull<Waiter>>) -> Attempt<R>) -> Option<R> {
    loop {
        let me = Ringing {
            waiter: Waiter::new(ring),
            bell: Arc::new(bell::Bell::default()),
        };
        match attempt(Some(NonNull::from(&me).cast())) {
            Attempt::Done(result) => return Some(result),
            Attempt::Closed => return None,
            Attempt::NotNow => me.bell.wait(),
        }
    }
}

type Two = Crossing<Box<u32>, 1>;

fn crossing() -> Arc<Two> {
    Arc::new(Crossing {
        inner: loom::sync::Mutex::new(Inner::new()),
    })
}

fn send(crossing: &Two, value: u32) {
    let mut value = Some(Box::new(value));
    // SAFETY: `until_done` keeps the waiter until it was told.
    until_done(|waiter| unsafe { crossing.send(&mut value, waiter) });
}

fn receive(crossing: &Two) -> Option<u32> {
    // SAFETY: as above.
    until_done(|waiter| unsafe { crossing.receive(waiter) }).map(|value| *value)
}

#[test]
fn what_crosses_arrives_once_whoever_waits() {
    all_orders(|| {
        let queue = crossing();
        let senders = [1, 2].map(|n| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || send(&queue, n))
        });
        let mut got = [receive(&queue), receive(&queue)];
        got.sort_unstable();
        assert_eq!(got, [Some(1), Some(2)]);
        for sender in senders {
            sender.join().unwrap();
        }
    });
}

#[test]
fn one_who_gives_up_passes_its_turn_on() {
    all_orders(|| {
        let queue = crossing();
        let fickle = thread::spawn({
            let queue = Arc::clone(&queue);
            move || {
                let me = Ringing {
                    waiter: Waiter::new(ring),
                    bell: Arc::new(bell::Bell::default()),
                };
                let waiter = NonNull::from(&me).cast();
                // SAFETY: it has given up, or was told, before it goes.
                match unsafe { queue.receive(Some(waiter)) } {
                    Attempt::Done(value) => Some(*value),
                    Attempt::Closed => None,
                    Attempt::NotNow => {
                        if !queue.give_up(End::Receive, waiter) {
                            me.bell.wait();
                            queue.pass_on(End::Receive);
                        }
                        None
                    }
                }
            }
        });
        let patient = thread::spawn({
            let queue = Arc::clone(&queue);
            move || receive(&queue)
        });
        send(&queue, 7);
        let fickle = fickle.join().unwrap();
        if fickle.is_some() {
            queue.close(); // nothing is left for the other
        }
        assert_eq!(patient.join().unwrap().xor(fickle), Some(7));
    });
}

#[test]
fn closing_leaves_nobody_waiting() {
    all_orders(|| {
        let queue = crossing();
        let receiver = thread::spawn({
            let queue = Arc::clone(&queue);
            move || (receive(&queue), receive(&queue))
        });
        send(&queue, 1);
        queue.close();
        assert_eq!(receiver.join().unwrap(), (Some(1), None));
    });
}
