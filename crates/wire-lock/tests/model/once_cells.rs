//! Values made once, and a place to wait at while one makes them.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use wire_core::{Interrupt, Kind, Reason, WaitQueue};
use wire_lock::OnceCell;
use wire_wait::{Source, on, wait_any};

use crate::common::Rng;
use crate::common::model::{Model, PUPPETS, Stage};

static INSIDE: Kind = Kind::new("making a value");
const CELLS: usize = 3;

/// How a value is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum How {
    AtOnce,
    Fails,
    Panics,
    /// Waits, and fails if that is interrupted.
    Waits,
    WaitsAndFails,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    Init(usize, How, u32),
    Get(usize),
    Set(usize, u32),
    /// For the value, without making it.
    Wait(usize),
    /// For that of either, this one first.
    Any(usize),
    /// Lets the one go on that waits longest while it makes a value.
    LetGo,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    Value(u32),
    Failed(Result<(), Interrupt>),
    Panicked,
    Interrupted(Interrupt),
    Got(Option<u32>),
    Set(bool),
    Done,
}

#[derive(Default)]
pub(crate) struct Real {
    cells: [OnceCell<u32>; CELLS],
    inside: WaitQueue,
}

impl Real {
    fn make(&self, how: How, value: u32) -> Result<u32, Result<(), Interrupt>> {
        let wait = || self.inside.wait(Reason::on(&INSIDE, &self.inside));
        match how {
            How::AtOnce => Ok(value),
            How::Fails => Err(Ok(())),
            How::Panics => resume_unwind(Box::new(())),
            How::Waits => wait().map(|()| value).map_err(Err),
            How::WaitsAndFails => Err(wait()),
        }
    }
}

#[derive(Clone, Default)]
struct Cell {
    value: Option<u32>,
    maker: Option<usize>,
    waiting: VecDeque<usize>,
    watching: VecDeque<usize>,
}

#[derive(Default)]
pub(crate) struct Plain {
    cells: [Cell; CELLS],
    inside: VecDeque<usize>,
    /// What it is in the middle of.
    doing: [Option<(usize, How, u32)>; PUPPETS],
    makes: [bool; PUPPETS],
}

impl Plain {
    fn init(&mut self, who: usize, stage: &mut Stage<Self>) -> Option<Outcome> {
        let (index, how, value) = self.doing[who].expect("it wants a value");
        let cell = &mut self.cells[index];
        if let Some(value) = cell.value {
            return Some(Outcome::Value(value));
        }
        if cell.maker.is_some_and(|maker| maker != who) {
            cell.waiting.push_back(who);
            return None;
        }
        cell.maker = Some(who);
        match how {
            How::AtOnce => self.made(who, Ok(value), stage),
            How::Fails => self.made(who, Err(Outcome::Failed(Ok(()))), stage),
            How::Panics => self.made(who, Err(Outcome::Panicked), stage),
            How::Waits | How::WaitsAndFails => {
                self.makes[who] = true;
                self.inside.push_back(who);
                None
            }
        }
    }

    /// It has made a value, or not: then the one that waits longest is to try.
    fn made(
        &mut self,
        who: usize,
        result: Result<u32, Outcome>,
        stage: &mut Stage<Self>,
    ) -> Option<Outcome> {
        let (index, ..) = self.doing[who].expect("it made a value");
        let cell = &mut self.cells[index];
        self.makes[who] = false;
        cell.maker = None;
        Some(match result {
            Ok(value) => {
                cell.value = Some(value);
                cell.waiting.drain(..).for_each(|next| stage.wake(next));
                self.tell_watchers(index, stage);
                Outcome::Value(value)
            }
            Err(outcome) => {
                cell.maker = cell.waiting.pop_front();
                cell.maker.into_iter().for_each(|next| stage.wake(next));
                outcome
            }
        })
    }

    fn tell_watchers(&mut self, index: usize, stage: &mut Stage<Self>) {
        while let (Some(value), Some(&who)) =
            (self.cells[index].value, self.cells[index].watching.front())
        {
            self.forget(who);
            stage.serve(who, Outcome::Value(value));
        }
    }

    fn watch(&mut self, who: usize, order: &[usize]) -> Option<Outcome> {
        let value = order.iter().find_map(|&index| self.cells[index].value);
        if value.is_none() {
            for &index in order {
                self.cells[index].watching.push_back(who);
            }
        }
        value.map(Outcome::Value)
    }

    fn forget(&mut self, who: usize) {
        for cell in &mut self.cells {
            cell.waiting.retain(|&other| other != who);
            cell.watching.retain(|&other| other != who);
        }
    }

