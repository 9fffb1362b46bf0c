//! What `common::model` is worth: planted faults are found, told, and shrunk to what matters.
mod common;

use std::cell::Cell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;

use common::Rng;
use common::model::{self, Model, Stage, Step};
use wire_core::{Interrupt, Kind, Node, Reason, WaitQueue, shield, suspend, yield_now};

static GATE: Kind = Kind::new("gate");

/// Faults that a gate can have.
mod fault {
    pub(crate) const NONE: usize = 0;
    pub(crate) const NEWEST_FIRST: usize = 1;
    pub(crate) const PANICS_AT_SEVEN: usize = 2;
    pub(crate) const NEVER_LETS_GO: usize = 3;
    pub(crate) const LEAVES_A_TRACE: usize = 4;
    pub(crate) const TURNS_FOR_EVER: usize = 5;
    pub(crate) const IGNORES_DEADLINES: usize = 6;
    pub(crate) const FORGETS_WHEN_UNWINDING: usize = 7;
    pub(crate) const LOSES_WHO_WAS_WOKEN: usize = 8;
}

/// Wires wait at it until they are let through, one by one.
#[derive(Default)]
struct Gate {
    waiting: WaitQueue,
    count: Cell<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Op {
    Wait,
    Open,
    Say(u32),
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Through,
    Interrupted(Interrupt),
    Opened(bool),
    Said(u32),
}

#[derive(Default)]
struct Plain<const FAULT: usize> {
    waiting: VecDeque<usize>,
}

impl<const FAULT: usize> Model for Plain<FAULT> {
    type Real = Gate;
    type Held = ();
    type Op = Op;
    type Outcome = Outcome;

    fn random(rng: &mut Rng, nth: u32) -> Op {
        match rng.below(6) {
            0..3 => Op::Wait,
            3 => Op::Open,
            _ => Op::Say(nth),
        }
    }

    fn simpler(op: Op) -> Vec<Op> {
        match op {
            Op::Say(number) if number > 0 => {
                vec![Op::Say(0), Op::Say(number / 2), Op::Say(number - 1)]
            }
            _ => vec![],
        }
    }

    fn act(gate: &'static Gate, (): &mut (), op: Op) -> Outcome {
        match op {
            Op::Wait => {
                gate.count.set(gate.count.get() + 1);
                let result = wait::<FAULT>(gate);
                if result.is_ok() || FAULT != fault::LEAVES_A_TRACE {
                    gate.count.set(gate.count.get() - 1);
                }
                result.map_or_else(Outcome::Interrupted, |()| Outcome::Through)
            }
            Op::Open if FAULT == fault::FORGETS_WHEN_UNWINDING && std::thread::panicking() => {
                Outcome::Opened(false)
            }
            Op::Open if FAULT == fault::NEWEST_FIRST => {
                let nodes: Vec<_> = std::iter::from_fn(|| gate.waiting.pop()).collect();
                let Some((newest, others)) = nodes.split_last() else {
                    return Outcome::Opened(false);
                };
                // SAFETY: all were in the queue just now, and no wire has run since.
                unsafe {
                    for node in others {
                        gate.waiting
                            .push(std::pin::Pin::new_unchecked(node.as_ref()));
                    }
                    Node::wake(*newest);
                }
                Outcome::Opened(true)
            }
            Op::Open => Outcome::Opened(gate.waiting.wake_one()),
            Op::Say(number) => {
                assert!(FAULT != fault::PANICS_AT_SEVEN || number < 7, "planted");
                if FAULT == fault::TURNS_FOR_EVER && number >= 7 {
                    loop {
                        yield_now();
                    }
                }
                Outcome::Said(number)
            }
        }
    }

    fn begin(&mut self, who: usize, op: Op, stage: &mut Stage<Self>) -> Option<Outcome> {
        match op {
            Op::Wait => {
                self.waiting.push_back(who);
                None
            }
            Op::Open => {
                let next = self.waiting.pop_front();
                if let Some(next) = next {
                    stage.serve(next, Outcome::Through);
                }
                Some(Outcome::Opened(next.is_some()))
            }
            Op::Say(number) => Some(Outcome::Said(number)),
        }
    }

    fn interrupted(&mut self, who: usize, why: Interrupt, _: &mut Stage<Self>) -> Option<Outcome> {
        self.waiting.retain(|&other| other != who);
        Some(Outcome::Interrupted(why))
    }

