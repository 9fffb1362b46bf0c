//! The mailbox between threads, tried in all orders of its steps: nothing posted is lost, nothing is
//! called twice, and no post finds the wire thread asleep without waking it.
//!
//! `RUSTFLAGS='--cfg loom' cargo test --release -p wire-fd --test loom`, or `cargo xtask deep loom`.
#![cfg(loom)]
#![allow(missing_docs, dead_code, unreachable_pub)]

/// The crate's file, on loom's atomics and the bell below.
#[path = "../src/mailbox.rs"]
mod mailbox;

mod sync {
    pub(crate) use loom::sync::Arc;
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, Ordering, fence};
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
fn receive(mailbox: &Mailbox, count: usize) {
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
        receive(&mailbox, 2);
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
        receive(&mailbox, 2);
        for poster in posters {
            poster.join().unwrap();
        }
        exactly_once(letters);
    });
}
