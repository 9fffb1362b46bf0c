//! Random operations on the real thing and on a plain model of it, side by side.
//!
//! A handful of wires, the *puppets*, are told what to do in batches; within a batch nobody runs, so
//! that wake-ups, hand-overs and cancellations meet in every order. The model is told the same and
//! keeps a ready queue of its own, strictly first in, first out: so it knows exactly who gets what.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt::Debug;
use std::ptr::NonNull;
use std::rc::Rc;

use wire_core::{JoinHandle, Wire, suspend};

use super::{Rng, leak, memory, settle, stack_in};

pub const PUPPETS: usize = 5;
const BATCHES: usize = 40;

/// What one puppet has done, by index.
pub type Served<R> = Vec<(usize, R)>;

/// The plain model of a primitive.
pub trait Model {
    /// An operation.
    type Op: Copy + Debug + 'static;
    /// Its outcome.
    type Outcome: PartialEq + Debug + 'static;

    /// What `puppet`, which is free, may be told next.
    fn choose(&mut self, rng: &mut Rng, puppet: usize) -> Self::Op;
    /// `puppet` does it: the outcome, or `None` if it waits. Others served go to `served`.
    fn perform(
        &mut self,
        puppet: usize,
        op: Self::Op,
        served: &mut Served<Self::Outcome>,
    ) -> Option<Self::Outcome>;
    /// `puppet`, which waits, does so no longer.
    fn interrupt(&mut self, puppet: usize, served: &mut Served<Self::Outcome>) -> Self::Outcome;
    /// `puppet`, which was served before, runs again.
    fn ran(&mut self, _puppet: usize, _served: &mut Served<Self::Outcome>) {}
    /// Whether interrupts of `puppet` are put off.
    fn held(&self, _puppet: usize) -> bool {
        false
    }
    /// `puppet` is over, and drops what it holds.
    fn leave(&mut self, _puppet: usize, _served: &mut Served<Self::Outcome>) {}
}

struct Mailbox<M: Model> {
    op: Cell<Option<M::Op>>,
    outcome: Cell<Option<M::Outcome>>,
}

struct Puppet<M: Model> {
    wire: &'static Wire,
    memory: NonNull<u8>,
    mailbox: Rc<Mailbox<M>>,
    handle: Option<JoinHandle<'static, ()>>,
    /// As the model sees it: what it was told and has not begun; whether it waits; is cancelled.
    told: Option<M::Op>,
    waits: bool,
    cancelled: bool,
    ready: bool,
    outcome: Option<M::Outcome>,
}

/// Runs one random sequence per seed. `act` does an operation on what `real` makes, in the puppet's
/// wire; a puppet keeps what it holds in its `H`. `check` looks at the real thing and the model
/// whenever nobody can run, and once all puppets are gone.
pub fn run<M, S, H>(
    seeds: std::ops::Range<u64>,
    model: impl Fn() -> M,
    real: impl Fn() -> S,
    act: fn(&'static S, &mut H, M::Op) -> M::Outcome,
    check: impl Fn(&S, &M, bool),
) where
    M: Model + 'static,
    S: 'static,
    H: Default + 'static,
{
    let places: [_; PUPPETS] = std::array::from_fn(|_| (leak(Wire::new()), memory()));
    for seed in seeds {
        let log = RefCell::new(Vec::new());
        let tell = Tell(seed, &log);
        wire_core::run(|| {
            let mut cast = Cast {
                rng: Rng::new(seed),
                model: model(),
                real: leak(real()),
                act,
                puppets: places.map(|(wire, memory)| Puppet {
                    wire,
                    memory,
                    mailbox: Rc::new(Mailbox {
                        op: Cell::new(None),
                        outcome: Cell::new(None),
                    }),
                    handle: None,
                    told: None,
                    waits: false,
                    cancelled: false,
                    ready: false,
                    outcome: None,
                }),
                ready: VecDeque::new(),
            };
            for _ in 0..BATCHES {
                cast.batch(&log);
                check(cast.real, &cast.model, false);
            }
            cast.end();
            check(cast.real, &cast.model, true);
        });
        std::mem::forget(tell);
    }
}

/// Tells how a sequence went that failed.
struct Tell<'a>(u64, &'a RefCell<Vec<String>>);

