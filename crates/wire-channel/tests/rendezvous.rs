//! Messages, in order, with many on both sides.
#[path = "../../wire-wait/tests/common/mod.rs"]
mod common;

use std::rc::Rc;

use common::{Trace, leak, run_stuck, settle, spawn};
use wire_channel::{Channel, RecvError, Refusal, TryRecvError};
use wire_core::{Interrupt, Local, run};
use wire_wait::Source;

fn channel<T>() -> &'static Channel<T> {
    leak(Channel::new())
}

/// Whether nobody waits on either side.
fn is_clear<T>(ch: &Channel<T>) -> bool {
    let text = format!("{ch:?}");
    text.contains("senders_wait: false") && text.contains("receivers_wait: false")
}

#[test]
fn send_returns_when_the_receiver_has_it() {
    let (ch, trace) = (channel(), Trace::new());
    run(|| {
        let told = trace.clone();
        spawn("sender", move || {
            for number in 0..3 {
                told.add(("sends", number));
                ch.send(number).unwrap();
                told.add(("sent", number));
            }
        })
        .detach();
        settle();
        assert_eq!(trace.take(), [("sends", 0)]);
        assert_eq!(ch.recv(), Ok(0));
        trace.add(("received", 0));
        assert_eq!(trace.take(), [("received", 0)]);
        settle();
        assert_eq!(trace.take(), [("sent", 0), ("sends", 1)]);
        assert_eq!((ch.recv(), ch.recv()), (Ok(1), Ok(2)));
    });
    assert!(is_clear(ch));
}

#[test]
fn send_to_one_that_waits_goes_on_at_once() {
    let (ch, trace) = (channel(), Trace::new());
    run(|| {
        let told = trace.clone();
        spawn("receiver", move || told.add(ch.recv())).detach();
        settle();
        ch.send(1).unwrap();
        // It has it, though it has not run.
        assert_eq!(trace.take(), []);
        assert_eq!(ch.try_send(2).unwrap_err().why, Refusal::Full);
        settle();
        assert_eq!(trace.take(), [Ok(1)]);
    });
}

#[test]
fn senders_and_receivers_are_served_in_their_order() {
    let (ch, trace) = (channel(), Trace::new());
    run(|| {
        for number in 0..4 {
            let trace = trace.clone();
            spawn("receiver", move || trace.add((number, ch.recv().unwrap()))).detach();
        }
        settle();
        for message in 10..14 {
            spawn("sender", move || ch.send(message).unwrap()).detach();
        }
        settle();
        assert_eq!(trace.take(), [(0, 10), (1, 11), (2, 12), (3, 13)]);
        for message in 20..24 {
            spawn("sender", move || ch.send(message).unwrap()).detach();
        }
        settle();
        let received = [(); 4].map(|()| ch.try_recv().unwrap());
        assert_eq!(received, [20, 21, 22, 23]);
    });
}

#[test]
fn try_forms_never_wait_for_the_other_side() {
    let ch = channel::<String>();
    assert_eq!(ch.try_recv(), Err(TryRecvError::Empty));
    let refused = ch.try_send("back".into()).unwrap_err();
    assert_eq!(
        (refused.why, refused.into_value()),
        (Refusal::Full, "back".into())
    );
    run(|| {
        let sender = spawn("sender", || ch.send("one".into()));
        let receiver = spawn("receiver", || ch.recv_with(|message| message.clone() + "!"));
        settle();
        assert_eq!(receiver.join().unwrap(), Ok("one!".into()));
        assert!(sender.join().unwrap().is_ok());
        let receiver = spawn("receiver", || ch.recv());
        settle();
        ch.try_send("two".into()).unwrap();
        assert_eq!(receiver.join().unwrap(), Ok("two".into()));
        spawn("sender", || ch.send("three".into())).detach();
        settle();
        assert_eq!(ch.try_recv(), Ok("three".into()));
    });
}

#[test]
fn closing_gives_messages_back_and_ends_receiving() {
    let ch = channel::<Rc<()>>();
    let message = Rc::new(());
    run(|| {
        let senders = [(); 3].map(|()| {
            let message = message.clone();
            spawn("sender", move || ch.send(message))
        });
        settle();
        ch.close();
        for sender in senders {
            let error = sender.join().unwrap().unwrap_err();
            assert_eq!(error.why, Refusal::Closed);
            assert!(Rc::ptr_eq(&error.value, &message));
        }
        assert_eq!(Rc::strong_count(&message), 1);
        assert_eq!(ch.send(message.clone()).unwrap_err().why, Refusal::Closed);
        assert_eq!(
            ch.try_send(message.clone()).unwrap_err().why,
            Refusal::Closed
        );
        assert_eq!(ch.recv(), Err(RecvError::Closed));
        assert_eq!(ch.recv_with(|_| ()), Err(RecvError::Closed));
        assert_eq!(ch.try_recv(), Err(TryRecvError::Closed));
        assert_eq!(ch.iter().count(), 0);
    });
    assert!(ch.is_closed() && is_clear(ch));
}

