//! A wait group: waited for by those who want it empty when they run, and as a source, by those for
//! whom it is enough that it was empty at a time.

use std::collections::VecDeque;

use wire_core::Interrupt;
use wire_lock::{Pass, WaitGroup};
use wire_wait::{Source, wait};

use crate::common::Rng;
use crate::common::model::{Model, PUPPETS, Stage};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    Enter,
    DropPass,
    Add(usize),
    Done,
    Wait,
    WaitAsArm,
    /// Wakes who waits, though something is under way.
    Nudge,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    Empty,
    Interrupted(Interrupt),
    Done,
}

#[derive(Default)]
pub(crate) struct Held {
    passes: Vec<Pass<'static>>,
    /// Added without passes.
    added: usize,
}

#[derive(Default)]
pub(crate) struct Plain {
    count: usize,
    waiting: VecDeque<usize>,
    as_arm: [bool; PUPPETS],
    passes: [usize; PUPPETS],
    added: [usize; PUPPETS],
}

impl Plain {
    fn look(&mut self, who: usize) -> Option<Outcome> {
        if self.count == 0 {
            return Some(Outcome::Empty);
        }
        self.waiting.push_back(who);
        None
    }

    fn done(&mut self, stage: &mut Stage<Self>) {
        self.count -= 1;
        if self.count == 0 {
            for who in self.waiting.drain(..) {
                match self.as_arm[who] {
                    true => stage.serve(who, Outcome::Empty),
                    false => stage.wake(who),
                }
            }
        }
    }
}

impl Model for Plain {
    type Real = WaitGroup;
    type Held = Held;
    type Op = Op;
    type Outcome = Outcome;

    fn random(rng: &mut Rng, _nth: u32) -> Op {
        match rng.below(20) {
            0..4 => Op::Enter,
            4..8 => Op::DropPass,
            8 => Op::Add(rng.below(3)),
            9..12 => Op::Done,
            12..16 => Op::Wait,
            16..19 => Op::WaitAsArm,
            _ => Op::Nudge,
        }
    }

    fn simpler(op: Op) -> Vec<Op> {
        match op {
            Op::WaitAsArm => vec![Op::Wait],
            Op::Add(1) => vec![Op::Enter],
            Op::Add(2) => vec![Op::Add(1)],
            _ => vec![],
        }
    }

    fn act(real: &'static WaitGroup, held: &mut Held, op: Op) -> Outcome {
        let waited = match op {
            Op::Enter => {
                held.passes.push(real.enter());
                return Outcome::Done;
            }
            Op::DropPass => {
                held.passes.pop();
                return Outcome::Done;
            }
            Op::Add(count) => {
                real.add(count);
                held.added += count;
                return Outcome::Done;
            }
            Op::Done => {
                if held.added > 0 {
                    held.added -= 1;
                    real.done();
                }
                return Outcome::Done;
            }
            Op::Wait => real.wait(),
            Op::WaitAsArm => wait(real),
            Op::Nudge => {
                real.queue().wake_one();
                return Outcome::Done;
            }
        };
        waited.map_or_else(Outcome::Interrupted, |()| Outcome::Empty)
    }

    fn begin(&mut self, who: usize, op: Op, stage: &mut Stage<Self>) -> Option<Outcome> {
        match op {
            Op::Enter => {
                self.count += 1;
                self.passes[who] += 1;
            }
            Op::DropPass => {
                if self.passes[who] > 0 {
                    self.passes[who] -= 1;
                    self.done(stage);
                }
            }
            Op::Add(count) => {
                self.count += count;
                self.added[who] += count;
            }
            Op::Done => {
                if self.added[who] > 0 {
                    self.added[who] -= 1;
                    self.done(stage);
                }
            }
            Op::Wait | Op::WaitAsArm => {
                self.as_arm[who] = op == Op::WaitAsArm;
                return self.look(who);
            }
            Op::Nudge => {
                if let Some(next) = self.waiting.pop_front() {
                    stage.wake(next);
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
        self.waiting.retain(|&other| other != who);
        Some(Outcome::Interrupted(why))
    }

    fn leave(&mut self, who: usize, stage: &mut Stage<Self>) {
        for _ in 0..std::mem::take(&mut self.passes[who]) {
            self.done(stage);
        }
        // Those without passes stay under way.
        self.added[who] = 0;
    }

    fn compare(&self, real: &WaitGroup, over: bool) {
        assert_eq!(real.count(), self.count);
        assert_eq!(real.queue().is_empty(), self.waiting.is_empty());
        assert!(!over || self.waiting.is_empty());
    }
}
