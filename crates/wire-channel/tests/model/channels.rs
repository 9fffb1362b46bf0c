//! Channels with and without room: two of them, and a place inside in-place receivers to wait at.

use std::collections::VecDeque;

use wire_channel::{RecvError, Refusal};
use wire_core::Interrupt;
use wire_wait::Source;

use crate::common::Rng;
use crate::common::model::{Model, PUPPETS, Stage};
use crate::ops::{self, Arm, How, Op, Outcome};
use crate::real::Real;

#[derive(Clone, Copy, Default)]
enum Doing {
    #[default]
    Nothing,
    Sends(usize, u32),
    Receives(usize, How),
    Several([Arm; 2]),
    Loiters,
    /// With a message, of this puppet if it is in place: about to look at it, or waiting with it.
    Has(How, usize, Option<usize>, u32),
    Waits(Option<usize>, u32),
}

#[derive(Default)]
struct Channel {
    messages: VecDeque<u32>,
    senders: VecDeque<usize>,
    receivers: VecDeque<usize>,
    closed: bool,
}

/// What became of an attempt to send.
enum Sent {
    Yes,
    /// The receiver works on it where it is.
    Lent,
    /// That would have to wait, in a wire that unwinds.
    CannotLend,
    No,
}

#[derive(Default)]
pub(crate) struct Plain<const N: usize> {
    channels: [Channel; 2],
    inside: VecDeque<usize>,
    doing: [Doing; PUPPETS],
}

impl<const N: usize> Plain<N> {
    fn forget(&mut self, who: usize) {
        for channel in &mut self.channels {
            channel.senders.retain(|&other| other != who);
            channel.receivers.retain(|&other| other != who);
        }
        self.inside.retain(|&other| other != who);
    }

    /// Gives a message to the receiver that waits longest, or puts it where there is room.
    fn deliver(&mut self, me: usize, index: usize, number: u32, stage: &mut Stage<Self>) -> Sent {
        while let Some(&next) = self.channels[index].receivers.front() {
            match self.doing[next] {
                // One does not send to oneself.
                _ if next == me => {
                    self.channels[index].receivers.pop_front();
                }
                Doing::Loiters => {
                    self.forget(next);
                    stage.serve(next, Outcome::Done);
                }
                Doing::Receives(_, how) if !matches!(how, How::Takes | How::Iterates) => {
                    let in_place = matches!(self.doing[me], Doing::Sends(..));
                    if in_place && stage.unwinds() {
                        return Sent::CannotLend;
                    }
                    self.forget(next);
                    let sender = in_place.then_some(me);
                    self.doing[next] = Doing::Has(how, index, sender, number);
                    stage.wake(next);
                    return if in_place { Sent::Lent } else { Sent::Yes };
                }
                _ => {
                    self.forget(next);
                    stage.serve(next, Outcome::Got(index, number));
                    return Sent::Yes;
                }
            }
        }
        let messages = &mut self.channels[index].messages;
        if messages.len() == N {
            return Sent::No;
        }
        messages.push_back(number);
        Sent::Yes
    }

    /// The oldest message, with who sends it if that one has to wait until it was looked at.
    fn take(
        &mut self,
        me: usize,
        index: usize,
        stage: &mut Stage<Self>,
    ) -> Option<(Option<usize>, u32)> {
        let oldest = self.channels[index].messages.pop_front();
        if oldest.is_some() {
            let next = self.take_from_sender(me, index, stage);
            self.channels[index].messages.extend(next);
            return oldest.map(|number| (None, number));
        }
        let in_place = match self.doing[me] {
            Doing::Receives(_, how) => !matches!(how, How::Takes | How::Iterates),
            _ => false,
        };
        while in_place && let Some(&sender) = self.channels[index].senders.front() {
            match self.doing[sender] {
                Doing::Sends(_, number) => {
                    self.forget(sender);
                    return Some((Some(sender), number));
                }
                Doing::Several(_) if sender != me => break,
                doing => {
                    self.forget(sender);
                    if matches!(doing, Doing::Loiters) {
                        stage.serve(sender, Outcome::Done);
                    }
                }
            }
        }
        let number = self.take_from_sender(me, index, stage)?;
        Some((None, number))
    }

