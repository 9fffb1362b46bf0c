//! Queues and their nodes: functions called instead of waking, memory held, spurious wake-ups.
mod common;

use std::cell::Cell;
use std::pin::pin;
use std::ptr::NonNull;

use common::{Log, reason, spawn, stack, wire};
use wire_core::outside::unblock;
use wire_core::{Interrupt, Node, OnWake, WaitQueue, block, check_interrupt, run, yield_now};

fn queue() -> &'static WaitQueue {
    Box::leak(Box::default())
}

#[test]
fn waiters_are_woken_oldest_first_one_or_all() {
    let log = Log::new();
    run(|| {
        let queue = queue();
        assert!(!queue.wake_one());
        for name in ["a", "b", "c", "d"] {
            let log = log.clone();
            spawn(name, move || {
                queue.wait(reason()).unwrap();
                log.add(name);
            })
            .detach();
        }
        yield_now();
        assert!(queue.wake_one());
        log.add("main");
        yield_now();
        assert_eq!(queue.wake_all(), 3);
        assert!(queue.is_empty());
    });
    assert_eq!(log.take(), "main a b c d");
}

#[test]
fn one_who_waits_again_is_last() {
    let log = Log::new();
    run(|| {
        let queue = queue();
        for name in ["a", "b"] {
            let log = log.clone();
            spawn(name, move || {
                for _ in 0..2 {
                    queue.wait(reason()).unwrap();
                    log.add(name);
                }
            })
            .detach();
        }
        for _ in 0..4 {
            yield_now();
            queue.wake_one();
        }
    });
    assert_eq!(log.take(), "a b a b");
}

#[test]
fn waking_for_nothing_ends_no_wait_in_a_queue() {
    let place = wire();
    run(|| {
        let queue = queue();
        let waiter = place
            .spawn(stack(), "waiter", || queue.wait(reason()))
            .unwrap();
        for _ in 0..3 {
            yield_now();
            unblock(place);
        }
        yield_now();
        assert!(!waiter.is_finished());
        queue.wake_one();
        assert_eq!(waiter.join().unwrap(), Ok(()));
    });
}

#[test]
fn a_node_may_call_a_function_instead() {
    #[repr(C)]
    struct Called {
        node: Node,
        count: Cell<u32>,
    }
    unsafe fn call(node: NonNull<Node>) {
        // SAFETY: the node is the first field of a `Called`.
        let called = unsafe { node.cast::<Called>().as_ref() };
        assert!(!called.node.is_linked());
        called.count.set(called.count.get() + 1);
    }
    static CALL: OnWake = OnWake::call(call);
    let queue = queue();
    let called = pin!(Called {
        // SAFETY: it is linked only below, as the first field of a `Called`.
        node: unsafe { Node::calling(&CALL) },
        count: Cell::new(0),
    });
    let called = called.as_ref();
    // SAFETY: structural pinning; the queue is leaked, and the node not linked.
    unsafe { queue.push(called.map_unchecked(|called| &called.node)) };
    assert!(queue.wake_one());
    assert!(!queue.wake_one());
    assert_eq!(called.count.get(), 1);
    // SAFETY: as above.
    unsafe { queue.push(called.map_unchecked(|called| &called.node)) };
    called.node.unlink();
    called.node.unlink();
    assert_eq!(queue.wake_all(), 0);
    assert_eq!(called.count.get(), 1);
}

/// A number in the frame of a wire that waits until nobody uses it.
#[repr(C)]
struct Lent {
    node: Node,
    number: Cell<u32>,
    in_use: Cell<bool>,
}

/// Lends a number to whoever takes the node off the queue. What its waits said, and the number after.
fn lend(queue: &'static WaitQueue) -> (Vec<Result<(), Interrupt>>, u32) {
    let lent = pin!(Lent {
        node: Node::of_current_wire(),
        number: Cell::new(0),
        in_use: Cell::new(false),
    });
    let lent = lent.as_ref();
    // SAFETY: structural pinning; the queue is leaked.
    unsafe { queue.push(lent.map_unchecked(|lent| &lent.node)) };
    let mut results = vec![queue.wait_for(&lent.node, reason())];
    while lent.in_use.get() {
        results.push(block(reason()));
    }
    (results, lent.number.get())
}

/// Has a number until dropped.
struct Borrowed(NonNull<Node>);

impl Borrowed {
    fn from(queue: &WaitQueue) -> Borrowed {
        let borrowed = Borrowed(queue.pop().unwrap());
        borrowed.lent().in_use.set(true);
        // SAFETY: off the queue, its wire in `lend`.
        unsafe { Node::hold(borrowed.0) };
        borrowed
    }

    fn lent(&self) -> &Lent {
        // SAFETY: the node is the first field of a `Lent`, whose wire waits while it is in use.
        unsafe { self.0.cast::<Lent>().as_ref() }
    }

    fn set(&self, number: u32) {
        self.lent().number.set(number);
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        self.lent().in_use.set(false);
        // SAFETY: the one release of the hold above.
        unsafe { Node::release(self.0) };
    }
}

#[test]
fn a_held_wire_is_cancelled_only_when_it_is_released() {
    run(|| {
        let queue = queue();
        let wire = spawn("lender", move || {
            let lent = lend(queue);
            (lent, check_interrupt())
        });
        yield_now();
        let borrowed = Borrowed::from(queue);
        wire.cancel();
        for number in 1..4 {
            yield_now();
            borrowed.set(number);
        }
        assert!(!wire.is_finished());
        drop(borrowed);
        let cancelled = Err(Interrupt::Cancelled);
        assert_eq!(wire.join().unwrap(), ((vec![Ok(())], 3), cancelled));
    });
}

#[test]
fn a_wire_held_after_it_was_cancelled_goes_back_to_waiting() {
    run(|| {
        let queue = queue();
        let wire = spawn("lender", move || lend(queue));
        yield_now();
        wire.cancel(); // on the ready queue now
        let borrowed = Borrowed::from(queue);
        yield_now();
        assert!(!wire.is_finished());
        borrowed.set(17);
        drop(borrowed);
        assert_eq!(wire.join().unwrap(), (vec![Ok(())], 17));
    });
}

#[test]
fn a_node_whose_wait_was_interrupted_can_be_used_again() {
    run(|| {
        let queue = queue();
        let wire = spawn("again", move || {
            let node = pin!(Node::of_current_wire());
            // SAFETY: not linked, of this wire; the queue is leaked.
            unsafe { queue.push(node.as_ref()) };
            let first = queue.wait_for(&node, reason());
            assert!(!node.is_linked());
            let second = wire_core::shield(|| {
                // SAFETY: as above.
                unsafe { queue.push(node.as_ref()) };
                queue.wait_for(&node, reason())
            });
            (first, second)
        });
        yield_now();
        wire.cancel();
        yield_now();
        assert!(queue.wake_one());
        assert_eq!(wire.join().unwrap(), (Err(Interrupt::Cancelled), Ok(())));
    });
}
