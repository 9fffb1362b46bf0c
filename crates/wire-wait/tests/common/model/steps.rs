//! What the director does, as data.

use super::{Model, PUPPETS};
use crate::common::Rng;

/// What a sequence is made of. Any sequence of these can be followed, so any part of one can be left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step<O> {
    /// Tells a puppet to do this after what it was told before, unless that is a lot; one that is gone
    /// is started anew.
    Do(usize, O),
    /// The same, in a destructor, while it unwinds from a panic.
    Unwind(usize, O),
    /// Cancels a puppet, which leaves as soon as it has nothing to do any more.
    Cancel(usize),
    /// Lets the deadline pass of what a puppet does or is about to do.
    Deadline(usize),
    /// Cancels one that was made to go on and has not run since, if there is one.
    CancelWoken,
    /// Lets the deadline pass of one.
    DeadlineWoken,
    /// Lets each run that can, once.
    Turn,
    /// Lets all run until nobody can.
    Settle,
}

impl<O> Step<O> {
    pub fn who(&self) -> Option<usize> {
        match *self {
            Step::Do(who, _) | Step::Unwind(who, _) | Step::Cancel(who) | Step::Deadline(who) => {
                Some(who)
            }
            Step::CancelWoken | Step::DeadlineWoken | Step::Turn | Step::Settle => None,
        }
    }
}

/// Draws a sequence. How many puppets, how seldom they run and how often they are interrupted is
/// drawn first, so that sequences differ in kind.
pub fn random<M: Model>(seed: u64, steps: &mut Vec<Step<M::Op>>) {
    let mut rng = Rng::new(seed);
    let puppets = 2 + rng.below(PUPPETS - 1);
    let busy = 2 + rng.below(6);
    let interrupts = rng.below(8);
    let length = 4 + rng.below(76);
    steps.clear();
    for nth in 0..length {
        let who = rng.below(puppets);
        let op = M::random(&mut rng, nth as u32);
        let interrupt = match rng.below(6) {
            0 | 1 => Step::Cancel(who),
            2..5 => Step::Deadline(who),
            _ => Step::Unwind(who, op),
        };
        // Only right behind a turn is there somebody who was served in it and has not run since.
        let behind_a_turn = steps.last() == Some(&Step::Turn);
        steps.push(match rng.below(busy + 1) {
            _ if behind_a_turn && interrupts > 0 && rng.one_in(3) => match rng.below(2) {
                0 => Step::CancelWoken,
                _ => Step::DeadlineWoken,
            },
            _ if rng.below(24) < interrupts => interrupt,
            0 if rng.one_in(4) => Step::Settle,
            0 => Step::Turn,
            _ => Step::Do(who, op),
        });
    }
}
