//! The rendezvous channel: two of them, and a place inside in-place receivers to wait at.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use wire_channel::{Channel, Closed, RecvError, Refusal, SendError, TryRecvError};
use wire_core::{Interrupt, Kind, Reason, WaitQueue};
use wire_wait::{Source, on, wait_any};

use crate::common::Rng;
use crate::common::model::{Model, PUPPETS, Stage};
use crate::message::{Count, Message};

static INSIDE: Kind = Kind::new("inside a receiver");

/// What a receiver does with a message.
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

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    Send(usize, u32),
    TrySend(usize, u32),
    Recv(usize, How),
    TryRecv(usize),
    /// From either channel, this one first.
    Any(usize),
    Close(usize),
    /// Lets the receiver go on that waits longest with a message.
    LetGo,
    /// Wakes who waits to receive, though nobody sends.
    Nudge(usize),
}

#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    Sent,
    Refused(u32, Refusal),
    Got(usize, u32),
    Waited(u32, Result<(), Interrupt>),
    Panicked(u32),
    GotNothing(RecvError),
    Unwound,
    Empty,
    Done,
    /// What would end the process.
    Skipped,
}

#[derive(Default)]
pub(crate) struct Real {
    channels: [Channel<Message>; 2],
    inside: WaitQueue,
    messages: Count,
}

impl Real {
    fn recv(&self, index: usize, how: How) -> Outcome {
        let channel = &self.channels[index];
        let outcome = match how {
            How::Takes => channel
                .recv()
                .map(|message| Outcome::Got(index, message.number)),
            How::Iterates => {
                let next = catch_unwind(AssertUnwindSafe(|| channel.iter().next()));
                match next {
                    Ok(next) => next
                        .map(|message| Outcome::Got(index, message.number))
                        .ok_or(RecvError::Closed),
                    Err(payload) if Interrupt::is_payload(&*payload) => Ok(Outcome::Unwound),
                    Err(payload) => resume_unwind(payload),
                }
            }
            How::LooksAtIt => channel.recv_with(|message| Outcome::Got(index, message.number)),
            How::WaitsWithIt => channel.recv_with(|message| {
                let result = self.inside.wait(Reason::on(&INSIDE, &self.inside));
                Outcome::Waited(message.number, result)
            }),
            How::PanicsWithIt => {
                let panics = |message: &mut Message| resume_unwind(Box::new(message.number));
                match catch_unwind(AssertUnwindSafe(|| channel.recv_with(panics))) {
                    Ok(result) => result,
                    Err(payload) => Ok(Outcome::Panicked(*payload.downcast().unwrap())),
                }
            }
        };
        outcome.unwrap_or_else(Outcome::GotNothing)
    }
}

fn sent(result: Result<(), SendError<Message>>) -> Outcome {
    match result {
        Ok(()) => Outcome::Sent,
        Err(error) => Outcome::Refused(error.value.number, error.why),
    }
}

#[derive(Clone, Copy, Default)]
enum Doing {
    #[default]
    Nothing,
    Sending(u32),
    Receiving(How),
    /// With a message of this puppet, in place: about to look at it, or waiting with it.
    Has(How, usize, usize, u32),
    Waits(usize, u32),
}

#[derive(Default)]
pub(crate) struct Plain {
    senders: [VecDeque<usize>; 2],
    receivers: [VecDeque<usize>; 2],
    inside: VecDeque<usize>,
    closed: [bool; 2],
    doing: [Doing; PUPPETS],
    order: [Vec<usize>; PUPPETS],
}

impl Plain {
    fn forget(&mut self, who: usize) {
        for queue in self.senders.iter_mut().chain(&mut self.receivers) {
            queue.retain(|&other| other != who);
        }
        self.inside.retain(|&other| other != who);
    }

    fn send(
        &mut self,
        who: usize,
        index: usize,
        number: u32,
        stage: &mut Stage<Self>,
    ) -> Option<Outcome> {
        if self.closed[index] {
            return Some(Outcome::Refused(number, Refusal::Closed));
        }
        self.doing[who] = Doing::Sending(number);
        let receiver = self.receivers[index].front().copied()?;
        let takes = matches!(
            self.doing[receiver],
            Doing::Receiving(How::Takes | How::Iterates)
        );
        if stage.unwinds() && !takes {
            let why = Refusal::Interrupted(Interrupt::Unwinding);
            return Some(Outcome::Refused(number, why));
        }
        self.forget(receiver);
        match self.doing[receiver] {
            Doing::Receiving(How::Takes | How::Iterates) => {
                stage.serve(receiver, Outcome::Got(index, number));
                Some(Outcome::Sent)
            }
            Doing::Receiving(how) => {
                self.doing[receiver] = Doing::Has(how, index, who, number);
                stage.wake(receiver);
                None
            }
            _ => unreachable!("{receiver} receives"),
        }
    }