    fn take_from_sender(
        &mut self,
        me: usize,
        index: usize,
        stage: &mut Stage<Self>,
    ) -> Option<u32> {
        while let Some(sender) = self.channels[index].senders.pop_front() {
            match self.doing[sender] {
                _ if sender == me => {}
                Doing::Loiters => stage.serve(sender, Outcome::Done),
                Doing::Sends(_, number) => {
                    stage.serve(sender, Outcome::Sent(index));
                    return Some(number);
                }
                Doing::Several(arms) => {
                    if N > 0 {
                        // It looks for a receiver before it puts its message in: those who loiter there go on.
                        for loiterer in std::mem::take(&mut self.channels[index].receivers) {
                            stage.serve(loiterer, Outcome::Done);
                        }
                    }
                    self.forget(sender);
                    stage.serve(sender, Outcome::Sent(index));
                    return Some(number(arms, index));
                }
                _ => unreachable!("{sender} sends"),
            }
        }
        None
    }

    /// What it wants, if it can have it now.
    fn attempt(&mut self, who: usize, stage: &mut Stage<Self>) -> Option<Outcome> {
        match self.doing[who] {
            Doing::Sends(index, number) => self.attempt_one(who, (index, Some(number)), stage),
            Doing::Receives(index, _) => self.attempt_one(who, (index, None), stage),
            Doing::Several([first, second]) => {
                let first = self.attempt_one(who, first, stage);
                first.or_else(|| self.attempt_one(who, second, stage))
            }
            Doing::Loiters => None,
            _ => unreachable!("{who} wants nothing"),
        }
    }

    fn attempt_one(&mut self, who: usize, arm: Arm, stage: &mut Stage<Self>) -> Option<Outcome> {
        let (index, closed) = (arm.0, self.channels[arm.0].closed);
        match arm.1 {
            Some(number) if closed => Some(Outcome::Refused(number, Refusal::Closed)),
            Some(number) => match self.deliver(who, index, number, stage) {
                Sent::Yes => Some(Outcome::Sent(index)),
                Sent::CannotLend => {
                    let why = Refusal::Interrupted(Interrupt::Unwinding);
                    Some(Outcome::Refused(number, why))
                }
                Sent::Lent | Sent::No => None,
            },
            None => match (self.take(who, index, stage), self.doing[who]) {
                (None, _) => closed.then_some(Outcome::GotNothing(RecvError::Closed)),
                (Some((sender, number)), Doing::Receives(_, how))
                    if !matches!(how, How::Takes | How::Iterates) =>
                {
                    self.doing[who] = Doing::Has(how, index, sender, number);
                    self.work(who, stage)
                }
                (Some((_, number)), _) => Some(Outcome::Got(index, number)),
            },
        }
    }