    fn compare(&self, gate: &Gate, over: bool) {
        assert_eq!(gate.waiting.is_empty(), self.waiting.is_empty());
        assert!(gate.count.get() >= self.waiting.len());
        assert!(!over || gate.count.get() == 0, "nobody waits any more");
    }
}

fn wait<const FAULT: usize>(gate: &Gate) -> Result<(), Interrupt> {
    match FAULT {
        fault::NEVER_LETS_GO => {
            let result = gate.waiting.wait(Reason::on(&GATE, gate));
            if result.is_err() {
                shield(|| while suspend().is_ok() {});
            }
            result
        }
        fault::IGNORES_DEADLINES => match gate.waiting.wait(Reason::on(&GATE, gate)) {
            Err(Interrupt::DeadlinePassed) => Ok(()),
            result => result,
        },
        fault::LOSES_WHO_WAS_WOKEN => {
            let node = pin!(Node::of_current_wire());
            // SAFETY: the gate is in no frame, and the node unlinks itself.
            unsafe { gate.waiting.push(node.as_ref()) };
            gate.waiting.wait_for(&node, Reason::on(&GATE, gate))?;
            wire_core::check_interrupt()
        }
        _ => gate.waiting.wait(Reason::on(&GATE, gate)),
    }
}

/// The sequence that the fault is found by, which has to fail again, and what was told of it.
fn find<const FAULT: usize>() -> (Vec<Step<Op>>, String) {
    let found = match model::find::<Plain<FAULT>>(0, 2_000) {
        Err(found) => found,
        Ok(_) => panic!("fault {FAULT} was not found"),
    };
    let again = model::find::<Plain<FAULT>>(found.seed, 1);
    assert!(again.is_err_and(|again| again.steps == found.steps));
    let replayed = catch_unwind(AssertUnwindSafe(|| {
        model::replay::<Plain<FAULT>>(&found.steps);
    }));
    assert!(replayed.is_err());
    model::replay::<Plain<{ fault::NONE }>>(&found.steps);
    (found.steps, found.what)
}

use Step::{Cancel, Deadline, Do, Turn, Unwind};

#[test]
fn without_a_fault_nothing_is_found() {
    model::check::<Plain<{ fault::NONE }>>();
}

#[test]
fn a_wrong_order() {
    let (steps, what) = find::<{ fault::NEWEST_FIRST }>();
    let expected = [Do(0, Op::Wait), Do(1, Op::Wait), Do(2, Op::Open)];
    assert_eq!(steps, expected);
    assert_eq!(what, "real:  1: Through\nmodel: 0: Through");
}

#[test]
fn a_panic_and_values_made_small() {
    let (steps, what) = find::<{ fault::PANICS_AT_SEVEN }>();
    assert_eq!(steps, [Do(0, Op::Say(7))]);
    assert!(
        what.contains("0 leaves") && what.contains("planted"),
        "{what}"
    );
}

#[test]
fn a_wire_that_cannot_be_ended() {
    let (steps, what) = find::<{ fault::NEVER_LETS_GO }>();
    assert_eq!(steps, [Do(0, Op::Wait)]);
    assert!(what.contains("model: 0: Interrupted(Cancelled)"), "{what}");
}

#[test]
fn what_is_left_behind() {
    let (steps, what) = find::<{ fault::LEAVES_A_TRACE }>();
    assert_eq!(steps, [Do(0, Op::Wait)]);
    assert!(what.contains("nobody waits any more"), "{what}");
}

#[test]
fn a_wire_that_does_not_come_to_an_end() {
    let (steps, what) = find::<{ fault::TURNS_FOR_EVER }>();
    assert_eq!(steps, [Do(0, Op::Say(7))]);
    assert!(what.contains("real:  nothing"), "{what}");
}

#[test]
fn a_deadline_that_is_ignored() {
    let (steps, _) = find::<{ fault::IGNORES_DEADLINES }>();
    assert_eq!(steps, [Do(0, Op::Wait), Turn, Deadline(0)]);
}

#[test]
fn what_is_lost_if_an_interrupt_comes_after_the_wake_up() {
    let (steps, what) = find::<{ fault::LOSES_WHO_WAS_WOKEN }>();
    assert!(steps.len() <= 5 && steps.contains(&Cancel(0)), "{steps:?}");
    assert!(what.contains("model: 0: Through"), "{what}");
}

#[test]
fn what_is_wrong_only_while_unwinding() {
    let (steps, _) = find::<{ fault::FORGETS_WHEN_UNWINDING }>();
    assert_eq!(steps, [Do(0, Op::Wait), Unwind(1, Op::Open)]);
}
