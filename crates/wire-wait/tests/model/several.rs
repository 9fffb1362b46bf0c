//! Waits for the first of several: sources with something to take, and a wake-up.

use std::cell::Cell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use wire_core::{Interrupt, WaitQueue};
use wire_wait::{Source, Wakeup, on, try_any, wait_any, wait_fair};

use crate::common::Rng;
use crate::common::model::{Model, PUPPETS, Stage};

/// Sources 0 and 1 have items to take, source 2 is a wake-up.
const SOURCES: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    One(usize),
    /// In this order.
    Two([usize; 2]),
    /// In this order.
    All([usize; SOURCES]),
    TryAll([usize; SOURCES]),
    /// By a draw, if that decides anything.
    Fair([usize; SOURCES]),
    Add(usize, u32),
    /// Wakes a queue though nothing came.
    Nudge(usize),
    /// Has a source panic when it is asked the next time.
    Poison(usize),
    Resume,
    Reset,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// From this source, this.
    Got(usize, u32),
    Nothing,
    /// A source did, when it was asked.
    Panicked,
    Interrupted(Interrupt),
    Done,
}

struct Poison;

/// Numbered items, so that none can be had twice unseen.
#[derive(Default)]
struct Tickets {
    next: Cell<u32>,
    end: Cell<u32>,
    poisoned: Cell<bool>,
    queue: WaitQueue,
}

impl Tickets {
    fn are_left(&self) -> bool {
        self.next.get() < self.end.get()
    }
}

impl Source for Tickets {
    type Item = u32;
    fn try_take(&self) -> Option<u32> {
        if self.poisoned.take() {
            resume_unwind(Box::new(Poison));
        }
        let next = self.next.get();
        self.are_left().then(|| self.next.replace(next + 1))
    }
    fn queue(&self) -> &WaitQueue {
        &self.queue
    }
}

/// The wake-up, as if it had the number 0.
struct Numbered(Wakeup);

impl Source for Numbered {
    type Item = u32;
    fn try_take(&self) -> Option<u32> {
        self.0.try_take().map(|()| 0)
    }
    fn queue(&self) -> &WaitQueue {
        self.0.queue()
    }
}

pub(crate) struct Real {
    tickets: [Tickets; 2],
    wakeup: Numbered,
}

impl Default for Real {
    fn default() -> Real {
        Real {
            tickets: Default::default(),
            wakeup: Numbered(Wakeup::new()),
        }
    }
}

impl Real {
    /// Whether there is a choice, in which a draw would be more than the model can know.
    fn has_choice(&self) -> bool {
        let answers = |tickets: &&Tickets| tickets.are_left() || tickets.poisoned.get();
        let ready = self.tickets.iter().filter(answers);
        ready.count() + usize::from(self.wakeup.0.is_triggered()) > 1
    }

    fn source(&self, index: usize) -> &dyn Source<Item = u32> {
        match index {
            2 => &self.wakeup,
            _ => &self.tickets[index],
        }
    }

    fn act(&self, op: Op) -> Outcome {
        let arm = |index| on(self.source(index), move |item| Outcome::Got(index, item));
        let got = match op {
            Op::One(index) => wait_any(&[&arm(index)]),
            Op::Two([a, b]) => wait_any(&[&arm(a), &arm(b)]),
            Op::Fair([a, b, c]) if !self.has_choice() => wait_fair(&[&arm(a), &arm(b), &arm(c)]),
            Op::All([a, b, c]) | Op::Fair([a, b, c]) => wait_any(&[&arm(a), &arm(b), &arm(c)]),
            Op::TryAll([a, b, c]) => {
                let got = try_any(&[&arm(a), &arm(b), &arm(c)]);
                return got.unwrap_or(Outcome::Nothing);
            }
            Op::Add(index, count) => {
                let tickets = &self.tickets[index];
                tickets.end.set(tickets.end.get() + count);
                while tickets.are_left() && tickets.queue.wake_one() {}
                return Outcome::Done;
            }
            Op::Nudge(index) => {
                self.source(index).queue().wake_one();
                return Outcome::Done;
            }
            Op::Poison(index) => {
                self.tickets[index].poisoned.set(true);
                return Outcome::Done;
            }
            Op::Resume => {
                self.wakeup.0.resume();
                return Outcome::Done;
            }
            Op::Reset => {
                self.wakeup.0.reset();
                return Outcome::Done;
            }
        };
        got.unwrap_or_else(Outcome::Interrupted)
    }
}

#[derive(Default)]
pub(crate) struct Plain {
    next: [u32; 2],
    end: [u32; 2],
    poisoned: [bool; 2],
    triggered: bool,
    waiting: [VecDeque<usize>; SOURCES],
    order: [Vec<usize>; PUPPETS],
}

