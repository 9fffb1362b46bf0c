//! The model's side: who is ready, who waits, who was interrupted, as wire-core promises it.

use std::collections::VecDeque;
use std::mem::{replace, take};

use wire_core::Interrupt;

use super::tally::{Moment, Tally};
use super::{Model, PUPPETS};

const DIRECTOR: usize = PUPPETS;
/// Who waits for long would otherwise be told more and more, and do it all in the end.
const TOLD_AT_ONCE: usize = 2;

/// What happened, in order.
#[derive(Debug, PartialEq)]
pub enum Event<O> {
    Did(usize, O),
    Left(usize),
}

#[derive(Clone, Copy, PartialEq)]
enum Life {
    Gone,
    /// Started, and has not run.
    Fresh,
    /// Suspended, or about to find something to do.
    Idle,
    Waits,
}

struct Part<M: Model> {
    life: Life,
    /// Made to go on, which no interrupt takes back.
    unblocked: bool,
    queued: bool,
    cancelled: bool,
    deadline: bool,
    /// What it was told and has not begun, and whether it is to unwind meanwhile.
    told: VecDeque<(M::Op, bool)>,
    served: Option<M::Outcome>,
    /// The operation under way, as `Tally` numbers it.
    kind: usize,
}

/// The model's view of the scheduler.
pub struct Stage<M: Model> {
    ready: VecDeque<usize>,
    parts: [Part<M>; PUPPETS],
    /// Who runs does so in a destructor.
    unwinding: bool,
    log: Vec<Event<M::Outcome>>,
}

impl<M: Model> Stage<M> {
    /// `who`, which waits, is served: with this outcome, whatever comes before it runs.
    pub fn serve(&mut self, who: usize, outcome: M::Outcome) {
        let part = &mut self.parts[who];
        assert!(
            part.life == Life::Waits && part.served.is_none(),
            "the model serves {who}, who does not wait"
        );
        part.served = Some(outcome);
        self.wake(who);
    }

    /// `who`, which waits, goes on to see for itself.
    pub fn wake(&mut self, who: usize) {
        self.parts[who].unblocked = true;
        self.queue(who);
    }

    /// What would end a wait of `who`, which runs, if it began now and nothing put that off.
    pub fn interrupt(&self, who: usize) -> Option<Interrupt> {
        let part = &self.parts[who];
        if self.unwinding {
            Some(Interrupt::Unwinding)
        } else if part.cancelled {
            Some(Interrupt::Cancelled)
        } else {
            part.deadline.then_some(Interrupt::DeadlinePassed)
        }
    }

    /// Whether who runs does so in a destructor of a wire that unwinds.
    pub fn unwinds(&self) -> bool {
        self.unwinding
    }

    fn queue(&mut self, who: usize) {
        if !replace(&mut self.parts[who].queued, true) {
            self.ready.push_back(who);
        }
    }
}

/// The model on its stage.
pub struct Play<'t, M: Model> {
    pub model: M,
    stage: Stage<M>,
    tally: &'t mut Tally<M::Op>,
}

impl<'t, M: Model> Play<'t, M> {
    pub fn new(tally: &'t mut Tally<M::Op>) -> Self {
        Play {
            model: M::default(),
            stage: Stage {
                ready: VecDeque::new(),
                parts: std::array::from_fn(|_| Part {
                    life: Life::Gone,
                    unblocked: false,
                    queued: false,
                    cancelled: false,
                    deadline: false,
                    told: VecDeque::new(),
                    served: None,
                    kind: 0,
                }),
                unwinding: false,
                log: Vec::new(),
            },
            tally,
        }
    }

    /// What was done since it was last cleared.
    pub fn log(&mut self) -> &mut Vec<Event<M::Outcome>> {
        &mut self.stage.log
    }

    pub fn is_gone(&self, who: usize) -> bool {
        self.stage.parts[who].life == Life::Gone
    }

    /// Whether `who` is suspended, and nothing has it go on.
    pub fn is_idle(&self, who: usize) -> bool {
        let part = &self.stage.parts[who];
        part.life == Life::Idle && !part.unblocked
    }

    /// One that was made to go on in its wait and has not run since.
    pub fn woken(&self) -> Option<usize> {
        let woken = |part: &Part<M>| part.life == Life::Waits && part.unblocked;
        self.stage.parts.iter().position(woken)
    }

    pub fn nobody_is_ready(&self) -> bool {
        self.stage.ready.is_empty()
    }

    /// Whether `who` can be told something more.
    pub fn listens(&self, who: usize) -> bool {
        self.stage.parts[who].told.len() < TOLD_AT_ONCE
    }

