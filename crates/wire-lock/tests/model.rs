//! Random locking, counting and cancelling beside plain models.
#[path = "../../wire-wait/tests/common/mod.rs"]
mod common;

use std::collections::VecDeque;

use common::{Rng, model};
use wire_core::Interrupt;
use wire_lock::{Mutex, MutexGuard, Permit, Semaphore, WaitGroup};
use wire_wait::{on, wait, wait_any};

type Served = model::Served<Outcome>;

#[derive(Debug, PartialEq)]
enum Outcome {
    /// Of what, by index.
    Has(usize),
    HasNot,
    Done,
    Interrupted(Interrupt),
}

/// What several can wait for and few can have: two of them, in the models' view.
#[derive(Default)]
struct Queues {
    free: [usize; 2],
    /// Who has how many.
    holds: [[usize; 2]; model::PUPPETS],
    waiting: [VecDeque<usize>; 2],
}

impl Queues {
    fn take(&mut self, puppet: usize, order: &[usize]) -> Option<Outcome> {
        let &index = order.iter().find(|&&index| self.free[index] > 0)?;
        self.free[index] -= 1;
        self.holds[puppet][index] += 1;
        Some(Outcome::Has(index))
    }

    fn take_or_wait(&mut self, puppet: usize, order: &[usize]) -> Option<Outcome> {
        let outcome = self.take(puppet, order);
        if outcome.is_none() {
            for &index in order {
                self.waiting[index].push_back(puppet);
            }
        }
        outcome
    }

    fn add(&mut self, index: usize, count: usize, served: &mut Served) {
        self.free[index] += count;
        while self.free[index] > 0
            && let Some(next) = self.waiting[index].pop_front()
        {
            self.forget(next);
            let outcome = self.take(next, &[index]);
            served.push((next, outcome.unwrap()));
        }
    }

    fn give_back(&mut self, puppet: usize, index: usize, served: &mut Served) {
        if self.holds[puppet][index] > 0 {
            self.holds[puppet][index] -= 1;
            self.add(index, 1, served);
        }
    }

    /// A puppet's guards are dropped by index.
    fn give_all_back(&mut self, puppet: usize, served: &mut Served) {
        for index in 0..2 {
            while self.holds[puppet][index] > 0 {
                self.give_back(puppet, index, served);
            }
        }
    }