impl Drop for Tell<'_> {
    fn drop(&mut self) {
        eprintln!("seed {}:\n  {}", self.0, self.1.borrow().join("\n  "));
    }
}

struct Cast<M: Model, S: 'static, H> {
    rng: Rng,
    model: M,
    real: &'static S,
    act: fn(&'static S, &mut H, M::Op) -> M::Outcome,
    puppets: [Puppet<M>; PUPPETS],
    /// The model's ready queue.
    ready: VecDeque<usize>,
}

impl<M: Model + 'static, S: 'static, H: Default + 'static> Cast<M, S, H> {
    fn batch(&mut self, log: &RefCell<Vec<String>>) {
        for index in 0..PUPPETS {
            if self.puppets[index].handle.is_none() {
                self.start(index);
            }
        }
        settle();
        let count = 1 + self.rng.below(4);
        for _ in 0..count {
            let index = self.rng.below(PUPPETS);
            let free = {
                let puppet = &self.puppets[index];
                puppet.told.is_none() && !puppet.waits && !puppet.cancelled
            };
            if free {
                let op = self.model.choose(&mut self.rng, index);
                log.borrow_mut().push(format!("{index} does {op:?}"));
                let puppet = &mut self.puppets[index];
                puppet.told = Some(op);
                puppet.mailbox.op.set(Some(op));
                puppet.handle.as_ref().unwrap().handle().resume();
                self.queue(index);
            } else if self.rng.one_in(3) {
                log.borrow_mut().push(format!("{index} is cancelled"));
                self.cancel(index);
            }
        }
        self.play();
        log.borrow_mut().push("all run".into());
    }

    fn start(&mut self, index: usize) {
        let puppet = &mut self.puppets[index];
        let (mailbox, real, act) = (puppet.mailbox.clone(), self.real, self.act);
        let life = move || {
            let mut held = H::default();
            loop {
                match mailbox.op.take() {
                    Some(op) => mailbox.outcome.set(Some(act(real, &mut held, op))),
                    None if suspend().is_err() => return,
                    None => {}
                }
            }
        };
        let stack = stack_in(puppet.memory);
        puppet.handle = Some(puppet.wire.spawn(stack, "puppet", life).unwrap());
    }

    fn cancel(&mut self, index: usize) {
        let puppet = &mut self.puppets[index];
        puppet.handle.as_ref().unwrap().cancel();
        puppet.cancelled = true;
        if !self.model.held(index) {
            self.queue(index);
        }
    }

    /// The model's ready queue: a wire is in it once.
    fn queue(&mut self, index: usize) {
        if !std::mem::replace(&mut self.puppets[index].ready, true) {
            self.ready.push_back(index);
        }
    }

    /// Lets both run, and compares.
    fn play(&mut self) {
        settle();
        while let Some(index) = self.ready.pop_front() {
            self.puppets[index].ready = false;
            let mut served = Vec::new();
            if let Some(op) = self.puppets[index].told.take() {
                self.puppets[index].outcome = self.model.perform(index, op, &mut served);
                self.puppets[index].waits = self.puppets[index].outcome.is_none();
            }
            self.model.ran(index, &mut served);
            let cancelled = self.puppets[index].cancelled && !self.model.held(index);
            if cancelled && self.puppets[index].waits {
                self.puppets[index].waits = false;
                self.puppets[index].outcome = Some(self.model.interrupt(index, &mut served));
            }
            if cancelled {
                self.model.leave(index, &mut served);
            }
            for (index, outcome) in served {
                assert!(
                    self.puppets[index].waits,
                    "the model served one who does not wait"
                );
                self.puppets[index].waits = false;
                self.puppets[index].outcome = Some(outcome);
                self.queue(index);
            }
        }
        for (index, puppet) in self.puppets.iter_mut().enumerate() {
            let outcome = puppet.mailbox.outcome.take();
            assert_eq!(
                outcome,
                puppet.outcome.take(),
                "puppet {index}: real, model"
            );
            if puppet.cancelled {
                puppet.handle.take().unwrap().join().unwrap();
                puppet.cancelled = false;
            }
        }
    }

    fn end(&mut self) {
        for index in 0..PUPPETS {
            if self.puppets[index].handle.is_some() {
                self.cancel(index);
            }
        }
        self.play();
    }
}
