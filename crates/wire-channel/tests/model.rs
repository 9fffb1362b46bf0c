//! Random sends, receives, closings and cancellations beside a plain model.
#[path = "../../wire-wait/tests/common/mod.rs"]
mod common;

use std::collections::VecDeque;

use common::{Rng, model};
use wire_channel::{Channel, Closed, RecvError, Refusal, TryRecvError};
use wire_core::Interrupt;
use wire_wait::{on, wait_any};

const CHANNELS: usize = 2;

#[derive(Clone, Copy, Debug)]
enum Op {
    Send(usize, u32),
    TrySend(usize, u32),
    Recv(usize),
    TryRecv(usize),
    RecvWith(usize),
    /// From either channel, this one first.
    Any(usize),
    Close(usize),
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Sent,
    Refused(u32, Refusal),
    Got(usize, u32),
    GotNothing(RecvError),
    Empty,
    Closed,
}

type Real = [Channel<u32>; CHANNELS];

fn act(real: &Real, (): &mut (), op: Op) -> Outcome {
    let sent = |result: Result<(), wire_channel::SendError<u32>>| match result {
        Ok(()) => Outcome::Sent,
        Err(error) => Outcome::Refused(error.value, error.why),
    };
    let got = |channel| {
        move |result| match result {
            Ok(value) => Outcome::Got(channel, value),
            Err(error) => Outcome::GotNothing(error),
        }
    };
    let closed = |Closed| RecvError::Closed;
    match op {
        Op::Send(channel, value) => sent(real[channel].send(value)),
        Op::TrySend(channel, value) => sent(real[channel].try_send(value)),
        Op::Recv(channel) => got(channel)(real[channel].recv()),
        Op::RecvWith(channel) => got(channel)(real[channel].recv_with(|value| *value)),
        Op::TryRecv(channel) => match real[channel].try_recv() {
            Ok(value) => Outcome::Got(channel, value),
            Err(TryRecvError::Empty) => Outcome::Empty,
            Err(TryRecvError::Closed) => got(channel)(Err(RecvError::Closed)),
        },
        Op::Any(first) => {
            let [a, b] =
                [first, 1 - first].map(|channel| on(&real[channel], move |item| (channel, item)));
            match wait_any(&[&a, &b]) {
                Ok((channel, item)) => got(channel)(item.map_err(closed)),
                Err(interrupt) => Outcome::GotNothing(RecvError::Interrupted(interrupt)),
            }
        }
        Op::Close(channel) => {
            real[channel].close();
            Outcome::Closed
        }
    }
}

#[derive(Default)]
struct Plain {
    senders: [VecDeque<(usize, u32)>; CHANNELS],
    /// Who, and whether in place.
    receivers: [VecDeque<(usize, bool)>; CHANNELS],
    closed: [bool; CHANNELS],
    next: u32,
    /// Receivers that work in place when they run, and whose message it is.
    in_use: Vec<(usize, usize)>,
    /// What those who wait have sent.
    sending: [Option<u32>; model::PUPPETS],
}

type Served = model::Served<Outcome>;

impl Plain {
    /// Gives the message to who waits longest; says whether the sender is done.
    fn hand_over(
        &mut self,
        sender: usize,
        channel: usize,
        value: u32,
        served: &mut Served,
    ) -> Option<bool> {
        let (receiver, in_place) = self.receivers[channel].pop_front()?;
        self.forget(receiver);
        served.push((receiver, Outcome::Got(channel, value)));
        if in_place {
            self.in_use.push((receiver, sender));
        }
        Some(!in_place)
    }

    fn receive(&mut self, channel: usize, served: &mut Served) -> Option<Outcome> {
        if let Some((sender, value)) = self.senders[channel].pop_front() {
            served.push((sender, Outcome::Sent));
            return Some(Outcome::Got(channel, value));
        }
        self.closed[channel].then_some(Outcome::GotNothing(RecvError::Closed))
    }

    fn forget(&mut self, puppet: usize) {
        for queue in &mut self.receivers {
            queue.retain(|&(other, _)| other != puppet);
        }
    }
}

