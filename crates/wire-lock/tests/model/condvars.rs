//! A condition, its mutex, and the data that they are for.

use std::collections::VecDeque;

use wire_core::Interrupt;
use wire_lock::{Condvar, Mutex, MutexGuard};

use crate::common::Rng;
use crate::common::model::{Model, PUPPETS, Stage};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    Lock,
    Unlock,
    /// For a notification.
    Wait,
    /// Until the data is this.
    WaitFor(u32),
    Set(u32),
    NotifyOne,
    NotifyAll,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// With what it found.
    Has(u32),
    Waited(Result<(), Interrupt>, u32),
    Interrupted(Interrupt),
    Notified(usize),
    Done,
    /// What would panic, or makes no sense without the mutex.
    Skipped,
}

#[derive(Default)]
pub(crate) struct Real {
    mutex: Mutex<u32>,
    condvar: Condvar,
}

type Until = Option<u32>;

#[derive(Clone, Copy, Default)]
enum Doing {
    #[default]
    Locks,
    Waits(Until),
    /// After the wait ended so.
    LocksAgain(Until, Result<(), Interrupt>),
}

#[derive(Default)]
pub(crate) struct Plain {
    value: u32,
    holder: Option<usize>,
    locking: VecDeque<usize>,
    waiting: VecDeque<usize>,
    doing: [Doing; PUPPETS],
}

impl Plain {
    fn unlock(&mut self, stage: &mut Stage<Self>) {
        self.holder = self.locking.pop_front();
        if let Some(next) = self.holder {
            stage.wake(next);
        }
    }

    fn wait(&mut self, who: usize, until: Until, stage: &mut Stage<Self>) -> Option<Outcome> {
        if until == Some(self.value) {
            return Some(self.waited(who, Ok(())));
        }
        if let Some(why) = stage.interrupt(who) {
            return Some(self.waited(who, Err(why)));
        }
        self.doing[who] = Doing::Waits(until);
        self.unlock(stage);
        self.waiting.push_back(who);
        None
    }

    fn waited(&mut self, who: usize, result: Result<(), Interrupt>) -> Outcome {
        self.doing[who] = Doing::Locks;
        Outcome::Waited(result, self.value)
    }

    fn lock_again(
        &mut self,
        who: usize,
        until: Until,
        result: Result<(), Interrupt>,
        stage: &mut Stage<Self>,
    ) -> Option<Outcome> {
        self.doing[who] = Doing::LocksAgain(until, result);
        if self.holder.is_some() {
            self.locking.push_back(who);
            return None;
        }
        self.holder = Some(who);
        self.has_again(who, until, result, stage)
    }

    fn has_again(
        &mut self,
        who: usize,
        until: Until,
        result: Result<(), Interrupt>,
        stage: &mut Stage<Self>,
    ) -> Option<Outcome> {
        if result.is_ok() && until.is_some() {
            return self.wait(who, until, stage);
        }
        Some(self.waited(who, result))
    }

    fn notify(&mut self, stage: &mut Stage<Self>) -> usize {
        let next = self.waiting.pop_front();
        next.into_iter().map(|who| stage.wake(who)).count()
    }
}

impl Model for Plain {
    type Real = Real;
    type Held = Option<MutexGuard<'static, u32>>;
    type Op = Op;
    type Outcome = Outcome;

    fn random(rng: &mut Rng, _nth: u32) -> Op {
        match rng.below(32) {
            0..9 => Op::Lock,
            9..14 => Op::Unlock,
            14..20 => Op::Wait,
            20..24 => Op::WaitFor(rng.below(3) as u32),
            24..27 => Op::Set(rng.below(3) as u32),
            27..30 => Op::NotifyOne,
            _ => Op::NotifyAll,
        }
    }

    fn simpler(op: Op) -> Vec<Op> {
        match op {
            Op::WaitFor(value) => (0..value).map(Op::WaitFor).chain([Op::Wait]).collect(),
            Op::Set(value) => (0..value).map(Op::Set).collect(),
            Op::NotifyAll => vec![Op::NotifyOne],
            _ => vec![],
        }
    }