    /// Takes from the first of the channels that has something, or waits for all.
    fn receive(&mut self, who: usize, stage: &mut Stage<Self>) -> Option<Outcome> {
        let order = self.order[who].clone();
        for &index in &order {
            if let Some(sender) = self.senders[index].pop_front() {
                let (Doing::Sending(number), Doing::Receiving(how)) =
                    (self.doing[sender], self.doing[who])
                else {
                    unreachable!("one sends, the other receives")
                };
                self.forget(who);
                if matches!(how, How::Takes | How::Iterates) {
                    stage.serve(sender, Outcome::Sent);
                    return Some(Outcome::Got(index, number));
                }
                self.doing[who] = Doing::Has(how, index, sender, number);
                return self.work(who, stage);
            }
            if self.closed[index] {
                self.forget(who);
                return Some(Outcome::GotNothing(RecvError::Closed));
            }
        }
        for index in order {
            if !self.receivers[index].contains(&who) {
                self.receivers[index].push_back(who);
            }
        }
        None
    }

    /// Works on the message it has, and lets go of it.
    fn work(&mut self, who: usize, stage: &mut Stage<Self>) -> Option<Outcome> {
        let Doing::Has(how, index, sender, number) = self.doing[who] else {
            unreachable!("{who} has a message")
        };
        if how == How::WaitsWithIt {
            self.doing[who] = Doing::Waits(sender, number);
            self.inside.push_back(who);
            return None;
        }
        self.doing[who] = Doing::Nothing;
        stage.serve(sender, Outcome::Sent);
        Some(match how {
            How::PanicsWithIt => Outcome::Panicked(number),
            _ => Outcome::Got(index, number),
        })
    }

    fn waited(
        &mut self,
        who: usize,
        result: Result<(), Interrupt>,
        stage: &mut Stage<Self>,
    ) -> Option<Outcome> {
        let Doing::Waits(sender, number) = self.doing[who] else {
            unreachable!("{who} waits with a message")
        };
        self.doing[who] = Doing::Nothing;
        stage.serve(sender, Outcome::Sent);
        Some(Outcome::Waited(number, result))
    }
}

impl Model for Plain {
    type Real = Real;
    type Held = ();
    type Op = Op;
    type Outcome = Outcome;

    fn random(rng: &mut Rng, nth: u32) -> Op {
        let index = rng.below(2);
        match rng.below(64) {
            0 => Op::Close(index),
            1..24 => Op::Send(index, nth),
            24..29 => Op::TrySend(index, nth),
            29..36 => Op::Recv(index, How::Takes),
            36..38 => Op::Recv(index, How::Iterates),
            38..42 => Op::Recv(index, How::LooksAtIt),
            42..47 => Op::Recv(index, How::WaitsWithIt),
            47..49 => Op::Recv(index, How::PanicsWithIt),
            49..52 => Op::TryRecv(index),
            52..58 => Op::Any(index),
            58..62 => Op::LetGo,
            _ => Op::Nudge(index),
        }
    }

    fn simpler(op: Op) -> Vec<Op> {
        match op {
            Op::Any(index) => vec![Op::Recv(index, How::Takes)],
            Op::Recv(_, How::Takes) => vec![],
            Op::Recv(index, How::LooksAtIt) => vec![Op::Recv(index, How::Takes)],
            Op::Recv(index, _) => {
                vec![Op::Recv(index, How::Takes), Op::Recv(index, How::LooksAtIt)]
            }
            Op::TrySend(index, number) => vec![Op::Send(index, number)],
            _ => vec![],
        }
    }