    /// Has what it wants, or waits for it: behind all others, where it does not stand yet.
    fn look(&mut self, who: usize, stage: &mut Stage<Self>) -> Option<Outcome> {
        let outcome = self.attempt(who, stage);
        if outcome.is_some() {
            self.forget(who);
            return outcome;
        }
        let arms = match self.doing[who] {
            Doing::Sends(..) if self.held(who) => return None,
            Doing::Sends(index, number) => [Some((index, Some(number))), None],
            Doing::Receives(index, _) => [Some((index, None)), None],
            Doing::Several(arms) => arms.map(Some),
            _ => return None,
        };
        for (index, number) in arms.into_iter().flatten() {
            let channel = &mut self.channels[index];
            let queue = match number {
                Some(_) => &mut channel.senders,
                None => &mut channel.receivers,
            };
            if !queue.contains(&who) {
                queue.push_back(who);
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
        self.let_go(who, sender, stage);
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
        self.let_go(who, sender, stage);
        Some(Outcome::Waited(number, result))
    }

    fn let_go(&mut self, who: usize, sender: Option<usize>, stage: &mut Stage<Self>) {
        self.doing[who] = Doing::Nothing;
        if let Some(sender) = sender
            && let Doing::Sends(index, _) = self.doing[sender]
        {
            stage.serve(sender, Outcome::Sent(index));
        }
    }

    fn nudge(&mut self, index: usize, sends: bool, stage: &mut Stage<Self>) {
        let channel = &mut self.channels[index];
        let next = match sends {
            true => channel.senders.pop_front(),
            false => channel.receivers.pop_front(),
        };
        let Some(next) = next else { return };
        let outcome = match self.doing[next] {
            Doing::Loiters => Some(Outcome::Done),
            // To be woken is to try.
            Doing::Several(arms) => {
                let number = sends.then(|| number(arms, index));
                self.attempt_one(next, (index, number), stage)
            }
            _ => None,
        };
        match outcome {
            Some(outcome) => {
                self.forget(next);
                stage.serve(next, outcome);
            }
            None => stage.wake(next),
        }
    }

    fn close(&mut self, index: usize, stage: &mut Stage<Self>) {
        self.channels[index].closed = true;
        while let Some(&sender) = self.channels[index].senders.front() {
            self.forget(sender);
            let outcome = match self.doing[sender] {
                Doing::Sends(_, number) => Outcome::Refused(number, Refusal::Closed),
                Doing::Several(arms) => Outcome::Refused(number(arms, index), Refusal::Closed),
                _ => Outcome::Done,
            };
            stage.serve(sender, outcome);
        }
        while let Some(&receiver) = self.channels[index].receivers.front() {
            self.forget(receiver);
            match self.doing[receiver] {
                Doing::Loiters => stage.serve(receiver, Outcome::Done),
                // Once more it looks for a message.
                Doing::Receives(..) => stage.wake(receiver),
                _ => stage.serve(receiver, Outcome::GotNothing(RecvError::Closed)),
            }
        }
    }
}

/// What is to be sent to a channel.
fn number(arms: [Arm; 2], index: usize) -> u32 {
    let number = arms
        .into_iter()
        .find_map(|(other, number)| number.filter(|_| other == index));
    number.expect("it sends to this channel")
}

impl<const N: usize> Model for Plain<N> {
    type Real = Real<N>;
    type Held = ();
    type Op = Op;
    type Outcome = Outcome;

    fn random(rng: &mut Rng, nth: u32) -> Op {
        ops::random(rng, nth, N == 0)
    }

    fn simpler(op: Op) -> Vec<Op> {
        ops::simpler(op)
    }

    fn act(real: &'static Real<N>, (): &mut (), op: Op) -> Outcome {
        real.act(op)
    }

    fn begin(&mut self, who: usize, op: Op, stage: &mut Stage<Self>) -> Option<Outcome> {
        self.doing[who] = match op {
            Op::Recv(_, How::Iterates) if stage.unwinds() => return Some(Outcome::Skipped),
            Op::Send(index, number) | Op::TrySend(index, number) => Doing::Sends(index, number),
            Op::Recv(index, how) => Doing::Receives(index, how),
            Op::TryRecv(index) => Doing::Receives(index, How::Takes),
            Op::Any(arms) | Op::TryAny(arms) => Doing::Several(arms),
            Op::Loiter(index, sends) => {
                self.doing[who] = Doing::Loiters;
                let channel = &mut self.channels[index];
                match sends {
                    true => channel.senders.push_back(who),
                    false => channel.receivers.push_back(who),
                }
                return None;
            }
            Op::Close(index) => {
                self.close(index, stage);
                return Some(Outcome::Done);
            }
            Op::LetGo => {
                let next = self.inside.pop_front();
                next.into_iter().for_each(|next| stage.wake(next));
                return Some(Outcome::Done);
            }
            Op::Nudge(index, sends) => {
                self.nudge(index, sends, stage);
                return Some(Outcome::Done);
            }
        };
        let outcome = match op {
            Op::TrySend(..) | Op::TryRecv(_) | Op::TryAny(_) => self.attempt(who, stage),
            _ => return self.look(who, stage),
        };
        if outcome.is_some() || self.held(who) {
            return outcome;
        }
        Some(match op {
            Op::TrySend(_, number) => Outcome::Refused(number, Refusal::Full),
            _ => Outcome::Nothing,
        })
    }

    fn woken(&mut self, who: usize, stage: &mut Stage<Self>) -> Option<Outcome> {
        match self.doing[who] {
            Doing::Has(..) => self.work(who, stage),
            Doing::Waits(..) => self.waited(who, Ok(()), stage),
            _ => self.look(who, stage),
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
            Doing::Sends(_, number) => Outcome::Refused(number, Refusal::Interrupted(why)),
            Doing::Waits(..) => return self.waited(who, Err(why), stage),
            Doing::Receives(_, How::Iterates) => Outcome::Unwound,
            Doing::Receives(..) => Outcome::GotNothing(RecvError::Interrupted(why)),
            _ => Outcome::Interrupted(why),
        })
    }

    /// Its message is in use.
    fn held(&self, who: usize) -> bool {
        self.doing.iter().any(|doing| match *doing {
            Doing::Has(_, _, sender, _) | Doing::Waits(sender, _) => sender == Some(who),
            _ => false,
        })
    }

    fn compare(&self, real: &Real<N>, over: bool) {
        for (real, channel) in real.channels.iter().zip(&self.channels) {
            assert_eq!(real.is_closed(), channel.closed);
            assert_eq!(real.len(), channel.messages.len());
            assert_eq!(real.queue().is_empty(), channel.receivers.is_empty());
            assert!(!over || (channel.receivers.is_empty() && channel.senders.is_empty()));
        }
        for index in 0..2 {
            let empty = self.channels[index].senders.is_empty();
            assert_eq!(real.nobody_sends(index), empty);
        }
        let left = self.channels.iter().map(|channel| channel.messages.len());
        let left: usize = left.sum();
        assert!(!over || real.messages.left() == left, "messages were lost");
    }
}