impl Plain {
    /// What a source has, or that it panics.
    fn take(&mut self, index: usize) -> Option<Outcome> {
        if index == 2 {
            return self.triggered.then_some(Outcome::Got(2, 0));
        }
        if std::mem::take(&mut self.poisoned[index]) {
            return Some(Outcome::Panicked);
        }
        let number = self.next[index];
        let some = number < self.end[index];
        self.next[index] += u32::from(some);
        some.then_some(Outcome::Got(index, number))
    }

    fn first(&mut self, order: &[usize]) -> Option<Outcome> {
        order.iter().find_map(|&index| self.take(index))
    }

    fn look(&mut self, who: usize) -> Option<Outcome> {
        let order = self.order[who].clone();
        let outcome = self.first(&order);
        if outcome.is_some() {
            self.forget(who);
        } else {
            for index in order {
                if !self.waiting[index].contains(&who) {
                    self.waiting[index].push_back(who);
                }
            }
        }
        outcome
    }

    /// Wakes the one that waits longest, which asks the source, in the wire that does this.
    fn wake_one(&mut self, index: usize, stage: &mut Stage<Self>) -> Outcome {
        let Some(who) = self.waiting[index].pop_front() else {
            return Outcome::Done;
        };
        match self.take(index) {
            // It goes on, to ask once more itself.
            Some(Outcome::Panicked) | None => stage.wake(who),
            Some(outcome) => {
                self.forget(who);
                stage.serve(who, outcome);
            }
        }
        Outcome::Done
    }

    fn forget(&mut self, who: usize) {
        for queue in &mut self.waiting {
            queue.retain(|&other| other != who);
        }
    }
}

impl Model for Plain {
    type Real = Real;
    type Held = ();
    type Op = Op;
    type Outcome = Outcome;

    fn random(rng: &mut Rng, _nth: u32) -> Op {
        let a = rng.below(SOURCES);
        let b = (a + 1 + rng.below(2)) % SOURCES;
        let all = [a, b, SOURCES - a - b];
        match rng.below(16) {
            0..2 => Op::One(a),
            2..4 => Op::Two([a, b]),
            4..7 => Op::All(all),
            7 => match rng.one_in(2) {
                true => Op::TryAll(all),
                false => Op::Fair(all),
            },
            8..11 => Op::Add(rng.below(2), 1 + rng.below(2) as u32),
            11 => Op::Nudge(a),
            12 => Op::Poison(rng.below(2)),
            13 | 14 => Op::Resume,
            _ => Op::Reset,
        }
    }

    fn simpler(op: Op) -> Vec<Op> {
        match op {
            Op::Fair(order) => vec![Op::All(order)],
            Op::All([a, b, c]) => vec![Op::Two([a, b]), Op::Two([a, c]), Op::Two([b, c])],
            Op::Two([a, b]) => vec![Op::One(a), Op::One(b)],
            Op::Add(index, 2) => vec![Op::Add(index, 1)],
            _ => vec![],
        }
    }

    fn act(real: &'static Real, (): &mut (), op: Op) -> Outcome {
        match catch_unwind(AssertUnwindSafe(|| real.act(op))) {
            Ok(outcome) => outcome,
            Err(payload) if payload.is::<Poison>() => Outcome::Panicked,
            Err(payload) => resume_unwind(payload),
        }
    }

    fn begin(&mut self, who: usize, op: Op, stage: &mut Stage<Self>) -> Option<Outcome> {
        match op {
            Op::One(index) => {
                self.order[who] = vec![index];
                return self.look(who);
            }
            Op::Two(order) => {
                self.order[who] = order.to_vec();
                return self.look(who);
            }
            Op::All(order) | Op::Fair(order) => {
                self.order[who] = order.to_vec();
                return self.look(who);
            }
            Op::TryAll(order) => return self.first(&order).or(Some(Outcome::Nothing)),
            Op::Add(index, count) => {
                self.end[index] += count;
                while self.next[index] < self.end[index] && !self.waiting[index].is_empty() {
                    self.wake_one(index, stage);
                }
            }
            Op::Nudge(index) => return Some(self.wake_one(index, stage)),
            Op::Poison(index) => self.poisoned[index] = true,
            Op::Resume => {
                self.triggered = true;
                while !self.waiting[2].is_empty() {
                    self.wake_one(2, stage);
                }
            }
            Op::Reset => self.triggered = false,
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

    fn compare(&self, real: &Real, over: bool) {
        for index in 0..SOURCES {
            let empty = real.source(index).queue().is_empty();
            assert_eq!(empty, self.waiting[index].is_empty(), "source {index}");
            assert!(empty || !over);
        }
        for (index, tickets) in real.tickets.iter().enumerate() {
            let bounds = (tickets.next.get(), tickets.end.get());
            assert_eq!(bounds, (self.next[index], self.end[index]));
        }
    }
}