impl model::Model for Plain {
    type Op = Op;
    type Outcome = Outcome;

    fn choose(&mut self, rng: &mut Rng, _puppet: usize) -> Op {
        self.next += 1;
        let channel = rng.below(CHANNELS);
        match rng.below(64) {
            0 => Op::Close(channel),
            1..24 => Op::Send(channel, self.next),
            24..30 => Op::TrySend(channel, self.next),
            30..40 => Op::Recv(channel),
            40..44 => Op::TryRecv(channel),
            44..54 => Op::RecvWith(channel),
            _ => Op::Any(channel),
        }
    }

    fn perform(&mut self, puppet: usize, op: Op, served: &mut Served) -> Option<Outcome> {
        match op {
            Op::Send(channel, value) | Op::TrySend(channel, value) => {
                if self.closed[channel] {
                    return Some(Outcome::Refused(value, Refusal::Closed));
                }
                self.sending[puppet] = Some(value);
                match self.hand_over(puppet, channel, value, served) {
                    Some(done) => done.then_some(Outcome::Sent),
                    None if matches!(op, Op::TrySend(..)) => {
                        Some(Outcome::Refused(value, Refusal::Full))
                    }
                    None => {
                        self.senders[channel].push_back((puppet, value));
                        None
                    }
                }
            }
            Op::Recv(channel) | Op::RecvWith(channel) => {
                self.sending[puppet] = None;
                let outcome = self.receive(channel, served);
                if outcome.is_none() {
                    let in_place = matches!(op, Op::RecvWith(_));
                    self.receivers[channel].push_back((puppet, in_place));
                }
                outcome
            }
            Op::TryRecv(channel) => self.receive(channel, served).or(Some(Outcome::Empty)),
            Op::Any(first) => {
                self.sending[puppet] = None;
                let order = [first, 1 - first];
                let outcome = order
                    .into_iter()
                    .find_map(|channel| self.receive(channel, served));
                if outcome.is_none() {
                    for channel in order {
                        self.receivers[channel].push_back((puppet, false));
                    }
                }
                outcome
            }
            Op::Close(channel) => {
                self.closed[channel] = true;
                for (sender, value) in std::mem::take(&mut self.senders[channel]) {
                    served.push((sender, Outcome::Refused(value, Refusal::Closed)));
                }
                for (receiver, _) in std::mem::take(&mut self.receivers[channel]) {
                    self.forget(receiver);
                    served.push((receiver, Outcome::GotNothing(RecvError::Closed)));
                }
                Some(Outcome::Closed)
            }
        }
    }

    fn interrupt(&mut self, puppet: usize, _served: &mut Served) -> Outcome {
        self.forget(puppet);
        for queue in &mut self.senders {
            queue.retain(|&(other, _)| other != puppet);
        }
        match self.sending[puppet] {
            Some(value) => Outcome::Refused(value, Refusal::Interrupted(Interrupt::Cancelled)),
            None => Outcome::GotNothing(RecvError::Interrupted(Interrupt::Cancelled)),
        }
    }

    fn ran(&mut self, puppet: usize, served: &mut Served) {
        self.in_use.retain(|&(receiver, sender)| {
            if receiver == puppet {
                served.push((sender, Outcome::Sent));
            }
            receiver != puppet
        });
    }

    fn held(&self, puppet: usize) -> bool {
        self.in_use.iter().any(|&(_, sender)| sender == puppet)
    }
}

#[test]
fn messages_closings_and_cancellations_in_any_order() {
    model::run(
        0..500,
        Plain::default,
        Real::default,
        act,
        |real, plain, over| {
            for (index, channel) in real.iter().enumerate() {
                let (senders, receivers) = (&plain.senders[index], &plain.receivers[index]);
                let expected = format!(
                    "Channel {{ senders_wait: {}, receivers_wait: {}, closed: {} }}",
                    !senders.is_empty(),
                    !receivers.is_empty(),
                    plain.closed[index]
                );
                assert_eq!(format!("{channel:?}"), expected);
                assert!(!over || (senders.is_empty() && receivers.is_empty()));
            }
        },
    );
}
