//! Channels with room, messages sent as one of several things, and oneshots.
#[path = "../../wire-wait/tests/common/mod.rs"]
mod common;

use std::cell::Cell;
use std::rc::Rc;

use common::{leak, settle, spawn};
use wire_channel::{Channel, Closed, Oneshot, RecvError, Refusal, SendError, TryRecvError};
use wire_core::{Interrupt, run};
use wire_wait::{Wakeup, on, try_any, wait, wait_any};

/// Counts its drops.
#[derive(Debug)]
struct Counted(u32, Rc<Cell<u32>>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.set(self.1.get() + 1);
    }
}

#[test]
fn what_was_sent_before_closing_is_received_and_who_waits_gets_its_message_back() {
    let ch = leak(Channel::<_, 2>::bounded());
    run(|| {
        let sender = spawn("sender", || {
            [1, 2, 3].map(|n| ch.send(n).map_err(|e| (e.value, e.why)))
        });
        settle();
        assert_eq!(ch.len(), 2);
        ch.close();
        assert_eq!(
            sender.join().unwrap(),
            [Ok(()), Ok(()), Err((3, Refusal::Closed))]
        );
        assert_eq!(
            ch.try_send(4),
            Err(SendError {
                value: 4,
                why: Refusal::Closed
            })
        );
        assert_eq!(ch.iter().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(ch.recv(), Err(RecvError::Closed));
        assert_eq!(ch.try_recv(), Err(TryRecvError::Closed));
    });
}

#[test]
fn a_receive_makes_room_for_who_waits_longest_and_nobody_comes_in_between() {
    let ch = leak(Channel::<_, 1>::bounded());
    run(|| {
        ch.send(1).unwrap();
        let waiting = [2, 3].map(|n| spawn("sender", move || ch.send(n).unwrap()));
        settle();
        assert_eq!(ch.try_recv(), Ok(1));
        // The sender of 2 has not run yet, but its message is in.
        assert_eq!(ch.try_send(9).unwrap_err().why, Refusal::Full);
        assert_eq!([ch.recv(), ch.recv()], [Ok(2), Ok(3)]);
        for sender in waiting {
            sender.join().unwrap();
        }
    });
}

#[test]
fn a_sender_that_is_cancelled_after_its_message_went_in_has_sent_it() {
    let ch = leak(Channel::<_, 1>::bounded());
    run(|| {
        ch.send(1).unwrap();
        let late = spawn("late", || ch.send(2).map_err(|error| error.why));
        let never = spawn("never", || ch.send(3).map_err(|error| error.why));
        settle();
        assert_eq!(ch.try_recv(), Ok(1));
        late.cancel();
        never.cancel();
        assert_eq!(late.join().unwrap(), Ok(()));
        let cancelled = Refusal::Interrupted(Interrupt::Cancelled);
        assert_eq!(never.join().unwrap(), Err(cancelled));
        assert_eq!(ch.try_recv(), Ok(2));
        assert_eq!(ch.try_recv(), Err(TryRecvError::Empty));
    });
}

#[test]
fn messages_left_in_a_channel_are_dropped_with_it() {
    let drops = Rc::new(Cell::new(0));
    let ch = Channel::<_, 4>::bounded();
    for n in 0..3 {
        ch.try_send(Counted(n, drops.clone())).unwrap();
    }
    assert_eq!(ch.try_recv().unwrap().0, 0);
    assert_eq!(drops.get(), 1);
    drop(ch);
    assert_eq!(drops.get(), 3);
}

#[test]
fn an_arm_that_lost_still_has_its_message_and_can_send_it_later() {
    let (ch, stop) = (leak(Channel::<_, 1>::bounded()), leak(Wakeup::new()));
    run(|| {
        ch.send(String::from("first")).unwrap();
        let sending = ch.sending(String::from("second"));
        assert!(stop.resume());
        let first = wait_any(&[&on(&sending, |_| "sent"), &on(stop, |()| "stopped")]);
        assert_eq!(first, Ok("stopped"));
        assert_eq!(ch.recv().unwrap(), "first");
        assert_eq!(wait(&sending), Ok(Ok(())));
        assert_eq!(try_any(&[&on(&sending, |_| ())]), None, "sent once");
        assert_eq!(sending.into_value(), None);
        assert_eq!(ch.recv().unwrap(), "second");

        ch.close();
        let sending = ch.sending(String::from("third"));
        let refused = wait(&sending).unwrap().unwrap_err();
        assert_eq!(
            (refused.value.as_str(), refused.why),
            ("third", Refusal::Closed)
        );
    });
}

#[test]
fn two_selects_meet_and_one_wire_does_not_meet_itself() {
    let ch = leak(Channel::<u32>::new());
    run(|| {
        let sender = spawn("sender", || wait(&ch.sending(5)).unwrap().unwrap());
        settle();
        assert_eq!(wait(ch), Ok(Ok(5)));
        sender.join().unwrap();

        let receiver = spawn("receiver", || wait(ch).unwrap());
        settle();
        assert_eq!(wait(&ch.sending(6)), Ok(Ok(())));
        assert_eq!(receiver.join().unwrap(), Ok(6));

        // Both sides in one wait: it goes on when another wire comes.
        let both = spawn("both", || {
            let sending = ch.sending(7);
            let got = wait_any(&[&on(&sending, |_| None), &on(ch, Some)]);
            (got, sending.into_value())
        });
        settle();
        ch.send(8).unwrap();
        assert_eq!(both.join().unwrap(), (Ok(Some(Ok(8))), Some(7)));
    });
}

#[test]
fn a_message_of_an_arm_is_moved_to_a_receiver_in_place() {
    let ch = leak(Channel::<u32>::new());
    run(|| {
        for receiver_first in [true, false] {
            let receive = || spawn("in place", || ch.recv_with(|n| *n + 1));
            let send = || spawn("sends", || wait(&ch.sending(1)).unwrap().is_ok());
            let (receiver, sender) = match receiver_first {
                true => (receive(), send()),
                false => {
                    let sender = send();
                    settle();
                    (receive(), sender)
                }
            };
            assert_eq!(receiver.join().unwrap(), Ok(2));
            assert!(sender.join().unwrap());
        }
    });
}

#[test]
fn a_oneshot_carries_one_message_and_each_half_tells_of_its_end() {
    let drops = Rc::new(Cell::new(0));
    let mut answer = Oneshot::new();
    run(|| {
        let (sender, receiver) = answer.split();
        assert_eq!(receiver.try_recv().unwrap_err(), TryRecvError::Empty);
        sender.send(Counted(1, drops.clone())).unwrap();
        assert_eq!(receiver.recv().unwrap().0, 1);
        assert_eq!(receiver.recv().unwrap_err(), RecvError::Closed);
        drop(receiver);

        let (sender, receiver) = answer.split();
        drop(receiver);
        assert!(sender.is_closed());
        assert_eq!(sender.send(Counted(2, drops.clone())).unwrap_err().0, 2);

        let (sender, receiver) = answer.split();
        sender.send(Counted(3, drops.clone())).unwrap();
        drop(receiver);
        assert_eq!(drops.get(), 2, "one that nobody fetched stays");
        let (sender, receiver) = answer.split();
        assert_eq!(drops.get(), 3, "until it is split again");
        drop(sender);
        assert!(matches!(wait(receiver.source()), Ok(Err(Closed))));
    });
}

#[test]
fn a_oneshot_in_a_static_or_behind_an_rc_wakes_who_waits() {
    run(|| {
        let answer = Rc::new(Oneshot::new());
        let told = Rc::clone(&answer);
        let asking = spawn("asking", move || told.recv());
        settle();
        answer.send(9).unwrap();
        assert_eq!(answer.send(10), Err(10));
        assert_eq!(asking.join().unwrap(), Ok(9));
    });
}
