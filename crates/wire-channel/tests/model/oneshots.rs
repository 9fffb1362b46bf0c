//! Two channels for one message each.

use std::collections::VecDeque;

use wire_channel::{Closed, Oneshot, RecvError, TryRecvError};
use wire_core::Interrupt;
use wire_wait::{Source, on, wait_any};

use crate::common::Rng;
use crate::common::model::{Model, PUPPETS, Stage};
use crate::message::{Count, Message};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    Send(usize, u32),
    Recv(usize),
    TryRecv(usize),
    /// From either, this one first.
    Any(usize),
    Close(usize),
    /// Wakes who waits to receive, though nothing came.
    Nudge(usize),
}

#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    Sent,
    Refused(u32),
    Got(usize, u32),
    GotNothing(RecvError),
    Empty,
    Done,
}

#[derive(Default)]
pub(crate) struct Real {
    oneshots: [Oneshot<Message>; 2],
    messages: Count,
}

impl Drop for Real {
    fn drop(&mut self) {
        self.oneshots = Default::default();
        assert_eq!(self.messages.left(), 0, "messages were lost");
    }
}

#[derive(Default)]
pub(crate) struct Plain {
    messages: [Option<u32>; 2],
    closed: [bool; 2],
    waiting: [VecDeque<usize>; 2],
    order: [Vec<usize>; PUPPETS],
}

impl Plain {
    fn forget(&mut self, who: usize) {
        for queue in &mut self.waiting {
            queue.retain(|&other| other != who);
        }
    }

    fn take(&mut self, index: usize) -> Option<Outcome> {
        match self.messages[index].take() {
            Some(number) => Some(Outcome::Got(index, number)),
            None => self.closed[index].then_some(Outcome::GotNothing(RecvError::Closed)),
        }
    }

    fn look(&mut self, who: usize) -> Option<Outcome> {
        let order = self.order[who].clone();
        let outcome = order.iter().find_map(|&index| self.take(index));
        if outcome.is_some() {
            self.forget(who);
            return outcome;
        }
        for index in order {
            if !self.waiting[index].contains(&who) {
                self.waiting[index].push_back(who);
            }
        }
        None
    }

    fn close(&mut self, index: usize, stage: &mut Stage<Self>) {
        self.closed[index] = true;
        while let Some(&who) = self.waiting[index].front() {
            self.forget(who);
            let outcome = self.take(index);
            stage.serve(who, outcome.expect("it is closed"));
        }
    }
}

impl Model for Plain {
    type Real = Real;
    type Held = ();
    type Op = Op;
    type Outcome = Outcome;

    fn random(rng: &mut Rng, nth: u32) -> Op {
        let index = rng.below(2);
        match rng.below(16) {
            0 => Op::Send(index, nth),
            1..6 => Op::Recv(index),
            6 => Op::TryRecv(index),
            7..12 => Op::Any(index),
            12 if rng.one_in(3) => Op::Close(index),
            _ => Op::Nudge(index),
        }
    }

    fn simpler(op: Op) -> Vec<Op> {
        match op {
            Op::Any(index) | Op::TryRecv(index) => vec![Op::Recv(index)],
            _ => vec![],
        }
    }

    fn act(real: &'static Real, (): &mut (), op: Op) -> Outcome {
        let oneshots = &real.oneshots;
        let got = |index: usize| move |message: Message| Outcome::Got(index, message.number);
        match op {
            Op::Send(index, number) => match oneshots[index].send(real.messages.message(number)) {
                Ok(()) => Outcome::Sent,
                Err(message) => Outcome::Refused(message.number),
            },
            Op::Recv(index) => {
                let result = oneshots[index].recv();
                result.map_or_else(Outcome::GotNothing, got(index))
            }
            Op::TryRecv(index) => match oneshots[index].try_recv() {
                Ok(message) => got(index)(message),
                Err(TryRecvError::Empty) => Outcome::Empty,
                Err(TryRecvError::Closed) => Outcome::GotNothing(RecvError::Closed),
            },
            Op::Any(first) => {
                let arm = |index| {
                    on(&oneshots[index], move |item: Result<Message, Closed>| {
                        let closed = |Closed| Outcome::GotNothing(RecvError::Closed);
                        item.map_or_else(closed, got(index))
                    })
                };
                let interrupted = |why| Outcome::GotNothing(RecvError::Interrupted(why));
                wait_any(&[&arm(first), &arm(1 - first)]).unwrap_or_else(interrupted)
            }
            Op::Close(index) => {
                oneshots[index].close();
                Outcome::Done
            }
            Op::Nudge(index) => {
                oneshots[index].queue().wake_one();
                Outcome::Done
            }
        }
    }

    fn begin(&mut self, who: usize, op: Op, stage: &mut Stage<Self>) -> Option<Outcome> {
        self.order[who] = match op {
            Op::Recv(index) => vec![index],
            Op::Any(first) => vec![first, 1 - first],
            Op::TryRecv(index) => return self.take(index).or(Some(Outcome::Empty)),
            Op::Send(index, number) => {
                if self.closed[index] {
                    return Some(Outcome::Refused(number));
                }
                self.messages[index] = Some(number);
                self.close(index, stage);
                return Some(Outcome::Sent);
            }
            Op::Close(index) => {
                self.close(index, stage);
                return Some(Outcome::Done);
            }
            Op::Nudge(index) => {
                if let Some(next) = self.waiting[index].pop_front() {
                    stage.wake(next);
                }
                return Some(Outcome::Done);
            }
        };
        self.look(who)
    }

    fn woken(&mut self, who: usize, _stage: &mut Stage<Self>) -> Option<Outcome> {
        self.look(who)
    }

    fn interrupted(
        &mut self,
        who: usize,
        why: Interrupt,
        _stage: &mut Stage<Self>,
    ) -> Option<Outcome> {
        self.forget(who);
        Some(Outcome::GotNothing(RecvError::Interrupted(why)))
    }

    fn compare(&self, real: &Real, over: bool) {
        for (index, real) in real.oneshots.iter().enumerate() {
            assert_eq!(real.is_closed(), self.closed[index]);
            assert_eq!(real.queue().is_empty(), self.waiting[index].is_empty());
            assert!(!over || self.waiting[index].is_empty());
        }
        let left = self.messages.iter().flatten().count();
        assert!(!over || real.messages.left() == left, "messages were lost");
    }
}
