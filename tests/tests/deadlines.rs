//! A deadline is a scope around any wait: each blocking form of channels, of waits for several things and of joins ends
//! with an error when it passes, and leaves nothing behind. Those of locks are in `lock_deadlines.rs`.

use std::fmt::Debug;
use std::time::Duration;

use libwire as wire;
use wire::channel::{RecvError, Refusal};
use wire::wait::{Wakeup, on};
use wire::{Channel, Interrupt, Oneshot};

const SOON: Duration = Duration::from_millis(1);
const LATE: Interrupt = Interrupt::DeadlinePassed;

/// Runs `wait`, which nobody ends, until a deadline does.
#[track_caller]
fn late<T: Debug>(wait: impl FnOnce() -> T) -> T {
    let result = wire::timeout(SOON, wait).expect("it returns, rather than unwind");
    assert_eq!(
        wire::check_interrupt(),
        Ok(()),
        "the deadline is left behind"
    );
    result
}

#[test]
fn sends_and_receives() {
    wire::run(|| {
        let ch = Channel::new();
        let error = late(|| ch.send("back")).unwrap_err();
        assert_eq!(
            (error.why, error.value),
            (Refusal::Interrupted(LATE), "back")
        );
        assert_eq!(late(|| ch.recv()), Err(RecvError::Interrupted(LATE)));
        let in_place = late(|| ch.recv_with(|_| ()));
        assert_eq!(in_place, Err(RecvError::Interrupted(LATE)));
        let unwound = wire::timeout(SOON, || ch.iter().next());
        assert_eq!(
            unwound,
            Err(wire::Elapsed),
            "an iterator has no error to give"
        );
        assert_eq!(ch.try_send("nobody").unwrap_err().why, Refusal::Full);
        assert!(ch.try_recv().is_err());

        let full = Channel::<_, 2>::bounded();
        full.send(1).unwrap();
        full.send(2).unwrap();
        let error = late(|| full.send(3)).unwrap_err();
        assert_eq!((error.why, error.value), (Refusal::Interrupted(LATE), 3));
        assert_eq!([full.recv(), full.recv()], [Ok(1), Ok(2)]);
        assert_eq!(late(|| full.recv()), Err(RecvError::Interrupted(LATE)));
        full.send(4).unwrap();
        assert_eq!(full.recv(), Ok(4));

        let answer = Oneshot::new();
        assert_eq!(late(|| answer.recv()), Err(RecvError::Interrupted(LATE)));
        answer.send(5).unwrap();
        assert_eq!(answer.recv(), Ok(5));
    });
}

#[test]
fn waits_for_the_first_of_several() {
    wire::run(|| {
        let (wakeup, ch, full) = (
            Wakeup::new(),
            Channel::<u8>::new(),
            Channel::<u8, 1>::bounded(),
        );
        full.send(0).unwrap();
        let sending = full.sending(1);
        let wait = |fair: bool| {
            let arms: [&dyn wire::wait::Arm<&str>; 3] = [
                &on(&wakeup, |()| "wake-up"),
                &on(&ch, |_| "received"),
                &on(&sending, |_| "sent"),
            ];
            match fair {
                true => wire::wait_fair(&arms),
                false => wire::wait_any(&arms),
            }
        };
        assert_eq!(late(|| wait(false)), Err(LATE));
        assert_eq!(late(|| wait(true)), Err(LATE));
        assert_eq!(late(|| wakeup.wait()), Err(LATE));
        assert_eq!(sending.into_value(), Some(1), "what lost was not sent");
        assert_eq!(
            ch.try_send(1).unwrap_err().why,
            Refusal::Full,
            "nobody is left there"
        );
        assert_eq!(full.recv(), Ok(0));
        assert!(full.is_empty());
    });
}

#[test]
fn ends_of_wires() {
    wire::run(|| {
        wire::scope(|s| {
            let other = s.spawn(|| wire::suspend().unwrap());
            assert_eq!(late(|| other.wait()), Err(LATE));
            let joined = late(|| wire::wait_any(&[&on(&other, |()| ())]));
            assert_eq!(joined, Err(LATE));
            wire::yield_now();
            other.handle().resume();
            assert_eq!(wire::wait_any(&[&on(&other, |()| ())]), Ok(()));
            other.join().unwrap();
        });
    });
}
