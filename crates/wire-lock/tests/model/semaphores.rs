//! Two semaphores, one of which begins without a permit.

use std::collections::VecDeque;

use wire_core::Interrupt;
use wire_lock::{Permit, Semaphore};
use wire_wait::{on, wait_any};

use crate::common::Rng;
use crate::common::model::{Model, PUPPETS, Stage};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    Acquire(usize),
    /// Without a guard; nobody gives it back.
    Take(usize),
    TryAcquire(usize),
    /// Of either, this one first.
    Any(usize),
    GiveBack(usize),
    Forget(usize),
    Add(usize, usize),
}

#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    Has(usize),
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

pub(crate) struct Plain {
    left: [usize; 2],
    waiting: [VecDeque<usize>; 2],
    holds: [[usize; 2]; PUPPETS],
    order: [Vec<usize>; PUPPETS],
    keeps: [bool; PUPPETS],
}

impl Default for Plain {
    fn default() -> Plain {
        Plain {
            left: [1, 0],
            waiting: Default::default(),
            holds: Default::default(),
            order: Default::default(),
            keeps: Default::default(),
        }
    }
}

impl Plain {
    fn forget(&mut self, who: usize) {
        for queue in &mut self.waiting {
            queue.retain(|&other| other != who);
        }
    }

    /// Takes from the first that has a permit left, or waits for all.
    fn take(&mut self, who: usize) -> Option<Outcome> {
        let order = self.order[who].clone();
        if let Some(&index) = order.iter().find(|&&index| self.left[index] > 0) {
            self.forget(who);
            self.left[index] -= 1;
            self.holds[who][index] += usize::from(self.keeps[who]);
            return Some(Outcome::Has(index));
        }
        for index in order {
            if !self.waiting[index].contains(&who) {
                self.waiting[index].push_back(who);
            }
        }
        None
    }

    fn add(&mut self, index: usize, count: usize, stage: &mut Stage<Self>) {
        self.left[index] += count;
        while self.left[index] > 0
            && let Some(&next) = self.waiting[index].front()
        {
            self.order[next] = vec![index];
            let outcome = self.take(next);
            stage.serve(next, outcome.expect("one is left"));
        }
    }
}

impl Model for Plain {
    type Real = Real;
    type Held = [Vec<Permit<'static>>; 2];
    type Op = Op;
    type Outcome = Outcome;

    fn random(rng: &mut Rng, _nth: u32) -> Op {
        let index = rng.below(2);
        match rng.below(24) {
            0..7 => Op::Acquire(index),
            7..9 => Op::Take(index),
            9 | 10 => Op::TryAcquire(index),
            11..14 => Op::Any(index),
            14..18 => Op::GiveBack(index),
            18 => Op::Forget(index),
            _ => Op::Add(index, rng.below(3)),
        }
    }

    fn simpler(op: Op) -> Vec<Op> {
        match op {
            Op::Any(index) | Op::Take(index) | Op::TryAcquire(index) => vec![Op::Acquire(index)],
            Op::Add(index, count) if count > 0 => vec![Op::Add(index, count - 1)],
            _ => vec![],
        }
    }

    fn act(Real(real): &'static Real, held: &mut Self::Held, op: Op) -> Outcome {
        let had = match op {
            Op::Acquire(index) => real[index].acquire().map(|permit| (index, permit)),
            Op::TryAcquire(index) => match real[index].try_acquire() {
                Some(permit) => Ok((index, permit)),
                None => return Outcome::HasNot,
            },
            Op::Any(first) => {
                let sources = [&real[0], &real[1]];
                let arm = |index| on(&sources[index], move |permit| (index, permit));
                wait_any(&[&arm(first), &arm(1 - first)])
            }
            Op::Take(index) => match real[index].take() {
                Ok(()) => return Outcome::Has(index),
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
                held[index].push(permit);
                Outcome::Has(index)
            }
            Err(why) => Outcome::Interrupted(why),
        }
    }

    fn begin(&mut self, who: usize, op: Op, stage: &mut Stage<Self>) -> Option<Outcome> {
        self.keeps[who] = !matches!(op, Op::Take(_));
        match op {
            Op::Acquire(index) | Op::Take(index) => {
                self.order[who] = vec![index];
                return self.take(who);
            }
            Op::Any(first) => {
                self.order[who] = vec![first, 1 - first];
                return self.take(who);
            }
            Op::TryAcquire(index) => {
                self.order[who] = vec![index];
                if self.left[index] == 0 {
                    return Some(Outcome::HasNot);
                }
                return self.take(who);
            }
            Op::GiveBack(index) => {
                if self.holds[who][index] > 0 {
                    self.holds[who][index] -= 1;
                    self.add(index, 1, stage);
                }
            }
            Op::Forget(index) => {
                self.holds[who][index] = self.holds[who][index].saturating_sub(1);
            }
            Op::Add(index, count) => self.add(index, count, stage),
        }
        Some(Outcome::Done)
    }

    fn woken(&mut self, who: usize, _stage: &mut Stage<Self>) -> Option<Outcome> {
        self.take(who)
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

    fn leave(&mut self, who: usize, stage: &mut Stage<Self>) {
        for index in 0..2 {
            for _ in 0..std::mem::take(&mut self.holds[who][index]) {
                self.add(index, 1, stage);
            }
        }
    }

    fn compare(&self, Real(real): &Real, over: bool) {
        for (index, real) in real.iter().enumerate() {
            assert_eq!(real.available(), self.left[index]);
            let awaited = format!("{real:?}").contains("awaited: true");
            assert_eq!(awaited, !self.waiting[index].is_empty());
            assert!(!over || self.waiting[index].is_empty());
        }
    }
}
