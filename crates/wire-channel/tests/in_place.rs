//! Working on the message in the sender's frame.
#[path = "../../wire-wait/tests/common/mod.rs"]
mod common;

use std::cell::Cell;
use std::rc::Rc;

use common::{Trace, leak, run_stuck, settle, spawn};
use wire_channel::{Channel, RecvError, Refusal};
use wire_core::{Interrupt, run, yield_now};

fn channel<T>() -> &'static Channel<T> {
    leak(Channel::new())
}

/// A message that says where it is, and when it is dropped.
struct Heavy {
    trace: Trace<&'static str>,
    bytes: [u8; 1000],
}

impl Drop for Heavy {
    fn drop(&mut self) {
        self.trace.add("dropped");
    }
}

#[test]
fn the_message_is_not_moved_and_the_sender_waits_until_it_was_worked_on() {
    for receiver_first in [false, true] {
        let (ch, trace) = (channel(), Trace::new());
        run(|| {
            let told = trace.clone();
            let receive = move || {
                let address = ch.recv_with(|heavy: &mut Heavy| {
                    told.add("begins");
                    yield_now();
                    yield_now();
                    heavy.bytes.fill(1);
                    told.add("ends");
                    heavy.bytes.as_ptr().addr()
                });
                address.unwrap()
            };
            let told = trace.clone();
            let send = move || {
                let heavy = Heavy {
                    trace: told.clone(),
                    bytes: [0; 1000],
                };
                let near = 0u8;
                ch.send(heavy).unwrap();
                told.add("sent");
                (&raw const near).addr()
            };
            let (at, near) = if receiver_first {
                let receiver = spawn("receiver", receive);
                settle();
                let near = spawn("sender", send).join().unwrap();
                (receiver.join().unwrap(), near)
            } else {
                let sender = spawn("sender", send);
                settle();
                let at = spawn("receiver", receive).join().unwrap();
                (at, sender.join().unwrap())
            };
            assert!(
                at.abs_diff(near) < common::SIZE,
                "not in the sender's frame"
            );
            assert_eq!(trace.take(), ["begins", "ends", "dropped", "sent"]);
        });
    }
}

#[test]
fn a_sender_whose_message_is_in_use_cannot_be_cancelled() {
    for cancel_before_it_is_lent in [false, true] {
        let (ch, done) = (channel(), Rc::new(Cell::new(false)));
        run(|| {
            let flag = done.clone();
            let sender = spawn("sender", move || {
                let result = ch.send(5);
                assert!(flag.get(), "went on while its message was in use");
                (result, ch.send(6).unwrap_err().why)
            });
            settle();
            if cancel_before_it_is_lent {
                sender.cancel();
            }
            let handle = sender.handle();
            let flag = done.clone();
            let received = ch.recv_with(|number| {
                handle.cancel();
                (0..5).for_each(|_| yield_now());
                assert!(!handle.is_finished());
                flag.set(true);
                *number
            });
            assert_eq!(received, Ok(5));
            let why = Refusal::Interrupted(Interrupt::Cancelled);
            assert_eq!(sender.join().unwrap(), (Ok(()), why));
        });
    }
}

#[test]
fn a_receiver_that_panics_or_is_cancelled_lets_the_sender_go() {
    for panics in [true, false] {
        let ch = channel();
        run(|| {
            let sender = spawn("sender", || ch.send(String::from("message")));
            let receiver = spawn("receiver", move || {
                ch.recv_with(|message| {
                    message.push('!');
                    assert!(!panics, "as told");
                    wire_core::suspend().unwrap_or_else(|interrupt| interrupt.unwind());
                })
            });
            settle();
            assert_eq!(sender.is_finished(), panics);
            receiver.cancel();
            assert!(receiver.join().is_err());
            // It was received, whatever came of it.
            assert!(sender.join().unwrap().is_ok());
        });
    }
}

#[test]
fn a_message_lent_to_a_receiver_that_is_cancelled_before_it_runs_is_worked_on() {
    let ch = channel();
    run(|| {
        let receiver = spawn("receiver", || ch.recv_with(|number| *number + 1));
        settle();
        let sender = spawn("sender", || ch.send(1));
        // Let the sender run, and only it: the receiver is queued behind this wire.
        yield_now();
        receiver.cancel();
        sender.cancel();
        assert_eq!(receiver.join().unwrap(), Ok(2));
        assert_eq!(sender.join().unwrap(), Ok(()));
    });
}

#[test]
fn closing_does_not_disturb_what_is_in_use() {
    let ch = channel();
    run(|| {
        let sender = spawn("sender", || ch.send(1));
        settle();
        let received = ch.recv_with(|number| {
            ch.close();
            settle();
            assert!(!sender.is_finished());
            *number
        });
        assert_eq!(received, Ok(1));
        assert_eq!(sender.join().unwrap(), Ok(()));
        assert_eq!(ch.recv_with(|number| *number), Err(RecvError::Closed));
    });
}

#[test]
fn several_messages_can_be_in_use_at_once() {
    let ch = channel();
    run(|| {
        let senders = [1, 2, 3].map(|number| spawn("sender", move || ch.send(number)));
        settle();
        let sum = ch.recv_with(|a| {
            let inner = ch.recv_with(|b| *b + ch.recv_with(|c| *c).unwrap());
            *a + inner.unwrap()
        });
        assert_eq!(sum, Ok(6));
        assert!(
            senders
                .into_iter()
                .all(|sender| sender.join().unwrap() == Ok(()))
        );
    });
}

#[test]
fn what_is_taken_out_of_the_message_is_the_receivers() {
    let ch = channel();
    run(|| {
        let sender = spawn("sender", || ch.send(vec![1, 2, 3]));
        let taken = ch.recv_with(std::mem::take);
        assert_eq!(taken, Ok(vec![1, 2, 3]));
        assert!(sender.join().unwrap().is_ok());
    });
}

#[test]
fn a_receiver_stuck_in_the_middle_is_reported_and_then_both_end() {
    let ch = channel();
    let (result, report) = run_stuck(|| {
        let sender = spawn("sender", || ch.send(1));
        let receiver = spawn("receiver", || ch.recv_with(|_| wire_core::suspend()));
        (sender.join(), receiver.join())
            .0
            .map_err(|error| error.to_string())
    });
    // The main wire was waiting for the sender, and was cancelled as well.
    assert_eq!(
        result,
        Some(Err("joining was interrupted: the wire was cancelled".into()))
    );
    assert_eq!(report.len(), 3, "{report:?}");
    assert_eq!(
        report[1],
        format!("wire 'sender' waits: channel send at {ch:p}")
    );
    assert_eq!(report[2], "wire 'receiver' waits: suspend");
}

#[test]
fn a_sender_that_is_made_to_go_on_by_somebody_else_waits_until_its_message_was_worked_on() {
    let (ch, wire) = (channel::<Box<u32>>(), leak(wire_core::Wire::new()));
    run(|| {
        let sending = || ch.send(Box::new(1)).is_ok();
        let sender = wire.spawn(common::stack(), "sender", sending).unwrap();
        settle();
        let receiver = spawn("receiver", || {
            ch.recv_with(|message| {
                wire_core::suspend().unwrap();
                **message += 1;
                **message
            })
        });
        yield_now();
        for _ in 0..3 {
            wire_core::outside::unblock(wire);
            settle();
            assert!(!sender.is_finished());
            assert!(ch.try_recv().is_err(), "it is lent already");
        }
        receiver.handle().resume();
        assert_eq!(receiver.join().unwrap(), Ok(2));
        assert!(sender.join().unwrap());
    });
}
