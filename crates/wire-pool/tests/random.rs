//! Random spawns, ends and cancellations on a small pool, against a plain queue: who gets a wire, who
//! goes without, and that none is lost.
mod common;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use common::{AnyPool, STACK, mapped};
use wire_pool::wire_core::{Handle, is_only_one, suspend};
use wire_pool::{Local, Pool, SpawnError, run, yield_now};

/// How many wires the pool has.
const WIRES: usize = 3;
const STEPS: usize = 2000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    None,
    Served,
    Interrupted,
}

/// The pool as it should be. Clients are numbered as they come.
#[derive(Default)]
struct Model {
    outcomes: Vec<Outcome>,
    holding: Vec<usize>,
    waiting: VecDeque<usize>,
}

impl Model {
    fn serve(&mut self, client: usize) {
        self.holding.push(client);
        self.outcomes[client] = Outcome::Served;
    }

    fn come(&mut self) {
        let client = self.outcomes.len();
        self.outcomes.push(Outcome::None);
        if self.holding.len() < WIRES {
            self.serve(client);
        } else {
            self.waiting.push_back(client);
        }
    }

    fn end(&mut self, client: usize) {
        self.holding.retain(|&holds| holds != client);
        if let Some(next) = self.waiting.pop_front() {
            self.serve(next);
        }
    }

    fn cancel(&mut self, client: usize) {
        if let Some(at) = self.waiting.iter().position(|&waits| waits == client) {
            self.waiting.remove(at);
            self.outcomes[client] = Outcome::Interrupted;
        }
    }
}

/// What really comes of the clients.
#[derive(Default)]
struct Seen {
    outcomes: Vec<Outcome>,
    /// The wires of those that were served.
    wires: Vec<Option<Handle<'static>>>,
}

/// Starts the next client, which waits for a wire of the pool and is done when it has one.
fn client(
    pool: &'static impl AnyPool,
    by: &'static impl AnyPool,
    seen: &Rc<RefCell<Seen>>,
) -> Handle<'static> {
    let number = seen.borrow().outcomes.len();
    seen.borrow_mut().outcomes.push(Outcome::None);
    seen.borrow_mut().wires.push(None);
    let seen = Rc::clone(seen);
    let body = move || {
        let outcome = pool.go("holds", suspend);
        let mut seen = seen.borrow_mut();
        seen.outcomes[number] = match outcome {
            Ok(wire) => {
                seen.wires[number] = Some(wire.handle());
                Outcome::Served
            }
            Err(SpawnError::Interrupted(_)) => Outcome::Interrupted,
            Err(error) => panic!("{error}"),
        };
    };
    by.go("client", body).unwrap().handle()
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

#[test]
fn who_waits_for_a_wire_is_served_as_by_a_plain_queue_whatever_else_happens() {
    static POOL: Local<Pool<WIRES, STACK>> = Local::new(Pool::new());
    for seed in [17, 0x5eed, 0xfeed_beef] {
        check(&*POOL, seed);
        check(mapped(WIRES), seed);
    }
}

fn settle() {
    while !is_only_one() {
        yield_now();
    }
}

fn check(pool: &'static impl AnyPool, seed: u64) {
    let (mut random, mut model) = (Random(seed), Model::default());
    let seen: Rc<RefCell<Seen>> = Rc::default();
    let clients = mapped(64);
    let (mut handles, mut most_waiting) = (Vec::new(), 0);
    run(|| {
        for step in 0..STEPS {
            // What is done in a step happens in its order, but before any of it is answered: so one
            // who was promised a wire may be cancelled, and newcomers meet one that is promised.
            let known = handles.len();
            for _ in 0..1 + random.below(4) {
                match random.below(7) {
                    0..3 if model.waiting.len() < 20 => {
                        handles.push(client(pool, clients, &seen));
                        model.come();
                    }
                    n @ 3..5 => {
                        // One that was served in an earlier step.
                        let wires = &seen.borrow().wires;
                        let mut holders = model.holding.clone();
                        holders.retain(|&client| wires[client].is_some());
                        if !holders.is_empty() {
                            let holder = holders[random.below(holders.len())];
                            let wire = wires[holder].unwrap();
                            if n == 3 {
                                wire.resume()
                            } else {
                                wire.cancel()
                            }
                            model.end(holder);
                        }
                    }
                    5 if known > 0 => {
                        // Mostly one that waits, or was promised a wire in this very step.
                        let client = known - 1 - random.below(known.min(8));
                        handles[client].cancel();
                        model.cancel(client);
                    }
                    6 if !model.waiting.is_empty() => {
                        let client = model.waiting[random.below(model.waiting.len())];
                        // One that has not run yet would never come.
                        if client < known {
                            handles[client].cancel();
                            model.cancel(client);
                        }
                    }
                    _ => {}
                }
            }
            settle();
            most_waiting = most_waiting.max(model.waiting.len());
            assert_eq!(seen.borrow().outcomes, model.outcomes, "step {step}");
            assert_eq!(pool.in_use(), model.holding.len(), "step {step}");
        }
        let interrupted = |outcome: &&Outcome| **outcome == Outcome::Interrupted;
        let interrupted = model.outcomes.iter().filter(interrupted).count();
        assert!(most_waiting > 5 && interrupted > 100, "too easy");
        model
            .waiting
            .iter()
            .for_each(|&client| handles[client].cancel());
        settle();
        let last = model
            .holding
            .iter()
            .map(|&client| seen.borrow().wires[client]);
        last.for_each(|wire| wire.unwrap().resume());
        pool.idle().unwrap();
        let wires = [(); WIRES].map(|()| pool.go("all there", || ()).unwrap());
        wires.into_iter().for_each(|wire| wire.join().unwrap());
    });
}