#[test]
fn closing_wakes_receivers_of_every_kind() {
    let ch = channel::<u32>();
    run(|| {
        let plain = spawn("plain", || ch.recv());
        let in_place = spawn("in place", || ch.recv_with(|number| *number));
        let source = spawn("source", || wire_wait::wait(ch));
        let iterating = spawn("iterating", || ch.iter().count());
        settle();
        ch.close();
        assert_eq!(plain.join().unwrap(), Err(RecvError::Closed));
        assert_eq!(in_place.join().unwrap(), Err(RecvError::Closed));
        assert_eq!(source.join().unwrap(), Ok(Err(wire_channel::Closed)));
        assert_eq!(iterating.join().unwrap(), 0);
    });
}

#[test]
fn an_interrupted_sender_gets_its_message_back() {
    let ch = channel::<Rc<()>>();
    let message = Rc::new(());
    run(|| {
        let first = message.clone();
        let sender = spawn("sender", move || {
            let error = ch.send(first).unwrap_err();
            // Still cancelled, and the message still its own.
            (error.why, ch.send(error.value).unwrap_err())
        });
        settle();
        sender.cancel();
        let (why, again) = sender.join().unwrap();
        assert_eq!(why, Refusal::Interrupted(Interrupt::Cancelled));
        assert_eq!(again.why, why);
        assert!(Rc::ptr_eq(&again.value, &message));
        assert!(is_clear(ch));
    });
}

#[test]
fn an_interrupted_receiver_has_taken_nothing() {
    let ch = channel();
    run(|| {
        let receiver = spawn("receiver", || ch.recv());
        settle();
        receiver.cancel();
        let interrupted = Err(RecvError::Interrupted(Interrupt::Cancelled));
        assert_eq!(receiver.join().unwrap(), interrupted);
        assert!(is_clear(ch));
        let receiver = spawn("receiver", || ch.recv_with(|number: &mut u32| *number));
        settle();
        receiver.cancel();
        assert_eq!(receiver.join().unwrap(), interrupted);
        assert!(is_clear(ch));
        spawn("sender", || ch.send(7)).detach();
        settle();
        assert_eq!(ch.recv(), Ok(7));
    });
}

#[test]
fn what_was_handed_over_is_received_even_by_a_cancelled_wire() {
    let ch = channel();
    run(|| {
        for cancel_first in [true, false] {
            let receiver = spawn("receiver", || (ch.recv(), ch.recv()));
            settle();
            if cancel_first {
                receiver.cancel();
            }
            ch.send(1).unwrap();
            receiver.cancel();
            let interrupted = Err(RecvError::Interrupted(Interrupt::Cancelled));
            assert_eq!(receiver.join().unwrap(), (Ok(1), interrupted));
        }
    });
}

#[test]
fn a_message_taken_from_a_cancelled_sender_is_sent() {
    let ch = channel();
    run(|| {
        for cancel_first in [true, false] {
            let sender = spawn("sender", || ch.send(1));
            settle();
            if cancel_first {
                sender.cancel();
            }
            assert_eq!(ch.try_recv(), Ok(1));
            sender.cancel();
            assert_eq!(sender.join().unwrap(), Ok(()));
        }
    });
}

#[test]
fn a_cancelled_wire_still_does_what_needs_no_waiting() {
    let ch = channel();
    run(|| {
        let receiver = spawn("receiver", || ch.recv());
        let sender = spawn("sender", || {
            wire_core::suspend().unwrap_err();
            (ch.send(1), ch.send(2).unwrap_err().why)
        });
        settle();
        sender.cancel();
        let refusal = Refusal::Interrupted(Interrupt::Cancelled);
        assert_eq!(sender.join().unwrap(), (Ok(()), refusal));
        assert_eq!(receiver.join().unwrap(), Ok(1));
    });
}