    pub fn tell(&mut self, who: usize, op: M::Op, unwind: bool) {
        let part = &mut self.stage.parts[who];
        part.told.push_back((op, unwind));
        match part.life {
            Life::Gone => part.life = Life::Fresh,
            Life::Idle => part.unblocked = true,
            Life::Fresh | Life::Waits => return,
        }
        self.stage.queue(who);
    }

    /// `who` forgets what it has not begun.
    pub fn untell(&mut self, who: usize) {
        self.stage.parts[who].told.clear();
    }

    pub fn cancel(&mut self, who: usize) {
        if !self.is_gone(who) && !replace(&mut self.stage.parts[who].cancelled, true) {
            self.interrupt(who, Interrupt::Cancelled);
        }
    }

    /// Lets the deadline pass of what `who` does or is about to do; says whether there is such a thing.
    pub fn deadline(&mut self, who: usize) -> bool {
        let part = &mut self.stage.parts[who];
        let has_one = match part.life {
            Life::Waits => true,
            Life::Idle => !part.told.is_empty(),
            Life::Gone | Life::Fresh => false,
        };
        if has_one && !replace(&mut part.deadline, true) {
            self.interrupt(who, Interrupt::DeadlinePassed);
        }
        has_one
    }

    fn interrupt(&mut self, who: usize, why: Interrupt) {
        let held = self.model.held(who);
        let part = &self.stage.parts[who];
        let moment = match part.life {
            Life::Waits if held => Some(Moment::Held),
            Life::Waits if part.unblocked => Some(Moment::Woken),
            Life::Waits => Some(Moment::Waiting),
            _ => None,
        };
        if let Some(moment) = moment {
            self.tally.interrupted(part.kind, moment, why);
        }
        if !held {
            self.stage.queue(who);
        }
    }

    /// All who are ready run, once.
    pub fn turn(&mut self) {
        self.stage.ready.push_back(DIRECTOR);
        while let Some(who) = self.stage.ready.pop_front() {
            if who == DIRECTOR {
                return;
            }
            self.run(who);
        }
    }

    fn run(&mut self, who: usize) {
        let part = &mut self.stage.parts[who];
        part.queued = false;
        let unblocked = take(&mut part.unblocked);
        match part.life {
            // One that never ran never will.
            Life::Fresh if part.cancelled => return self.leave(who),
            Life::Idle if !unblocked => return self.leave(who),
            Life::Gone => unreachable!("a puppet that is gone runs"),
            Life::Fresh | Life::Idle => part.life = Life::Idle,
            Life::Waits => {
                let outcome = match part.served.take() {
                    Some(outcome) => Some(outcome),
                    None => self.go_on(who, unblocked),
                };
                let Some(outcome) = outcome else { return };
                self.finish(who, outcome);
            }
        }
        while let Some((op, unwind)) = self.stage.parts[who].told.pop_front() {
            self.stage.unwinding = unwind;
            let kind = self.tally.begins(op, self.stage.interrupt(who));
            self.stage.parts[who].kind = kind;
            let outcome = self.model.begin(who, op, &mut self.stage);
            let outcome = outcome.or_else(|| self.look(who));
            self.stage.unwinding = false;
            match outcome {
                Some(outcome) => self.finish(who, outcome),
                None => {
                    let held = self.model.held(who);
                    self.tally.waits(kind, held);
                    self.stage.parts[who].life = Life::Waits;
                    return;
                }
            }
        }
        if self.stage.parts[who].cancelled {
            self.leave(who);
        }
    }

    /// `who` goes on in its wait.
    fn go_on(&mut self, who: usize, unblocked: bool) -> Option<M::Outcome> {
        let woken = if unblocked {
            self.model.woken(who, &mut self.stage)
        } else {
            None
        };
        woken.or_else(|| self.look(who))
    }

    /// What a wait does first.
    fn look(&mut self, who: usize) -> Option<M::Outcome> {
        let unwinds = self.stage.unwinding;
        if self.model.held(who) && !unwinds {
            return None;
        }
        let why = self.stage.interrupt(who)?;
        let outcome = self.model.interrupted(who, why, &mut self.stage);
        assert!(
            outcome.is_some() || self.model.held(who) && !unwinds,
            "the model has {who} wait on, whom {why:?} would interrupt"
        );
        outcome
    }

    fn finish(&mut self, who: usize, outcome: M::Outcome) {
        let part = &mut self.stage.parts[who];
        part.life = Life::Idle;
        part.deadline = false;
        self.stage.log.push(Event::Did(who, outcome));
    }

    fn leave(&mut self, who: usize) {
        self.model.leave(who, &mut self.stage);
        let part = &mut self.stage.parts[who];
        part.life = Life::Gone;
        part.cancelled = false;
        part.told.clear();
        self.stage.log.push(Event::Left(who));
    }
}
