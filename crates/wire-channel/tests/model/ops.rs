//! What is done with channels, and what comes of it.

use wire_channel::{RecvError, Refusal};
use wire_core::Interrupt;

use crate::common::Rng;

/// What a receiver does with a message. All but the first two only where there is no room.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum How {
    Takes,
    /// As an iterator, which unwinds when it is interrupted.
    Iterates,
    LooksAtIt,
    /// While the sender waits.
    WaitsWithIt,
    PanicsWithIt,
}

/// One of several things to wait for: sending this to a channel, or receiving from it.
pub(crate) type Arm = (usize, Option<u32>);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    Send(usize, u32),
    TrySend(usize, u32),
    Recv(usize, How),
    TryRecv(usize),
    /// The first of these, in this order.
    Any([Arm; 2]),
    TryAny([Arm; 2]),
    Close(usize),
    /// Lets the receiver go on that waits longest with a message.
    LetGo,
    /// Wakes who waits to receive, or to send, though nobody came for it.
    Nudge(usize, bool),
    /// Waits among those that receive, or that send, and wants nothing.
    Loiter(usize, bool),
}

#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    Sent(usize),
    Refused(u32, Refusal),
    Got(usize, u32),
    Waited(u32, Result<(), Interrupt>),
    Panicked(u32),
    GotNothing(RecvError),
    Unwound,
    Interrupted(Interrupt),
    Nothing,
    Done,
    /// What would end the process.
    Skipped,
}

/// Any operation, on channels that lend messages or on others.
pub(crate) fn random(rng: &mut Rng, nth: u32, lends: bool) -> Op {
    let index = rng.below(2);
    let how = match rng.below(16) {
        0..3 => How::Iterates,
        3..6 if lends => How::LooksAtIt,
        6..10 if lends => How::WaitsWithIt,
        10 if lends => How::PanicsWithIt,
        _ => How::Takes,
    };
    let arms = match rng.below(5) {
        0 => [(index, None), (1 - index, None)],
        1 => [(index, Some(nth)), (1 - index, Some(nth + 1000))],
        2 => [(index, Some(nth)), (1 - index, None)],
        3 => [(index, None), (1 - index, Some(nth))],
        // Sending to itself would be one way out.
        _ if rng.one_in(2) => [(index, None), (index, Some(nth))],
        _ => [(index, Some(nth)), (index, None)],
    };
    match rng.below(64) {
        0 => Op::Close(index),
        1..19 => Op::Send(index, nth),
        19..23 => Op::TrySend(index, nth),
        23..39 => Op::Recv(index, how),
        39..42 => Op::TryRecv(index),
        42..54 => Op::Any(arms),
        54..56 => Op::TryAny(arms),
        56..60 if lends => Op::LetGo,
        56..60 => Op::Recv(index, How::Takes),
        60 => Op::Loiter(index, rng.one_in(2)),
        _ => Op::Nudge(index, rng.one_in(2)),
    }
}

pub(crate) fn simpler(op: Op) -> Vec<Op> {
    let one = |(index, number)| match number {
        Some(number) => Op::Send(index, number),
        None => Op::Recv(index, How::Takes),
    };
    match op {
        Op::Any([first, second]) => vec![one(first), one(second)],
        Op::TryAny(arms) => vec![one(arms[0]), one(arms[1]), Op::Any(arms)],
        Op::Recv(_, How::Takes) => vec![],
        Op::Recv(index, How::LooksAtIt) => vec![Op::Recv(index, How::Takes)],
        Op::Recv(index, _) => {
            vec![Op::Recv(index, How::Takes), Op::Recv(index, How::LooksAtIt)]
        }
        Op::TrySend(index, number) => vec![Op::Send(index, number)],
        Op::TryRecv(index) => vec![Op::Recv(index, How::Takes)],
        _ => vec![],
    }
}
