//! Two semaphores, one of which begins without a permit.

use std::collections::VecDeque;

use wire_core::Interrupt;
use wire_lock::{Permit, Semaphore};
use wire_wait::{on, wait_any};

use crate::common::Rng;
use crate::common::model::{Model, PUPPETS, Stage};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    /// So many.
    Acquire(usize, usize),
    /// Without a guard; nobody gives them back.
    Take(usize, usize),
    TryAcquire(usize, usize),
    /// One of either, this one first.
    Any(usize),
    GiveBack(usize),
    Forget(usize),
    Add(usize, usize),
}

#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// Of which, how many.
    Has(usize, usize),
    HasNot,
    Interrupted(Interrupt),
    Done,
}

pub(crate) struct Real([Semaphore; 2]);

impl Default for Real {
    fn default() -> Real {
        Real([Semaphore::new(1), Semaphore::new(0)])
    }
}

/// One in a line, with what it has had of what it wants.
struct Waiter {
    who: usize,
    wants: usize,
    has: usize,
}

pub(crate) struct Plain {
    left: [usize; 2],
    lines: [VecDeque<Waiter>; 2],
    /// As permits, oldest first.
    holds: [[Vec<usize>; 2]; PUPPETS],
    keeps: [bool; PUPPETS],
}

impl Default for Plain {
    fn default() -> Plain {
        Plain {
            left: [1, 0],
            lines: Default::default(),
            holds: Default::default(),
            keeps: Default::default(),
        }
    }
}

impl Plain {
    fn has(&mut self, who: usize, index: usize, count: usize) -> Outcome {
        if self.keeps[who] {
            self.holds[who][index].push(count);
        }
        Outcome::Has(index, count)
    }

    fn try_take(&mut self, who: usize, index: usize, count: usize) -> Option<Outcome> {
        self.left[index] = self.left[index].checked_sub(count)?;
        Some(self.has(who, index, count))
    }

    fn line_up(&mut self, who: usize, index: usize, wants: usize) {
        self.lines[index].push_back(Waiter { who, wants, has: 0 });
        // Nothing is left where somebody stands already.
        let has = self.left[index].min(wants);
        self.left[index] -= has;
        if let Some(waiter) = self.lines[index].back_mut() {
            waiter.has = has;
        }
    }

    fn add(&mut self, index: usize, count: usize, stage: &mut Stage<Self>) {
        self.left[index] += count;
        while self.left[index] > 0
            && let Some(first) = self.lines[index].front_mut()
        {
            let given = self.left[index].min(first.wants - first.has);
            first.has += given;
            self.left[index] -= given;
            if first.has == first.wants {
                let (who, count) = (first.who, first.wants);
                // What it had of others goes back: nothing, as only who wants one waits for several.
                self.forget(who);
                let outcome = self.has(who, index, count);
                stage.serve(who, outcome);
            }
        }
    }

    /// Takes one out of its lines; gives what it has had of each.
    fn forget(&mut self, who: usize) -> [usize; 2] {
        let mut had = [0; 2];
        for (line, had) in self.lines.iter_mut().zip(&mut had) {
            line.retain(|waiter| {
                if waiter.who == who {
                    *had = waiter.has;
                }
                waiter.who != who
            });
        }
        had
    }
}