    /// The wait in the middle of making ended so.
    fn waited(
        &mut self,
        who: usize,
        result: Result<(), Interrupt>,
        stage: &mut Stage<Self>,
    ) -> Option<Outcome> {
        let (_, how, value) = self.doing[who].expect("it makes a value");
        let made = match how {
            How::WaitsAndFails => Err(Outcome::Failed(result)),
            _ => result
                .map(|()| value)
                .map_err(|why| Outcome::Failed(Err(why))),
        };
        self.made(who, made, stage)
    }
}

impl Model for Plain {
    type Real = Real;
    type Held = ();
    type Op = Op;
    type Outcome = Outcome;

    fn random(rng: &mut Rng, nth: u32) -> Op {
        let index = rng.below(CELLS);
        match rng.below(32) {
            0 => Op::Init(index, How::AtOnce, nth),
            1 | 2 => Op::Init(index, How::Fails, nth),
            3 => Op::Init(index, How::Panics, nth),
            4..9 => Op::Init(index, How::Waits, nth),
            9..16 => Op::Init(index, How::WaitsAndFails, nth),
            16 => Op::Get(index),
            17 => Op::Set(index, nth),
            18..21 => Op::Wait(index),
            21..24 => Op::Any(index),
            _ => Op::LetGo,
        }
    }

    fn simpler(op: Op) -> Vec<Op> {
        match op {
            Op::Any(index) => vec![Op::Wait(index)],
            Op::Init(index, how, value) if how != How::AtOnce => {
                vec![Op::Init(index, How::AtOnce, value)]
            }
            _ => vec![],
        }
    }

    fn act(real: &'static Real, (): &mut (), op: Op) -> Outcome {
        match op {
            Op::Init(index, how, value) => {
                let init = || real.cells[index].get_or_try_init(|| real.make(how, value));
                match catch_unwind(AssertUnwindSafe(init)) {
                    Ok(Ok(Ok(value))) => Outcome::Value(*value),
                    Ok(Ok(Err(error))) => Outcome::Failed(error),
                    Ok(Err(why)) => Outcome::Interrupted(why),
                    Err(_) => Outcome::Panicked,
                }
            }
            Op::Get(index) => Outcome::Got(real.cells[index].get().copied()),
            Op::Set(index, value) => Outcome::Set(real.cells[index].set(value).is_ok()),
            Op::Wait(index) => real.cells[index]
                .wait()
                .map_or_else(Outcome::Interrupted, |&value| Outcome::Value(value)),
            Op::Any(first) => {
                let sources = [&real.cells[first], &real.cells[(first + 1) % CELLS]];
                let [a, b] = [&sources[0], &sources[1]].map(|cell| on(cell, |&value| value));
                wait_any(&[&a, &b]).map_or_else(Outcome::Interrupted, Outcome::Value)
            }
            Op::LetGo => {
                real.inside.wake_one();
                Outcome::Done
            }
        }
    }

    fn begin(&mut self, who: usize, op: Op, stage: &mut Stage<Self>) -> Option<Outcome> {
        match op {
            Op::Init(index, how, value) => {
                self.doing[who] = Some((index, how, value));
                self.init(who, stage)
            }
            Op::Get(index) => Some(Outcome::Got(self.cells[index].value)),
            Op::Set(index, value) => {
                let cell = &mut self.cells[index];
                let sets = cell.value.is_none() && cell.maker.is_none();
                if sets {
                    cell.value = Some(value);
                    self.tell_watchers(index, stage);
                }
                Some(Outcome::Set(sets))
            }
            Op::Wait(index) => self.watch(who, &[index]),
            Op::Any(first) => self.watch(who, &[first, (first + 1) % CELLS]),
            Op::LetGo => {
                if let Some(next) = self.inside.pop_front() {
                    stage.wake(next);
                }
                Some(Outcome::Done)
            }
        }
    }

    fn woken(&mut self, who: usize, stage: &mut Stage<Self>) -> Option<Outcome> {
        match self.makes[who] {
            true => self.waited(who, Ok(()), stage),
            false => self.init(who, stage),
        }
    }

    fn interrupted(
        &mut self,
        who: usize,
        why: Interrupt,
        stage: &mut Stage<Self>,
    ) -> Option<Outcome> {
        if self.makes[who] {
            self.inside.retain(|&other| other != who);
            return self.waited(who, Err(why), stage);
        }
        self.forget(who);
        Some(Outcome::Interrupted(why))
    }

    fn compare(&self, real: &Real, over: bool) {
        for (real, cell) in real.cells.iter().zip(&self.cells) {
            assert_eq!(real.get().copied(), cell.value);
            assert_eq!((&real).queue().is_empty(), cell.watching.is_empty());
            assert!(!over || (cell.maker.is_none() && cell.waiting.is_empty()));
            assert!(!over || cell.watching.is_empty());
        }
        assert_eq!(real.inside.is_empty(), self.inside.is_empty());
    }
}
