//! Two barriers, of different size.

use wire_core::Interrupt;
use wire_lock::Barrier;

use crate::common::Rng;
use crate::common::model::{Model, Stage};

const SIZES: [usize; 2] = [2, 3];

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    Wait(usize),
}

#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    Through { leader: bool },
    Interrupted(Interrupt),
}

pub(crate) struct Real([Barrier; 2]);

impl Default for Real {
    fn default() -> Real {
        Real(SIZES.map(Barrier::new))
    }
}

/// Who is there.
#[derive(Default)]
pub(crate) struct Plain {
    here: [Vec<usize>; 2],
}

impl Model for Plain {
    type Real = Real;
    type Held = ();
    type Op = Op;
    type Outcome = Outcome;

    fn random(rng: &mut Rng, _nth: u32) -> Op {
        Op::Wait(rng.below(2))
    }

    fn simpler(Op::Wait(index): Op) -> Vec<Op> {
        (0..index).map(Op::Wait).collect()
    }

    fn act(Real(real): &'static Real, (): &mut (), Op::Wait(index): Op) -> Outcome {
        match real[index].wait() {
            Ok(result) => Outcome::Through {
                leader: result.is_leader(),
            },
            Err(why) => Outcome::Interrupted(why),
        }
    }

    fn begin(
        &mut self,
        who: usize,
        Op::Wait(index): Op,
        stage: &mut Stage<Self>,
    ) -> Option<Outcome> {
        let here = &mut self.here[index];
        if here.len() + 1 < SIZES[index] {
            here.push(who);
            return None;
        }
        for other in here.drain(..) {
            stage.serve(other, Outcome::Through { leader: false });
        }
        Some(Outcome::Through { leader: true })
    }

    fn interrupted(
        &mut self,
        who: usize,
        why: Interrupt,
        _stage: &mut Stage<Self>,
    ) -> Option<Outcome> {
        for here in &mut self.here {
            here.retain(|&other| other != who);
        }
        Some(Outcome::Interrupted(why))
    }

    fn compare(&self, Real(real): &Real, over: bool) {
        for (real, here) in real.iter().zip(&self.here) {
            assert_eq!(real.waiting(), here.len());
            assert!(!over || here.is_empty());
        }
    }
}