    fn act(real: &'static Real, (): &mut (), op: Op) -> Outcome {
        let channels = &real.channels;
        match op {
            Op::Send(index, number) => sent(channels[index].send(real.messages.message(number))),
            Op::TrySend(index, number) => {
                sent(channels[index].try_send(real.messages.message(number)))
            }
            Op::Recv(_, How::Iterates) if std::thread::panicking() => Outcome::Skipped,
            Op::Recv(index, how) => real.recv(index, how),
            Op::TryRecv(index) => match channels[index].try_recv() {
                Ok(message) => Outcome::Got(index, message.number),
                Err(TryRecvError::Empty) => Outcome::Empty,
                Err(TryRecvError::Closed) => Outcome::GotNothing(RecvError::Closed),
            },
            Op::Any(first) => {
                let [a, b] = [first, 1 - first].map(|index| {
                    on(&channels[index], move |item| match item {
                        Ok(message) => Outcome::Got(index, message.number),
                        Err(Closed) => Outcome::GotNothing(RecvError::Closed),
                    })
                });
                let interrupted = |why| Outcome::GotNothing(RecvError::Interrupted(why));
                wait_any(&[&a, &b]).unwrap_or_else(interrupted)
            }
            Op::Close(index) => {
                channels[index].close();
                Outcome::Done
            }
            Op::LetGo => {
                real.inside.wake_one();
                Outcome::Done
            }
            Op::Nudge(index) => {
                channels[index].queue().wake_one();
                Outcome::Done
            }
        }
    }

    fn begin(&mut self, who: usize, op: Op, stage: &mut Stage<Self>) -> Option<Outcome> {
        match op {
            Op::Send(index, number) | Op::TrySend(index, number) => {
                let outcome = self.send(who, index, number, stage);
                if outcome.is_some() || self.held(who) {
                    return outcome;
                }
                if matches!(op, Op::TrySend(..)) {
                    return Some(Outcome::Refused(number, Refusal::Full));
                }
                self.senders[index].push_back(who);
                return None;
            }
            Op::Recv(_, How::Iterates) if stage.unwinds() => return Some(Outcome::Skipped),
            Op::Recv(index, how) => {
                self.doing[who] = Doing::Receiving(how);
                self.order[who] = vec![index];
                return self.receive(who, stage);
            }
            Op::Any(first) => {
                self.doing[who] = Doing::Receiving(How::Takes);
                self.order[who] = vec![first, 1 - first];
                return self.receive(who, stage);
            }
            Op::TryRecv(index) => {
                self.doing[who] = Doing::Receiving(How::Takes);
                self.order[who] = vec![index];
                let outcome = self.receive(who, stage);
                self.forget(who);
                return Some(outcome.unwrap_or(Outcome::Empty));
            }
            Op::Close(index) => {
                self.closed[index] = true;
                while let Some(sender) = self.senders[index].pop_front() {
                    let Doing::Sending(number) = self.doing[sender] else {
                        unreachable!("{sender} sends")
                    };
                    stage.serve(sender, Outcome::Refused(number, Refusal::Closed));
                }
                while let Some(&receiver) = self.receivers[index].front() {
                    self.forget(receiver);
                    stage.serve(receiver, Outcome::GotNothing(RecvError::Closed));
                }
            }
            Op::LetGo => {
                if let Some(who) = self.inside.pop_front() {
                    stage.wake(who);
                }
            }
            Op::Nudge(index) => {
                if let Some(who) = self.receivers[index].pop_front() {
                    stage.wake(who);
                }
            }
        }
        Some(Outcome::Done)
    }

    fn woken(&mut self, who: usize, stage: &mut Stage<Self>) -> Option<Outcome> {
        match self.doing[who] {
            Doing::Has(..) => self.work(who, stage),
            Doing::Waits(..) => self.waited(who, Ok(()), stage),
            _ => self.receive(who, stage),
        }
    }

    fn interrupted(
        &mut self,
        who: usize,
        why: Interrupt,
        stage: &mut Stage<Self>,
    ) -> Option<Outcome> {
        self.forget(who);
        Some(match self.doing[who] {
            Doing::Sending(number) => Outcome::Refused(number, Refusal::Interrupted(why)),
            Doing::Waits(..) => return self.waited(who, Err(why), stage),
            Doing::Receiving(How::Iterates) => Outcome::Unwound,
            _ => Outcome::GotNothing(RecvError::Interrupted(why)),
        })
    }

    /// Its message is in use.
    fn held(&self, who: usize) -> bool {
        self.doing.iter().any(|doing| match *doing {
            Doing::Has(_, _, sender, _) | Doing::Waits(sender, _) => sender == who,
            _ => false,
        })
    }

    fn compare(&self, real: &Real, over: bool) {
        for (index, channel) in real.channels.iter().enumerate() {
            assert_eq!(channel.is_closed(), self.closed[index]);
            assert_eq!(channel.queue().is_empty(), self.receivers[index].is_empty());
            if over {
                let empty = format!(
                    "Channel {{ senders_wait: false, receivers_wait: false, closed: {} }}",
                    channel.is_closed()
                );
                assert_eq!(format!("{channel:?}"), empty);
            }
        }
        assert!(!over || real.messages.left() == 0, "messages were lost");
    }
}
