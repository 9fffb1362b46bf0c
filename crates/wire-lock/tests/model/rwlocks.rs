//! One lock for readers and writers.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use wire_core::Interrupt;
use wire_lock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use wire_wait::{Source, Wakeup, on, wait_any};

use crate::common::Rng;
use crate::common::model::{Model, PUPPETS, Stage};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    Read,
    /// Or the wake-up, if that comes first.
    ReadOr,
    TryRead,
    Write,
    TryWrite,
    DropRead,
    DropWrite,
    /// From writing to reading.
    Downgrade,
    Resume,
    Reset,
    /// By dropping all guards in an unwinding.
    DropByPanic,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// What it reads: how often it was written.
    Reads(u32),
    Writes(u32),
    HasNot,
    Woken,
    Interrupted(Interrupt),
    Done,
    /// What would panic: waiting for oneself.
    Skipped,
}

#[derive(Default)]
pub(crate) struct Real {
    lock: RwLock<u32>,
    wakeup: Wakeup,
}

/// Dropped in this order.
#[derive(Default)]
pub(crate) struct Held {
    reads: Vec<RwLockReadGuard<'static, u32>>,
    write: Option<RwLockWriteGuard<'static, u32>>,
}

impl Held {
    fn reads(&mut self, guard: RwLockReadGuard<'static, u32>) -> Outcome {
        let seen = *guard;
        self.reads.push(guard);
        Outcome::Reads(seen)
    }

