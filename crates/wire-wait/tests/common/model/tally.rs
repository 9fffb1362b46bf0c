//! Counts where interrupts hit, so that a sequence generator that leaves out a place does not go unnoticed.

use std::fmt::{self, Debug};
use std::mem::{Discriminant, discriminant};

use wire_core::Interrupt;

/// Where an operation was when an interrupt came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Moment {
    /// Told, and not begun.
    Before,
    Waiting,
    /// Made to go on, and not yet run.
    Woken,
    /// Interrupts put off.
    Held,
}

const MOMENTS: [Moment; 4] = [Moment::Before, Moment::Waiting, Moment::Woken, Moment::Held];
const INTERRUPTS: [Interrupt; 3] = [
    Interrupt::Cancelled,
    Interrupt::DeadlinePassed,
    Interrupt::Unwinding,
];

struct Kind<O> {
    tag: Discriminant<O>,
    name: String,
    begun: u64,
    waited: u64,
    /// Of these, with interrupts put off from the start.
    waited_held: u64,
    hits: [[u64; INTERRUPTS.len()]; MOMENTS.len()],
}

/// By kind of operation, what became of it.
pub struct Tally<O> {
    kinds: Vec<Kind<O>>,
}

impl<O: Copy + Debug> Tally<O> {
    pub fn new() -> Self {
        Tally { kinds: Vec::new() }
    }

    /// An operation begins, with this interrupt pending. Gives the number of its kind.
    pub fn begins(&mut self, op: O, pending: Option<Interrupt>) -> usize {
        let tag = discriminant(&op);
        let known = self.kinds.iter().position(|kind| kind.tag == tag);
        let index = known.unwrap_or_else(|| {
            let name = format!("{op:?}");
            let end = name.find(|c: char| !c.is_alphanumeric());
            self.kinds.push(Kind {
                tag,
                name: name[..end.unwrap_or(name.len())].into(),
                begun: 0,
                waited: 0,
                waited_held: 0,
                hits: Default::default(),
            });
            self.kinds.len() - 1
        });
        self.kinds[index].begun += 1;
        if let Some(why) = pending {
            self.interrupted(index, Moment::Before, why);
        }
        index
    }

    pub fn waits(&mut self, kind: usize, held: bool) {
        self.kinds[kind].waited += 1;
        self.kinds[kind].waited_held += u64::from(held);
    }

    pub fn interrupted(&mut self, kind: usize, moment: Moment, why: Interrupt) {
        let why = INTERRUPTS.iter().position(|&known| known == why).unwrap();
        self.kinds[kind].hits[moment as usize][why] += 1;
    }

    pub fn operations(&self) -> u64 {
        self.kinds.iter().map(|kind| kind.begun).sum()
    }

    /// What was never seen, of operations that do wait.
    pub fn gaps(&self) -> Vec<String> {
        let mut gaps = Vec::new();
        for kind in self.kinds.iter().filter(|kind| kind.waited > 0) {
            for (moment, hits) in MOMENTS.into_iter().zip(kind.hits) {
                // Not all lend their memory, and some only wait while they do.
                let not_its_way = match moment {
                    Moment::Held => hits == [0; 3],
                    Moment::Waiting => kind.waited_held == kind.waited,
                    Moment::Before | Moment::Woken => false,
                };
                if not_its_way {
                    continue;
                }
                for (why, hits) in INTERRUPTS.into_iter().zip(hits) {
                    // A wire that unwinds does not wait.
                    let possible = why != Interrupt::Unwinding || moment == Moment::Before;
                    if possible && hits == 0 {
                        gaps.push(format!("{}: {moment:?}, {why:?}", kind.name));
                    }
                }
            }
        }
        gaps
    }
}

impl<O> fmt::Display for Tally<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "    {:<16}{:>10}{:>10}   cancelled, deadline, (unwinding): before, waiting, woken, held",
            "", "begun", "waited"
        )?;
        for kind in &self.kinds {
            write!(
                f,
                "    {:<16}{:>10}{:>10}  ",
                kind.name, kind.begun, kind.waited
            )?;
            let [cancelled, deadline, unwinding] = kind.hits[Moment::Before as usize];
            write!(f, " {cancelled} {deadline} {unwinding}")?;
            for [cancelled, deadline, _] in &kind.hits[1..] {
                write!(f, " | {cancelled} {deadline}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
