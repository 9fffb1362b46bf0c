//! Locks and mutexes, two of a kind: one model for both.

use std::cell::Cell;
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use wire_core::Interrupt;
use wire_lock::{Lock, LockGuard, Mutex, MutexGuard};
use wire_wait::{on, wait_any};

use crate::common::Rng;
use crate::common::model::{Model, PUPPETS, Stage};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    Lock(usize),
    /// Without a guard, where there is such a thing.
    Take(usize),
    TryLock(usize),
    /// Either, this one first.
    Any(usize),
    Release(usize),
    /// By dropping the guard in an unwinding.
    ReleaseByPanic(usize),
    WaitClear(usize),
}

#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// Which, and how often it was had before.
    Has(usize, u32),
    HasNot,
    Clear,
    Interrupted(Interrupt),
    Done,
    /// What would panic: waiting for oneself.
    Skipped,
}

/// The real ones.
pub(crate) trait Locks: 'static {
    type Real: Default + 'static;
    type Grip: 'static;
    fn lock(real: &'static Self::Real, index: usize) -> Result<Self::Grip, Interrupt>;
    fn take(real: &'static Self::Real, index: usize) -> Result<Self::Grip, Interrupt>;
    fn try_lock(real: &'static Self::Real, index: usize) -> Option<Self::Grip>;
    fn any(real: &'static Self::Real, first: usize) -> Result<(usize, Self::Grip), Interrupt>;
    /// How often it was had before.
    fn count(real: &'static Self::Real, grip: &mut Self::Grip, index: usize) -> u32;
    fn wait_clear(real: &Self::Real, index: usize) -> Result<(), Interrupt>;
    fn is_held(real: &Self::Real, index: usize) -> bool;
    /// Whether somebody waits, if it tells.
    fn is_awaited(real: &Self::Real, index: usize) -> Option<bool>;
}

pub(crate) struct Bare;

#[derive(Default)]
pub(crate) struct BareReal {
    locks: [Lock; 2],
    counts: [Cell<u32>; 2],
}

pub(crate) enum Grip {
    Guard(#[expect(dead_code, reason = "held, and dropped")] LockGuard<'static>),
    Taken(&'static Lock),
}

impl Drop for Grip {
    fn drop(&mut self) {
        if let Grip::Taken(lock) = self {
            lock.release();
        }
    }
}

impl Locks for Bare {
    type Real = BareReal;
    type Grip = Grip;

    fn lock(real: &'static BareReal, index: usize) -> Result<Grip, Interrupt> {
        real.locks[index].lock().map(Grip::Guard)
    }
    fn take(real: &'static BareReal, index: usize) -> Result<Grip, Interrupt> {
        let lock = &real.locks[index];
        lock.take().map(|()| Grip::Taken(lock))
    }
    fn try_lock(real: &'static BareReal, index: usize) -> Option<Grip> {
        real.locks[index].try_lock().map(Grip::Guard)
    }
    fn any(real: &'static BareReal, first: usize) -> Result<(usize, Grip), Interrupt> {
        let sources = [&real.locks[0], &real.locks[1]];
        let arm = |index| on(&sources[index], move |guard| (index, Grip::Guard(guard)));
        wait_any(&[&arm(first), &arm(1 - first)])
    }
    fn count(real: &'static BareReal, _grip: &mut Grip, index: usize) -> u32 {
        let count = &real.counts[index];
        count.replace(count.get() + 1)
    }
    fn wait_clear(real: &BareReal, index: usize) -> Result<(), Interrupt> {
        real.locks[index].wait_clear()
    }
    fn is_held(real: &BareReal, index: usize) -> bool {
        real.locks[index].is_held()
    }
    fn is_awaited(real: &BareReal, index: usize) -> Option<bool> {
        Some(format!("{:?}", real.locks[index]).contains("awaited: true"))
    }
}

pub(crate) struct WithData;

type Mutexes = [Mutex<u32>; 2];

impl Locks for WithData {
    type Real = Mutexes;
    type Grip = MutexGuard<'static, u32>;

    fn lock(real: &'static Mutexes, index: usize) -> Result<Self::Grip, Interrupt> {
        real[index].lock()
    }
    fn take(real: &'static Mutexes, index: usize) -> Result<Self::Grip, Interrupt> {
        real[index].lock()
    }
    fn try_lock(real: &'static Mutexes, index: usize) -> Option<Self::Grip> {
        real[index].try_lock()
    }
    fn any(real: &'static Mutexes, first: usize) -> Result<(usize, Self::Grip), Interrupt> {
        let sources = [&real[0], &real[1]];
        let arm = |index| on(&sources[index], move |guard| (index, guard));
        wait_any(&[&arm(first), &arm(1 - first)])
    }
    fn count(_real: &'static Mutexes, grip: &mut Self::Grip, _index: usize) -> u32 {
        let count = **grip;
        **grip += 1;
        count
    }
    fn wait_clear(real: &Mutexes, index: usize) -> Result<(), Interrupt> {
        real[index].wait_clear()
    }
    fn is_held(real: &Mutexes, index: usize) -> bool {
        real[index].is_locked()
    }
    fn is_awaited(_real: &Mutexes, _index: usize) -> Option<bool> {
        None
    }
}

#[derive(Clone, Copy, Default)]
enum Doing {
    #[default]
    Locks,
    Clears(usize),
}

pub(crate) struct Plain<L> {
    holders: [Option<usize>; 2],
    counts: [u32; 2],
    waiting: [VecDeque<usize>; 2],
    clear: [VecDeque<usize>; 2],
    doing: [Doing; PUPPETS],
    order: [Vec<usize>; PUPPETS],
    real: PhantomData<L>,
}

impl<L> Default for Plain<L> {
    fn default() -> Self {
        Plain {
            holders: [None; 2],
            counts: [0; 2],
            waiting: Default::default(),
            clear: Default::default(),
            doing: Default::default(),
            order: Default::default(),
            real: PhantomData,
        }
    }
}

impl<L: Locks> Plain<L> {
    fn forget(&mut self, who: usize) {
        for queue in self.waiting.iter_mut().chain(&mut self.clear) {
            queue.retain(|&other| other != who);
        }
    }

    fn has(&mut self, who: usize, index: usize) -> Outcome {
        self.forget(who);
        self.holders[index] = Some(who);
        self.counts[index] += 1;
        Outcome::Has(index, self.counts[index] - 1)
    }

    /// Takes the first that is free, or waits for all.
    fn take(&mut self, who: usize) -> Option<Outcome> {
        let order = self.order[who].clone();
        if let Some(&index) = order.iter().find(|&&index| self.holders[index].is_none()) {
            return Some(self.has(who, index));
        }
        for index in order {
            if !self.waiting[index].contains(&who) {
                self.waiting[index].push_back(who);
            }
        }
        None
    }

    fn release(&mut self, index: usize, stage: &mut Stage<Self>) {
        self.holders[index] = None;
        match self.waiting[index].front() {
            Some(&next) => {
                let has = self.has(next, index);
                stage.serve(next, has);
            }
            None => self.clear[index].drain(..).for_each(|who| stage.wake(who)),
        }
    }

    fn clear(&mut self, who: usize, index: usize) -> Option<Outcome> {
        if self.holders[index].is_none() {
            return Some(Outcome::Clear);
        }
        self.clear[index].push_back(who);
        None
    }
}

impl<L: Locks> Model for Plain<L> {
    type Real = L::Real;
    type Held = [Option<L::Grip>; 2];
    type Op = Op;
    type Outcome = Outcome;

    fn random(rng: &mut Rng, _nth: u32) -> Op {
        let index = rng.below(2);
        match rng.below(32) {
            0..7 => Op::Lock(index),
            7..10 => Op::Take(index),
            10..12 => Op::TryLock(index),
            12..16 => Op::Any(index),
            16..26 => Op::Release(index),
            26 => Op::ReleaseByPanic(index),
            _ => Op::WaitClear(index),
        }
    }

    fn simpler(op: Op) -> Vec<Op> {
        match op {
            Op::Any(index) | Op::Take(index) | Op::TryLock(index) => vec![Op::Lock(index)],
            Op::ReleaseByPanic(index) => vec![Op::Release(index)],
            _ => vec![],
        }
    }

    fn act(real: &'static L::Real, held: &mut Self::Held, op: Op) -> Outcome {
        let had = match op {
            Op::Lock(index) | Op::Take(index) | Op::WaitClear(index)
                if held[index].is_some() && !std::thread::panicking() =>
            {
                return Outcome::Skipped;
            }
            Op::Lock(index) => L::lock(real, index).map(|grip| (index, grip)),
            Op::Take(index) => L::take(real, index).map(|grip| (index, grip)),
            Op::TryLock(index) => match L::try_lock(real, index) {
                Some(grip) => Ok((index, grip)),
                None => return Outcome::HasNot,
            },
            Op::Any(first) => L::any(real, first),
            Op::Release(index) => {
                held[index] = None;
                return Outcome::Done;
            }
            Op::ReleaseByPanic(index) => {
                let grip = held[index].take();
                let panics = || {
                    let _grip = grip;
                    resume_unwind(Box::new(()))
                };
                let result: Result<(), _> = catch_unwind(AssertUnwindSafe(panics));
                assert!(result.is_err());
                return Outcome::Done;
            }
            Op::WaitClear(index) => match L::wait_clear(real, index) {
                Ok(()) => return Outcome::Clear,
                Err(why) => Err(why),
            },
        };
        match had {
            Ok((index, mut grip)) => {
                let count = L::count(real, &mut grip, index);
                held[index] = Some(grip);
                Outcome::Has(index, count)
            }
            Err(why) => Outcome::Interrupted(why),
        }
    }

    fn begin(&mut self, who: usize, op: Op, stage: &mut Stage<Self>) -> Option<Outcome> {
        self.doing[who] = Doing::Locks;
        match op {
            Op::Lock(index) | Op::Take(index) | Op::WaitClear(index)
                if self.holders[index] == Some(who) =>
            {
                Some(match stage.unwinds() {
                    true => Outcome::Interrupted(Interrupt::Unwinding),
                    false => Outcome::Skipped,
                })
            }
            Op::Lock(index) | Op::Take(index) => {
                self.order[who] = vec![index];
                self.take(who)
            }
            Op::Any(first) => {
                self.order[who] = vec![first, 1 - first];
                self.take(who)
            }
            Op::TryLock(index) => Some(match self.holders[index] {
                None => self.has(who, index),
                Some(_) => Outcome::HasNot,
            }),
            Op::Release(index) | Op::ReleaseByPanic(index) => {
                if self.holders[index] == Some(who) {
                    self.release(index, stage);
                }
                Some(Outcome::Done)
            }
            Op::WaitClear(index) => {
                self.doing[who] = Doing::Clears(index);
                self.clear(who, index)
            }
        }
    }

    fn woken(&mut self, who: usize, _stage: &mut Stage<Self>) -> Option<Outcome> {
        match self.doing[who] {
            Doing::Locks => self.take(who),
            Doing::Clears(index) => self.clear(who, index),
        }
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
            if self.holders[index] == Some(who) {
                self.release(index, stage);
            }
        }
    }

    fn compare(&self, real: &L::Real, over: bool) {
        for index in 0..2 {
            assert_eq!(L::is_held(real, index), self.holders[index].is_some());
            let awaited = !self.waiting[index].is_empty();
            assert_eq!(L::is_awaited(real, index).unwrap_or(awaited), awaited);
            assert!(!over || !(L::is_held(real, index) || awaited));
        }
    }
}