    fn writes(&mut self, mut guard: RwLockWriteGuard<'static, u32>) -> Outcome {
        *guard += 1;
        let seen = *guard;
        self.write = Some(guard);
        Outcome::Writes(seen)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Wants {
    ToRead,
    ToWrite,
}

/// All come in their order; nobody passes who waits.
#[derive(Default)]
pub(crate) struct Plain {
    waiting: VecDeque<(usize, Wants)>,
    /// Those of them that a wake-up would do for as well.
    to_wake: VecDeque<usize>,
    triggered: bool,
    reads: [usize; PUPPETS],
    writer: Option<usize>,
    written: u32,
}

impl Plain {
    fn readers(&self) -> usize {
        self.reads.iter().sum()
    }

    fn writes(&self, who: usize) -> bool {
        self.writer == Some(who)
    }

    fn is_free_for(&self, wants: Wants) -> bool {
        self.writer.is_none() && (wants == Wants::ToRead || self.readers() == 0)
    }

    fn come(&mut self, who: usize, wants: Wants) -> Option<Outcome> {
        if self.waiting.is_empty() && self.is_free_for(wants) {
            return Some(self.enter(who, wants));
        }
        self.waiting.push_back((who, wants));
        None
    }

    fn enter(&mut self, who: usize, wants: Wants) -> Outcome {
        if wants == Wants::ToRead {
            self.reads[who] += 1;
            return Outcome::Reads(self.written);
        }
        self.writer = Some(who);
        self.written += 1;
        Outcome::Writes(self.written)
    }

    /// Lets in who waits, as long as the first may.
    fn let_in(&mut self, stage: &mut Stage<Self>) {
        while let Some(&(next, wants)) = self.waiting.front()
            && self.is_free_for(wants)
        {
            self.forget(next);
            let outcome = self.enter(next, wants);
            stage.serve(next, outcome);
        }
    }

    fn forget(&mut self, who: usize) {
        self.waiting.retain(|&(other, _)| other != who);
        self.to_wake.retain(|&other| other != who);
    }

    fn drop_read(&mut self, who: usize, stage: &mut Stage<Self>) {
        if self.reads[who] > 0 {
            self.reads[who] -= 1;
            self.let_in(stage);
        }
    }

    fn drop_write(&mut self, who: usize, stage: &mut Stage<Self>) {
        if self.writes(who) {
            self.writer = None;
            self.let_in(stage);
        }
    }

    fn drop_all(&mut self, who: usize, stage: &mut Stage<Self>) {
        while self.reads[who] > 0 {
            self.drop_read(who, stage);
        }
        self.drop_write(who, stage);
    }
}

impl Model for Plain {
    type Real = Real;
    type Held = Held;
    type Op = Op;
    type Outcome = Outcome;

    fn random(rng: &mut Rng, _nth: u32) -> Op {
        match rng.below(28) {
            0..4 => Op::Read,
            4 | 5 => Op::ReadOr,
            6..8 => Op::TryRead,
            8..12 => Op::Write,
            12 | 13 => Op::TryWrite,
            14..19 => Op::DropRead,
            19..23 => Op::DropWrite,
            23 => Op::Downgrade,
            24 => Op::Resume,
            25 | 26 => Op::Reset,
            _ => Op::DropByPanic,
        }
    }

    fn simpler(op: Op) -> Vec<Op> {
        match op {
            Op::TryRead | Op::ReadOr => vec![Op::Read],
            Op::Downgrade => vec![Op::DropWrite],
            Op::TryWrite => vec![Op::Write],
            Op::DropByPanic => vec![Op::DropRead, Op::DropWrite],
            _ => vec![],
        }
    }

    fn act(real: &'static Real, held: &mut Held, op: Op) -> Outcome {
        let lock = &real.lock;
        match op {
            Op::Read | Op::Write if held.write.is_some() && !std::thread::panicking() => {
                Outcome::Skipped
            }
            Op::Read => match lock.read() {
                Ok(guard) => held.reads(guard),
                Err(why) => Outcome::Interrupted(why),
            },
            Op::TryRead => match lock.try_read() {
                Some(guard) => held.reads(guard),
                None => Outcome::HasNot,
            },
            Op::Write => match lock.write() {
                Ok(guard) => held.writes(guard),
                Err(why) => Outcome::Interrupted(why),
            },
            Op::TryWrite => match lock.try_write() {
                Some(guard) => held.writes(guard),
                None => Outcome::HasNot,
            },
            Op::ReadOr => {
                let reading = lock.reading();
                let read = on(&reading, Some);
                let woken = on(&real.wakeup, |()| None);
                match wait_any(&[&read, &woken]) {
                    Ok(Some(guard)) => held.reads(guard),
                    Ok(None) => Outcome::Woken,
                    Err(why) => Outcome::Interrupted(why),
                }
            }
            Op::Downgrade => match held.write.take() {
                Some(guard) => held.reads(RwLockWriteGuard::downgrade(guard)),
                None => Outcome::HasNot,
            },
            Op::Resume => {
                real.wakeup.resume();
                Outcome::Done
            }
            Op::Reset => {
                real.wakeup.reset();
                Outcome::Done
            }
            Op::DropRead => {
                held.reads.pop();
                Outcome::Done
            }
            Op::DropWrite => {
                held.write = None;
                Outcome::Done
            }
            Op::DropByPanic => {
                let panics = || {
                    let _all = std::mem::take(held);
                    resume_unwind(Box::new(()))
                };
                let result: Result<(), _> = catch_unwind(AssertUnwindSafe(panics));
                assert!(result.is_err());
                Outcome::Done
            }
        }
    }

    fn begin(&mut self, who: usize, op: Op, stage: &mut Stage<Self>) -> Option<Outcome> {
        match op {
            Op::Read | Op::Write if self.writes(who) => {
                return Some(match stage.unwinds() {
                    true => Outcome::Interrupted(Interrupt::Unwinding),
                    false => Outcome::Skipped,
                });
            }
            Op::Read => return self.come(who, Wants::ToRead),
            Op::Write => return self.come(who, Wants::ToWrite),
            Op::TryRead if self.waiting.is_empty() && self.is_free_for(Wants::ToRead) => {
                return self.come(who, Wants::ToRead);
            }
            Op::TryWrite if self.waiting.is_empty() && self.is_free_for(Wants::ToWrite) => {
                return self.come(who, Wants::ToWrite);
            }
            Op::TryRead | Op::TryWrite => return Some(Outcome::HasNot),
            Op::ReadOr => {
                let outcome = self.come(who, Wants::ToRead);
                if outcome.is_none() && self.triggered {
                    self.forget(who);
                    return Some(Outcome::Woken);
                }
                if outcome.is_none() {
                    self.to_wake.push_back(who);
                }
                return outcome;
            }
            Op::Downgrade if self.writes(who) => {
                self.writer = None;
                let outcome = self.enter(who, Wants::ToRead);
                self.let_in(stage);
                return Some(outcome);
            }
            Op::Downgrade => return Some(Outcome::HasNot),
            Op::Resume => {
                self.triggered = true;
                while let Some(&next) = self.to_wake.front() {
                    self.forget(next);
                    stage.serve(next, Outcome::Woken);
                }
            }
            Op::Reset => self.triggered = false,
            Op::DropRead => self.drop_read(who, stage),
            Op::DropWrite => self.drop_write(who, stage),
            Op::DropByPanic => self.drop_all(who, stage),
        }
        Some(Outcome::Done)
    }

    fn woken(&mut self, who: usize, _stage: &mut Stage<Self>) -> Option<Outcome> {
        unreachable!("{who} is served, never woken to look")
    }

    fn interrupted(
        &mut self,
        who: usize,
        why: Interrupt,
        stage: &mut Stage<Self>,
    ) -> Option<Outcome> {
        self.forget(who);
        self.let_in(stage);
        Some(Outcome::Interrupted(why))
    }

    fn leave(&mut self, who: usize, stage: &mut Stage<Self>) {
        self.drop_all(who, stage);
    }

    fn compare(&self, real: &Real, over: bool) {
        assert_eq!(real.wakeup.queue().is_empty(), self.to_wake.is_empty());
        let real = &real.lock;
        let reads = match self.waiting.is_empty() {
            // Dropping the guard lets nobody in.
            true => real.try_read().map(|guard| *guard),
            false => None,
        };
        let free = self.waiting.is_empty() && self.writer.is_none();
        assert_eq!(reads, free.then_some(self.written));
        if over {
            assert!(real.try_write().is_some() && self.waiting.is_empty());
        }
    }
}