impl Model for Plain {
    type Real = Real;
    type Held = [Vec<Permit<'static>>; 2];
    type Op = Op;
    type Outcome = Outcome;

    fn random(rng: &mut Rng, _nth: u32) -> Op {
        let index = rng.below(2);
        let count = match rng.below(8) {
            0 => 0,
            1 => 3,
            2 | 3 => 2,
            _ => 1,
        };
        match rng.below(24) {
            0..7 => Op::Acquire(index, count),
            7..9 => Op::Take(index, count),
            9 | 10 => Op::TryAcquire(index, count),
            11..14 => Op::Any(index),
            14..18 => Op::GiveBack(index),
            18 => Op::Forget(index),
            _ => Op::Add(index, rng.below(4)),
        }
    }

    fn simpler(op: Op) -> Vec<Op> {
        match op {
            Op::Any(index) => vec![Op::Acquire(index, 1)],
            Op::Take(index, count) | Op::TryAcquire(index, count) => {
                vec![Op::Acquire(index, count)]
            }
            Op::Acquire(index, count) if count > 0 => vec![Op::Acquire(index, count - 1)],
            Op::Add(index, count) if count > 0 => vec![Op::Add(index, count - 1)],
            _ => vec![],
        }
    }

    fn act(Real(real): &'static Real, held: &mut Self::Held, op: Op) -> Outcome {
        let had = match op {
            Op::Acquire(index, 1) => real[index].acquire().map(|permit| (index, permit)),
            Op::Acquire(index, count) => {
                let permit = real[index].acquire_many(count);
                permit.map(|permit| (index, permit))
            }
            Op::TryAcquire(index, count) => match real[index].try_acquire_many(count) {
                Some(permit) => Ok((index, permit)),
                None => return Outcome::HasNot,
            },
            Op::Any(first) => {
                let sources = [&real[0], &real[1]];
                let arm = |index| on(&sources[index], move |permit| (index, permit));
                wait_any(&[&arm(first), &arm(1 - first)])
            }
            Op::Take(index, count) => match real[index].take_many(count) {
                Ok(()) => return Outcome::Has(index, count),
                Err(why) => Err(why),
            },
            Op::GiveBack(index) => {
                held[index].pop();
                return Outcome::Done;
            }
            Op::Forget(index) => {
                held[index].pop().into_iter().for_each(Permit::forget);
                return Outcome::Done;
            }
            Op::Add(index, count) => {
                match count {
                    1 => real[index].release(),
                    _ => real[index].add(count),
                }
                return Outcome::Done;
            }
        };
        match had {
            Ok((index, permit)) => {
                let count = permit.count();
                held[index].push(permit);
                Outcome::Has(index, count)
            }
            Err(why) => Outcome::Interrupted(why),
        }
    }

    fn begin(&mut self, who: usize, op: Op, stage: &mut Stage<Self>) -> Option<Outcome> {
        self.keeps[who] = !matches!(op, Op::Take(..));
        match op {
            Op::Acquire(index, count) | Op::Take(index, count) => {
                let outcome = self.try_take(who, index, count);
                if outcome.is_none() {
                    self.line_up(who, index, count);
                }
                return outcome;
            }
            Op::Any(first) => {
                let order = [first, 1 - first];
                let outcome = order
                    .into_iter()
                    .find_map(|index| self.try_take(who, index, 1));
                if outcome.is_none() {
                    order
                        .into_iter()
                        .for_each(|index| self.line_up(who, index, 1));
                }
                return outcome;
            }
            Op::TryAcquire(index, count) => {
                let outcome = self.try_take(who, index, count);
                return outcome.or(Some(Outcome::HasNot));
            }
            Op::GiveBack(index) => {
                if let Some(count) = self.holds[who][index].pop() {
                    self.add(index, count, stage);
                }
            }
            Op::Forget(index) => drop(self.holds[who][index].pop()),
            Op::Add(index, count) => self.add(index, count, stage),
        }
        Some(Outcome::Done)
    }

    fn interrupted(
        &mut self,
        who: usize,
        why: Interrupt,
        stage: &mut Stage<Self>,
    ) -> Option<Outcome> {
        let had = self.forget(who);
        for (index, had) in had.into_iter().enumerate() {
            self.add(index, had, stage);
        }
        Some(Outcome::Interrupted(why))
    }

    fn leave(&mut self, who: usize, stage: &mut Stage<Self>) {
        for index in 0..2 {
            for count in std::mem::take(&mut self.holds[who][index]) {
                self.add(index, count, stage);
            }
        }
    }

    fn compare(&self, Real(real): &Real, over: bool) {
        for (index, real) in real.iter().enumerate() {
            assert_eq!(real.available(), self.left[index]);
            let awaited = format!("{real:?}").contains("awaited: true");
            assert_eq!(awaited, !self.lines[index].is_empty());
            assert!(!over || self.lines[index].is_empty());
        }
    }
}