    fn act(real: &'static Real, held: &mut Self::Held, op: Op) -> Outcome {
        match (op, held.as_mut()) {
            (Op::Lock, Some(_)) if !std::thread::panicking() => Outcome::Skipped,
            (Op::Wait | Op::WaitFor(_) | Op::Set(_), None) => Outcome::Skipped,
            (Op::Lock, _) => match real.mutex.lock() {
                Ok(guard) => Outcome::Has(**held.insert(guard)),
                Err(why) => Outcome::Interrupted(why),
            },
            (Op::Unlock, _) => {
                *held = None;
                Outcome::Done
            }
            (Op::Wait, Some(guard)) => Outcome::Waited(real.condvar.wait(guard), **guard),
            (Op::WaitFor(value), Some(guard)) => {
                let result = real.condvar.wait_while(guard, |now| *now != value);
                Outcome::Waited(result, **guard)
            }
            (Op::Set(value), Some(guard)) => {
                **guard = value;
                Outcome::Done
            }
            (Op::NotifyOne, _) => Outcome::Notified(real.condvar.notify_one().into()),
            (Op::NotifyAll, _) => Outcome::Notified(real.condvar.notify_all()),
        }
    }

    fn begin(&mut self, who: usize, op: Op, stage: &mut Stage<Self>) -> Option<Outcome> {
        let holds = self.holder == Some(who);
        Some(match op {
            Op::Lock if holds && stage.unwinds() => Outcome::Interrupted(Interrupt::Unwinding),
            Op::Lock if holds => Outcome::Skipped,
            Op::Wait | Op::WaitFor(_) | Op::Set(_) if !holds => Outcome::Skipped,
            Op::Lock => {
                self.doing[who] = Doing::Locks;
                if self.holder.is_some() {
                    self.locking.push_back(who);
                    return None;
                }
                self.holder = Some(who);
                Outcome::Has(self.value)
            }
            Op::Unlock => {
                if holds {
                    self.unlock(stage);
                }
                Outcome::Done
            }
            Op::Wait => return self.wait(who, None, stage),
            Op::WaitFor(value) => return self.wait(who, Some(value), stage),
            Op::Set(value) => {
                self.value = value;
                Outcome::Done
            }
            Op::NotifyOne => Outcome::Notified(self.notify(stage)),
            Op::NotifyAll => {
                let count = self.waiting.len();
                while self.notify(stage) > 0 {}
                Outcome::Notified(count)
            }
        })
    }

    fn woken(&mut self, who: usize, stage: &mut Stage<Self>) -> Option<Outcome> {
        match self.doing[who] {
            Doing::Locks => Some(Outcome::Has(self.value)),
            Doing::Waits(until) => self.lock_again(who, until, Ok(()), stage),
            Doing::LocksAgain(until, result) => self.has_again(who, until, result, stage),
        }
    }

    fn interrupted(
        &mut self,
        who: usize,
        why: Interrupt,
        stage: &mut Stage<Self>,
    ) -> Option<Outcome> {
        match self.doing[who] {
            Doing::Waits(until) => {
                self.waiting.retain(|&other| other != who);
                self.lock_again(who, until, Err(why), stage)
            }
            _ => {
                self.locking.retain(|&other| other != who);
                Some(Outcome::Interrupted(why))
            }
        }
    }

    /// Whoever waited has the mutex again, whatever comes.
    fn held(&self, who: usize) -> bool {
        matches!(self.doing[who], Doing::LocksAgain(..))
    }

    fn leave(&mut self, who: usize, stage: &mut Stage<Self>) {
        if self.holder == Some(who) {
            self.unlock(stage);
        }
    }

    fn compare(&self, real: &Real, over: bool) {
        assert_eq!(real.mutex.is_locked(), self.holder.is_some());
        if over {
            let nobody = "Condvar { awaited: false }";
            assert_eq!(format!("{:?}", real.condvar), nobody);
            assert!(self.holder.is_none() && self.locking.is_empty());
        }
    }
}
