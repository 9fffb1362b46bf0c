//! Wake-ups, waited for alone, as an arm and two at a time.

use std::collections::VecDeque;

use wire_core::Interrupt;
use wire_wait::{Either, Source, Wakeup, wait, wait_two};

use crate::common::Rng;
use crate::common::model::{Model, PUPPETS, Stage};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    Wait(usize),
    /// For this one as an arm.
    WaitAsArm(usize),
    /// For either, this one first.
    Any(usize),
    Resume(usize),
    Reset(usize),
    Stop(usize),
    /// Somebody wakes the queue though nothing came.
    Nudge(usize),
}

#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    Woken(usize),
    Interrupted(Interrupt),
    Resumed(bool),
    Done,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum State {
    #[default]
    Armed,
    Triggered,
    Stopped,
}

/// Who waits for which, in order.
#[derive(Default)]
pub(crate) struct Plain {
    states: [State; 2],
    waiting: [VecDeque<usize>; 2],
    order: [Vec<usize>; PUPPETS],
    single: [bool; PUPPETS],
}

impl Plain {
    fn forget(&mut self, who: usize) {
        for queue in &mut self.waiting {
            queue.retain(|&other| other != who);
        }
    }

    fn look(&mut self, who: usize) -> Option<Outcome> {
        let triggered = |&&index: &&usize| self.states[index] == State::Triggered;
        if let Some(&index) = self.order[who].iter().find(triggered) {
            self.forget(who);
            return Some(Outcome::Woken(index));
        }
        for &index in &self.order[who] {
            if !self.waiting[index].contains(&who) {
                self.waiting[index].push_back(who);
            }
        }
        None
    }
}

impl Model for Plain {
    type Real = [Wakeup; 2];
    type Held = ();
    type Op = Op;
    type Outcome = Outcome;

    fn random(rng: &mut Rng, _nth: u32) -> Op {
        let index = rng.below(2);
        match rng.below(16) {
            0..3 => Op::Wait(index),
            3..5 => Op::WaitAsArm(index),
            5..8 => Op::Any(index),
            8..11 => Op::Resume(index),
            11..14 => Op::Reset(index),
            14 => Op::Stop(index),
            _ => Op::Nudge(index),
        }
    }

    fn simpler(op: Op) -> Vec<Op> {
        match op {
            Op::Any(index) => vec![Op::Wait(index), Op::WaitAsArm(index)],
            Op::WaitAsArm(index) => vec![Op::Wait(index)],
            _ => vec![],
        }
    }

    fn act(real: &'static [Wakeup; 2], (): &mut (), op: Op) -> Outcome {
        let woken = match op {
            Op::Wait(index) => real[index].wait().map(|()| index),
            Op::WaitAsArm(index) => wait(&real[index]).map(|()| index),
            Op::Any(first) => wait_two(&real[first], &real[1 - first]).map(|which| match which {
                Either::First(()) => first,
                Either::Second(()) => 1 - first,
            }),
            Op::Resume(index) => return Outcome::Resumed(real[index].resume()),
            Op::Reset(index) => {
                real[index].reset();
                return Outcome::Done;
            }
            Op::Stop(index) => {
                real[index].stop();
                return Outcome::Done;
            }
            Op::Nudge(index) => {
                real[index].queue().wake_one();
                return Outcome::Done;
            }
        };
        woken.map_or_else(Outcome::Interrupted, Outcome::Woken)
    }

    fn begin(&mut self, who: usize, op: Op, stage: &mut Stage<Self>) -> Option<Outcome> {
        match op {
            Op::Wait(index) | Op::WaitAsArm(index) => {
                self.order[who] = vec![index];
                self.single[who] = matches!(op, Op::Wait(_));
                return self.look(who);
            }
            Op::Any(first) => {
                self.order[who] = vec![first, 1 - first];
                self.single[who] = false;
                return self.look(who);
            }
            Op::Resume(index) => {
                let armed = self.states[index] == State::Armed;
                if armed {
                    self.states[index] = State::Triggered;
                    while let Some(&who) = self.waiting[index].front() {
                        self.forget(who);
                        stage.serve(who, Outcome::Woken(index));
                    }
                }
                return Some(Outcome::Resumed(armed));
            }
            Op::Reset(index) => self.states[index] = State::Armed,
            Op::Stop(index) => self.states[index] = State::Stopped,
            Op::Nudge(index) => {
                if let Some(who) = self.waiting[index].pop_front() {
                    if self.single[who] {
                        // Who waits for just this one has no way to look again.
                        stage.serve(who, Outcome::Woken(index));
                    } else {
                        stage.wake(who);
                    }
                }
            }
        }
        Some(Outcome::Done)
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
        Some(Outcome::Interrupted(why))
    }

    fn compare(&self, real: &[Wakeup; 2], over: bool) {
        for ((real, state), waiting) in real.iter().zip(self.states).zip(&self.waiting) {
            assert_eq!(real.is_triggered(), state == State::Triggered);
            assert_eq!(real.is_stopped(), state == State::Stopped);
            assert_eq!(real.queue().is_empty(), waiting.is_empty());
            assert!(!over || waiting.is_empty());
        }
    }
}
