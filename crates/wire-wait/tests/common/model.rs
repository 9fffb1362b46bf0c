//! Random operations on the real thing and on a plain model of it, side by side, and the smallest
//! sequence that tells them apart.
//!
//! ```text
//!             seed ──► steps, all drawn up front
//!                        │
//!          ┌─────────────┴─────────────┐        after each turn, both must have done the same,
//!          ▼                           ▼        in the same order, and look the same
//!   Cast: puppets, which are    Play: the model, and a
//!   wires on the real thing     scheduler's ready queue        a difference ──► shrink ──► report
//! ```
//!
//! A handful of wires, the *puppets*, are told what to do by the main wire, the *director*. It tells
//! them several things between two turns, so that wake-ups, hand-overs and interrupts meet in every
//! order. The model is told the same and has a ready queue of its own, strictly first in, first out:
//! so it knows exactly who gets what, and when. A puppet is interrupted before it begins, while it
//! waits, when it was served and has not run yet, and while others use its memory; `Tally` counts that
//! no such place was left out. An operation may also be done by a destructor in a wire that unwinds.
//!
//! `WIRE_MODEL_CASES` is how many sequences are tried per test, `WIRE_MODEL_SEED` the seed of the
//! first; those that follow have the numbers that follow. `cargo xtask deep models` tries a million.
//!
//! Why this and not the proptest crate: to draw 44 steps took it 40 µs, eight times as long as all the
//! rest of a sequence takes, and its shrinking leaves what only goes away in pairs.

mod cast;
mod play;
mod search;
mod shrink;
mod steps;
mod tally;

use std::fmt::Debug;

use wire_core::Interrupt;

use super::Rng;
pub use play::Stage;
#[allow(unused_imports, reason = "as for all that is shared")]
pub use search::{check, find, replay};
pub use steps::Step;

pub const PUPPETS: usize = 5;

/// A plain model of a primitive, and how to use the real one. `who` is a puppet, by its index.
pub trait Model: Default + 'static {
    /// What the puppets share.
    type Real: Default + 'static;
    /// What a puppet holds between its operations; dropped in its wire when it leaves.
    type Held: Default + 'static;
    type Op: Copy + PartialEq + Debug + Send + 'static;
    type Outcome: PartialEq + Debug + 'static;

    /// Any operation. `nth` is another number each time in a sequence.
    fn random(rng: &mut Rng, nth: u32) -> Self::Op;
    /// Operations that say the same in a simpler way, the simplest first.
    fn simpler(_op: Self::Op) -> Vec<Self::Op> {
        Vec::new()
    }
    /// Does it, in the puppet's wire.
    fn act(real: &'static Self::Real, held: &mut Self::Held, op: Self::Op) -> Self::Outcome;

    /// The puppet does it: the outcome, or `None` if it waits.
    fn begin(&mut self, who: usize, op: Self::Op, stage: &mut Stage<Self>)
    -> Option<Self::Outcome>;
    /// The puppet, which [`Stage::wake`] had go on, runs: the outcome, or `None` if it waits again.
    fn woken(&mut self, who: usize, _stage: &mut Stage<Self>) -> Option<Self::Outcome> {
        unreachable!("puppet {who} was woken, and not served")
    }
    /// The puppet's wait is ended: the outcome, or `None` if there is more to wait for.
    fn interrupted(
        &mut self,
        who: usize,
        why: Interrupt,
        stage: &mut Stage<Self>,
    ) -> Option<Self::Outcome>;
    /// Whether interrupts of the puppet are put off.
    fn held(&self, _who: usize) -> bool {
        false
    }
    /// The puppet is over, and drops what it holds.
    fn leave(&mut self, _who: usize, _stage: &mut Stage<Self>) {}
    /// Panics if the two do not look the same, now that nobody runs. When it is `over`, all puppets
    /// are gone.
    fn compare(&self, real: &Self::Real, over: bool);
}
