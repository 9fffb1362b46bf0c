//! Random waits, wake-ups and cancellations beside a plain model.
mod common;

use std::cell::Cell;
use std::collections::VecDeque;

use common::{Rng, model};
use wire_core::{Interrupt, WaitQueue};
use wire_wait::{Source, Wakeup, on, try_any, wait, wait_any};

/// Sources 0 and 1 have items to take, source 2 is a wake-up.
const SOURCES: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Op {
    One(usize),
    /// In this order.
    Any([usize; 2]),
    All,
    TryAll,
    Add(usize, u32),
    Resume,
    Reset,
    Stop,
}

/// Which source it came from.
type Outcome = Result<Option<usize>, Interrupt>;

#[derive(Default)]
struct Tickets {
    left: Cell<u32>,
    queue: WaitQueue,
}

impl Source for Tickets {
    type Item = ();
    fn try_take(&self) -> Option<()> {
        self.left.set(self.left.get().checked_sub(1)?);
        Some(())
    }
    fn queue(&self) -> &WaitQueue {
        &self.queue
    }
}

#[derive(Default)]
struct Real {
    tickets: [Tickets; 2],
    wakeup: Wakeup,
}

impl Real {
    fn source(&self, index: usize) -> &dyn Source<Item = ()> {
        match index {
            2 => &self.wakeup,
            _ => &self.tickets[index],
        }
    }
}

fn act(real: &Real, (): &mut (), op: Op) -> Outcome {
    match op {
        Op::One(index) => wait(real.source(index)).map(|()| Some(index)),
        Op::Any(order) => {
            let [a, b] = order.map(|index| on(real.source(index), move |()| Some(index)));
            wait_any(&[&a, &b])
        }
        Op::All | Op::TryAll => {
            let [a, b, c] = [0, 1, 2].map(|index| on(real.source(index), move |()| Some(index)));
            match op {
                Op::All => wait_any(&[&a, &b, &c]),
                _ => Ok(try_any(&[&a, &b, &c]).flatten()),
            }
        }
        Op::Add(index, count) => {
            let tickets = &real.tickets[index];
            tickets.left.set(tickets.left.get() + count);
            while tickets.left.get() > 0 && tickets.queue.wake_one() {}
            Ok(None)
        }
        Op::Resume => Ok(real.wakeup.resume().then_some(2)),
        Op::Reset => {
            real.wakeup.reset();
            Ok(None)
        }
        Op::Stop => {
            real.wakeup.stop();
            Ok(None)
        }
    }
}

/// For each source who waits for it, in order, and what it has; the wake-up's is as good as endless
/// when triggered.
#[derive(Default)]
struct Plain {
    waiting: [VecDeque<usize>; SOURCES],
    left: [u32; SOURCES],
    stopped: bool,
}

impl Plain {
    fn take(&mut self, index: usize) -> bool {
        let ready = self.left[index] > 0;
        if ready && index < 2 {
            self.left[index] -= 1;
        }
        ready
    }

    fn first(&mut self, sources: &[usize]) -> Option<usize> {
        sources.iter().copied().find(|&index| self.take(index))
    }

    fn serve(&mut self, index: usize, served: &mut model::Served<Outcome>) {
        while self.left[index] > 0
            && let Some(puppet) = self.waiting[index].pop_front()
        {
            self.take(index);
            self.forget(puppet);
            served.push((puppet, Ok(Some(index))));
        }
    }

    fn forget(&mut self, puppet: usize) {
        for queue in &mut self.waiting {
            queue.retain(|&other| other != puppet);
        }
    }
}

impl model::Model for Plain {
    type Op = Op;
    type Outcome = Outcome;

    fn choose(&mut self, rng: &mut Rng, _puppet: usize) -> Op {
        match rng.below(12) {
            0 | 1 => Op::One(rng.below(SOURCES)),
            2 | 3 => {
                let first = rng.below(SOURCES);
                Op::Any([first, (first + 1 + rng.below(2)) % SOURCES])
            }
            4 | 5 => Op::All,
            6 => Op::TryAll,
            7 | 8 => Op::Add(rng.below(2), 1 + rng.below(2) as u32),
            9 => Op::Resume,
            10 => Op::Reset,
            _ => Op::Stop,
        }
    }

    fn perform(
        &mut self,
        puppet: usize,
        op: Op,
        served: &mut model::Served<Outcome>,
    ) -> Option<Outcome> {
        let one;
        let sources: &[usize] = match &op {
            Op::One(index) => {
                one = [*index];
                &one
            }
            Op::Any(order) => order,
            Op::All => &[0, 1, 2],
            Op::TryAll => return Some(Ok(self.first(&[0, 1, 2]))),
            Op::Add(index, count) => {
                self.left[*index] += count;
                self.serve(*index, served);
                return Some(Ok(None));
            }
            Op::Resume => {
                let armed = !self.stopped && self.left[2] == 0;
                if armed {
                    self.left[2] = 1;
                    self.serve(2, served);
                }
                return Some(Ok(armed.then_some(2)));
            }
            Op::Reset | Op::Stop => {
                self.left[2] = 0;
                self.stopped = matches!(op, Op::Stop);
                return Some(Ok(None));
            }
        };
        if let Some(index) = self.first(sources) {
            return Some(Ok(Some(index)));
        }
        for &index in sources {
            self.waiting[index].push_back(puppet);
        }
        None
    }

    fn interrupt(&mut self, puppet: usize, _served: &mut model::Served<Outcome>) -> Outcome {
        self.forget(puppet);
        Err(Interrupt::Cancelled)
    }
}

#[test]
fn waits_wake_ups_and_cancellations_in_any_order() {
    model::run(
        0..400,
        Plain::default,
        Real::default,
        act,
        |real, plain, over| {
            for index in 0..SOURCES {
                let empty = real.source(index).queue().is_empty();
                assert_eq!(empty, plain.waiting[index].is_empty(), "source {index}");
                assert!(empty || !over);
            }
            for (tickets, left) in real.tickets.iter().zip(plain.left) {
                assert_eq!(tickets.left.get(), left);
            }
        },
    );
}