    fn forget(&mut self, puppet: usize) {
        for queue in &mut self.waiting {
            queue.retain(|&other| other != puppet);
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum LockOp {
    Lock(usize),
    TryLock(usize),
    Any(usize),
    Unlock(usize),
}

type Guards = [Option<MutexGuard<'static, ()>>; 2];

fn act_on_mutexes(real: &'static [Mutex<()>; 2], held: &mut Guards, op: LockOp) -> Outcome {
    let had = match op {
        LockOp::Lock(index) => real[index].lock().map(|guard| (index, guard)),
        LockOp::TryLock(index) => match real[index].try_lock() {
            Some(guard) => Ok((index, guard)),
            None => return Outcome::HasNot,
        },
        LockOp::Any(first) => {
            let sources = [&real[0], &real[1]];
            let [a, b] =
                [first, 1 - first].map(|index| on(&sources[index], move |guard| (index, guard)));
            wait_any(&[&a, &b])
        }
        LockOp::Unlock(index) => {
            held[index] = None;
            return Outcome::Done;
        }
    };
    match had {
        Ok((index, guard)) => {
            held[index] = Some(guard);
            Outcome::Has(index)
        }
        Err(interrupt) => Outcome::Interrupted(interrupt),
    }
}

struct Mutexes(Queues);

impl model::Model for Mutexes {
    type Op = LockOp;
    type Outcome = Outcome;

    fn choose(&mut self, rng: &mut Rng, puppet: usize) -> LockOp {
        // Locking what one holds is an error, and tested elsewhere.
        let holds = self.0.holds[puppet].map(|count| count > 0);
        let index = rng.below(2);
        match rng.below(8) {
            0..3 if holds == [false, false] => LockOp::Any(index),
            0..5 if !holds[index] => LockOp::Lock(index),
            5 if !holds[index] => LockOp::TryLock(index),
            _ => LockOp::Unlock(index),
        }
    }

    fn perform(&mut self, puppet: usize, op: LockOp, served: &mut Served) -> Option<Outcome> {
        match op {
            LockOp::Lock(index) => self.0.take_or_wait(puppet, &[index]),
            LockOp::Any(first) => self.0.take_or_wait(puppet, &[first, 1 - first]),
            LockOp::TryLock(index) => self.0.take(puppet, &[index]).or(Some(Outcome::HasNot)),
            LockOp::Unlock(index) => {
                self.0.give_back(puppet, index, served);
                Some(Outcome::Done)
            }
        }
    }

    fn interrupt(&mut self, puppet: usize, _served: &mut Served) -> Outcome {
        self.0.forget(puppet);
        Outcome::Interrupted(Interrupt::Cancelled)
    }

    fn leave(&mut self, puppet: usize, served: &mut Served) {
        self.0.give_all_back(puppet, served);
    }
}

#[test]
fn locking_and_cancelling_in_any_order() {
    let model = || {
        Mutexes(Queues {
            free: [1, 1],
            ..Queues::default()
        })
    };
    model::run(
        0..400,
        model,
        Default::default,
        act_on_mutexes,
        |real, model, over| {
            for (index, mutex) in real.iter().enumerate() {
                assert_eq!(mutex.is_locked(), model.0.free[index] == 0);
                assert!(!over || (!mutex.is_locked() && model.0.waiting[index].is_empty()));
            }
        },
    );
}

#[derive(Clone, Copy, Debug)]
enum CountOp {
    Acquire(usize),
    TryAcquire(usize),
    Any(usize),
    GiveBack(usize),
    Forget(usize),
    Add(usize, usize),
    Enter,
    Done,
    WaitForGroup,
}

#[derive(Debug)]
struct Counters {
    semaphores: [Semaphore; 2],
    group: WaitGroup,
}

type Permits = [Vec<Permit<'static>>; 2];

fn act_on_counters(real: &'static Counters, held: &mut Permits, op: CountOp) -> Outcome {
    let had = match op {
        CountOp::Acquire(index) => real.semaphores[index]
            .acquire()
            .map(|permit| (index, permit)),
        CountOp::TryAcquire(index) => match real.semaphores[index].try_acquire() {
            Some(permit) => Ok((index, permit)),
            None => return Outcome::HasNot,
        },
        CountOp::Any(first) => {
            let sources = [&real.semaphores[0], &real.semaphores[1]];
            let [a, b] =
                [first, 1 - first].map(|index| on(&sources[index], move |permit| (index, permit)));
            wait_any(&[&a, &b])
        }
        CountOp::GiveBack(index) => {
            held[index].pop();
            return Outcome::Done;
        }
        CountOp::Forget(index) => {
            held[index].pop().into_iter().for_each(Permit::forget);
            return Outcome::Done;
        }
        CountOp::Add(index, count) => {
            real.semaphores[index].add(count);
            return Outcome::Done;
        }
        CountOp::Enter => {
            real.group.add(1);
            return Outcome::Done;
        }
        CountOp::Done => {
            if real.group.count() > 0 {
                real.group.done();
            }
            return Outcome::Done;
        }
        CountOp::WaitForGroup => {
            return wait(&real.group).map_or_else(Outcome::Interrupted, |()| Outcome::Done);
        }
    };
    match had {
        Ok((index, permit)) => {
            held[index].push(permit);
            Outcome::Has(index)
        }
        Err(interrupt) => Outcome::Interrupted(interrupt),
    }
}

#[derive(Default)]
struct Counts {
    queues: Queues,
    group: usize,
    waiting: Vec<usize>,
}

impl model::Model for Counts {
    type Op = CountOp;
    type Outcome = Outcome;

    fn choose(&mut self, rng: &mut Rng, _puppet: usize) -> CountOp {
        let index = rng.below(2);
        match rng.below(16) {
            0..4 => CountOp::Acquire(index),
            4 => CountOp::TryAcquire(index),
            5 | 6 => CountOp::Any(index),
            7..10 => CountOp::GiveBack(index),
            10 => CountOp::Forget(index),
            11 | 12 => CountOp::Add(index, rng.below(3)),
            13 => CountOp::Enter,
            14 => CountOp::Done,
            _ => CountOp::WaitForGroup,
        }
    }

    fn perform(&mut self, puppet: usize, op: CountOp, served: &mut Served) -> Option<Outcome> {
        match op {
            CountOp::Acquire(index) => return self.queues.take_or_wait(puppet, &[index]),
            CountOp::Any(first) => {
                return self.queues.take_or_wait(puppet, &[first, 1 - first]);
            }
            CountOp::TryAcquire(index) => {
                let has = self.queues.take(puppet, &[index]);
                return has.or(Some(Outcome::HasNot));
            }
            CountOp::GiveBack(index) => self.queues.give_back(puppet, index, served),
            CountOp::Forget(index) => {
                let held = &mut self.queues.holds[puppet][index];
                *held = held.saturating_sub(1);
            }
            CountOp::Add(index, count) => self.queues.add(index, count, served),
            CountOp::Enter => self.group += 1,
            CountOp::Done => {
                if self.group == 1 {
                    let waiting = self.waiting.drain(..);
                    served.extend(waiting.map(|puppet| (puppet, Outcome::Done)));
                }
                self.group = self.group.saturating_sub(1);
            }
            CountOp::WaitForGroup => {
                if self.group > 0 {
                    self.waiting.push(puppet);
                    return None;
                }
            }
        }
        Some(Outcome::Done)
    }

    fn interrupt(&mut self, puppet: usize, _served: &mut Served) -> Outcome {
        self.queues.forget(puppet);
        self.waiting.retain(|&other| other != puppet);
        Outcome::Interrupted(Interrupt::Cancelled)
    }

    fn leave(&mut self, puppet: usize, served: &mut Served) {
        self.queues.give_all_back(puppet, served);
        self.queues.holds[puppet] = [0, 0];
    }
}

#[test]
fn counting_and_cancelling_in_any_order() {
    let real = || Counters {
        semaphores: [Semaphore::new(1), Semaphore::new(0)],
        group: WaitGroup::new(),
    };
    let model = || Counts {
        queues: Queues {
            free: [1, 0],
            ..Queues::default()
        },
        ..Counts::default()
    };
    model::run(0..400, model, real, act_on_counters, |real, model, over| {
        for (index, semaphore) in real.semaphores.iter().enumerate() {
            let (free, waiting) = (model.queues.free[index], &model.queues.waiting[index]);
            let expected = format!(
                "Semaphore {{ permits: {free}, awaited: {} }}",
                !waiting.is_empty()
            );
            assert_eq!(format!("{semaphore:?}"), expected);
            assert!(!over || waiting.is_empty());
        }
        let awaited = !model.waiting.is_empty();
        let expected = format!("WaitGroup {{ count: {}, awaited: {awaited} }}", model.group);
        assert_eq!(format!("{:?}", real.group), expected);
    });
}