#[test]
fn a_wire_that_unwinds_does_not_send() {
    struct Sends(&'static Channel<u32>, Trace<Refusal>);
    impl Drop for Sends {
        fn drop(&mut self) {
            self.1.add(self.0.send(1).unwrap_err().why);
        }
    }
    let (ch, trace) = (channel(), Trace::new());
    run(|| {
        for receiver_waits in [false, true] {
            let receiver = receiver_waits.then(|| spawn("receiver", || ch.recv_with(|n| *n)));
            settle();
            let sends = Sends(ch, trace.clone());
            let unwinding = spawn("unwinding", || {
                let _sends = sends;
                panic!("as told");
            });
            assert!(unwinding.join().is_err());
            assert_eq!(trace.take(), [Refusal::Interrupted(Interrupt::Unwinding)]);
            if let Some(receiver) = receiver {
                assert!(!receiver.is_finished());
                receiver.cancel();
            }
        }
    });
}

#[test]
fn iteration_ends_with_the_channel_and_unwinds_with_its_wire() {
    let ch = channel();
    run(|| {
        let counting = spawn("counting", move || {
            let mut sum = 0;
            for number in ch {
                sum += number;
            }
            sum
        });
        (1..=4).for_each(|number| ch.send(number).unwrap());
        let cancelled = spawn("cancelled", || ch.iter().count());
        settle();
        cancelled.cancel();
        let error = cancelled.join().unwrap_err();
        assert!(
            matches!(error, wire_core::JoinError::Cancelled),
            "{error:?}"
        );
        ch.close();
        assert_eq!(counting.join().unwrap(), 10);
    });
}

#[test]
fn the_stuck_report_names_the_channel() {
    let ch = Channel::<u32>::new();
    let report = run_stuck(|| ch.recv()).1;
    assert_eq!(
        report,
        [format!("wire 'main' waits: channel receive at {:p}", &ch)]
    );
    let report = run_stuck(|| wire_wait::wait(&ch)).1;
    assert_eq!(
        report,
        [format!("wire 'main' waits: channel receive at {:p}", &ch)]
    );
    let (result, report) = run_stuck(|| ch.send(1));
    assert_eq!(
        report,
        [format!("wire 'main' waits: channel send at {:p}", &ch)]
    );
    assert_eq!(result.unwrap().unwrap_err().value, 1);
}

#[test]
fn a_static_channel_belongs_to_one_thread() {
    static NUMBERS: Local<Channel<u32>> = Local::new(Channel::new());
    run(|| {
        let receiver = spawn("receiver", || NUMBERS.recv());
        settle();
        NUMBERS.send(5).unwrap();
        assert_eq!(receiver.join().unwrap(), Ok(5));
    });
    let elsewhere = std::thread::spawn(|| NUMBERS.try_get().is_err());
    assert!(elsewhere.join().unwrap());
}

#[test]
fn a_shared_channel_lives_as_long_as_someone_uses_it() {
    run(|| {
        let ch = Rc::new(Channel::new());
        let sender = spawn("sender", {
            let ch = ch.clone();
            move || ch.send(1)
        });
        assert_eq!(ch.recv(), Ok(1));
        drop(ch);
        assert_eq!(sender.join().unwrap(), Ok(()));
    });
}

#[test]
fn strangers_in_the_queue_and_wakings_for_nothing_do_no_harm() {
    static ODD: wire_core::Kind = wire_core::Kind::new("odd");
    let ch = channel();
    run(|| {
        let stranger = spawn("stranger", || ch.queue().wait(wire_core::Reason::new(&ODD)));
        settle();
        let receiver = spawn("receiver", || ch.recv());
        settle();
        ch.send(1).unwrap();
        assert_eq!(stranger.join().unwrap(), Ok(()));
        assert_eq!(receiver.join().unwrap(), Ok(1));

        // Woken for nothing, and a sender comes before they look again.
        let receivers = [(); 2].map(|()| spawn("receiver", || ch.recv()));
        settle();
        let sender = spawn("sender", || (ch.send(2), ch.send(3)));
        ch.queue().wake_all();
        assert!(ch.queue().is_empty());
        let received = receivers.map(|receiver| receiver.join().unwrap());
        assert_eq!(received, [Ok(2), Ok(3)]);
        assert_eq!(sender.join().unwrap(), (Ok(()), Ok(())));

        let stranger = spawn("stranger", || ch.queue().wait(wire_core::Reason::new(&ODD)));
        settle();
        assert_eq!(ch.try_send(4).unwrap_err().why, Refusal::Full);
        assert_eq!(stranger.join().unwrap(), Ok(()));
        assert!(is_clear(ch));
    });
}
