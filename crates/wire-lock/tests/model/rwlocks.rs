//! One lock for readers and writers.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use wire_core::Interrupt;
use wire_lock::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::common::Rng;
use crate::common::model::{Model, PUPPETS, Stage};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    Read,
    TryRead,
    Write,
    TryWrite,
    DropRead,
    DropWrite,
    /// By dropping all guards in an unwinding.
    DropByPanic,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// What it reads: how often it was written.
    Reads(u32),
    Writes(u32),
    HasNot,
    Interrupted(Interrupt),
    Done,
    /// What would panic: waiting for oneself.
    Skipped,
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

/// All come to a gate, one by one. Who wants to write keeps it closed, and waits there for the readers to go.
#[derive(Default)]
pub(crate) struct Plain {
    at_gate: Option<usize>,
    /// That one waits for the readers to go.
    drains: bool,
    waiting: VecDeque<usize>,
    wants: [Option<Wants>; PUPPETS],
    reads: [usize; PUPPETS],
    written: u32,
}

impl Plain {
    fn readers(&self) -> usize {
        self.reads.iter().sum()
    }

    fn writes(&self, who: usize) -> bool {
        self.at_gate == Some(who) && self.wants[who].is_none()
    }

    fn come(&mut self, who: usize, wants: Wants, stage: &mut Stage<Self>) -> Option<Outcome> {
        self.wants[who] = Some(wants);
        if self.at_gate.is_some() {
            self.waiting.push_back(who);
            return None;
        }
        self.at_gate = Some(who);
        self.enter(who, stage)
    }

    /// What the one at the gate does.
    fn enter(&mut self, who: usize, stage: &mut Stage<Self>) -> Option<Outcome> {
        if self.wants[who] == Some(Wants::ToRead) {
            self.wants[who] = None;
            self.reads[who] += 1;
            self.leave_gate(stage);
            return Some(Outcome::Reads(self.written));
        }
        self.drains = self.readers() > 0;
        if self.drains {
            return None;
        }
        self.wants[who] = None;
        self.written += 1;
        Some(Outcome::Writes(self.written))
    }

    fn leave_gate(&mut self, stage: &mut Stage<Self>) {
        self.at_gate = self.waiting.pop_front();
        if let Some(next) = self.at_gate {
            stage.wake(next);
        }
    }

    fn drop_read(&mut self, who: usize, stage: &mut Stage<Self>) {
        if self.reads[who] == 0 {
            return;
        }
        self.reads[who] -= 1;
        if self.readers() == 0 && std::mem::take(&mut self.drains) {
            stage.wake(self.at_gate.expect("one waits at the gate"));
        }
    }

    fn drop_write(&mut self, who: usize, stage: &mut Stage<Self>) {
        if self.writes(who) {
            self.leave_gate(stage);
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
    type Real = RwLock<u32>;
    type Held = Held;
    type Op = Op;
    type Outcome = Outcome;

    fn random(rng: &mut Rng, _nth: u32) -> Op {
        match rng.below(24) {
            0..6 => Op::Read,
            6..8 => Op::TryRead,
            8..12 => Op::Write,
            12 | 13 => Op::TryWrite,
            14..19 => Op::DropRead,
            19..23 => Op::DropWrite,
            _ => Op::DropByPanic,
        }
    }

    fn simpler(op: Op) -> Vec<Op> {
        match op {
            Op::TryRead => vec![Op::Read],
            Op::TryWrite => vec![Op::Write],
            Op::DropByPanic => vec![Op::DropRead, Op::DropWrite],
            _ => vec![],
        }
    }

    fn act(real: &'static RwLock<u32>, held: &mut Held, op: Op) -> Outcome {
        match op {
            Op::Read | Op::Write if held.write.is_some() && !std::thread::panicking() => {
                Outcome::Skipped
            }
            Op::Read => match real.read() {
                Ok(guard) => held.reads(guard),
                Err(why) => Outcome::Interrupted(why),
            },
            Op::TryRead => match real.try_read() {
                Some(guard) => held.reads(guard),
                None => Outcome::HasNot,
            },
            Op::Write => match real.write() {
                Ok(guard) => held.writes(guard),
                Err(why) => Outcome::Interrupted(why),
            },
            Op::TryWrite => match real.try_write() {
                Some(guard) => held.writes(guard),
                None => Outcome::HasNot,
            },
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
            Op::Read => return self.come(who, Wants::ToRead, stage),
            Op::Write => return self.come(who, Wants::ToWrite, stage),
            Op::TryRead if self.at_gate.is_none() => return self.come(who, Wants::ToRead, stage),
            Op::TryWrite if self.at_gate.is_none() && self.readers() == 0 => {
                return self.come(who, Wants::ToWrite, stage);
            }
            Op::TryRead | Op::TryWrite => return Some(Outcome::HasNot),
            Op::DropRead => self.drop_read(who, stage),
            Op::DropWrite => self.drop_write(who, stage),
            Op::DropByPanic => self.drop_all(who, stage),
        }
        Some(Outcome::Done)
    }

    fn woken(&mut self, who: usize, stage: &mut Stage<Self>) -> Option<Outcome> {
        self.enter(who, stage)
    }

    fn interrupted(
        &mut self,
        who: usize,
        why: Interrupt,
        stage: &mut Stage<Self>,
    ) -> Option<Outcome> {
        self.wants[who] = None;
        self.waiting.retain(|&other| other != who);
        if self.at_gate == Some(who) {
            self.drains = false;
            self.leave_gate(stage);
        }
        Some(Outcome::Interrupted(why))
    }

    fn leave(&mut self, who: usize, stage: &mut Stage<Self>) {
        self.drop_all(who, stage);
    }

    fn compare(&self, real: &RwLock<u32>, over: bool) {
        let reads = real.try_read().map(|guard| *guard);
        // Dropping the guard here wakes nobody: who waits for readers to go holds the gate.
        let expected = self.at_gate.is_none().then_some(self.written);
        assert_eq!(reads, expected);
        if over {
            assert!(real.try_write().is_some() && self.waiting.is_empty());
        }
    }
}
