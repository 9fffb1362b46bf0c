//! What the benchmarks of single operations have in common: each of their samples is taken in a process of
//! its own, in rounds in which all who are measured take turns, and judged pair by pair within a round.
//!
//! A benchmark is a package with a type for [who](Who) and one for [what](What) is measured, and two
//! programs. The one called like the package takes the time, and starts itself for each sample: [`main`].
//! The other, called the same with `-allocations` behind it, does the same work on an allocator that
//! counts, which would slow down who allocates: [`counting`].

mod allocations;
pub mod counting;
mod instructions;
mod program;
mod report;
mod rounds;
mod sample;
mod samples;
pub mod stamp;
mod verdict;

pub use program::{Program, main};
pub use sample::{Cost, Plan, Sample};

use clap::ValueEnum;

/// Who is measured: all of them, each in the fastest configuration that its documentation has.
pub trait Who: ValueEnum + Copy + Ord + Send + Sync + 'static {
    type What: What<Who = Self>;

    /// In the order of the tables.
    const ALL: &'static [Self];
    /// Whom the limits are for.
    const WIRES: Self;

    /// The column's head.
    fn title(self) -> &'static str;

    /// How it is run.
    fn configuration(self) -> &'static str;

    /// Why there is nothing to measure, if that is so.
    fn abstains(self, what: Self::What) -> Option<&'static str>;

    /// Whether everything happens in one thread that never waits for the kernel, so that all of it is
    /// seen in processor time and by callgrind.
    fn is_one_thread(self) -> bool;

    /// Whether its instructions are worth counting.
    fn has_instructions(self) -> bool {
        self.is_one_thread()
    }

    /// Operations are a thousand times as slow as those of wires.
    fn is_slow(self) -> bool {
        false
    }

    /// Does the operations and says what they cost. Once in a process.
    ///
    /// # Errors
    ///
    /// If it abstains, or did something else than it was told.
    ///
    /// # Panics
    ///
    /// If the system has no room.
    fn measure(self, what: Self::What, plan: Plan) -> Result<Cost, String>;
}

/// What is measured, and what it may cost: a row of the tables.
pub trait What: ValueEnum + Copy + Ord + Send + Sync + 'static {
    type Who: Who<What = Self>;

    /// In the order of the tables.
    const ALL: &'static [Self];
    /// What is always measured, as others are measured against it.
    const ALWAYS: Self;

    /// As the tables have it.
    fn title(self) -> &'static str;

    /// At most this many times what that costs.
    fn limit(self) -> Option<(f64, Reference<Self>)>;

    /// Who else the wires are compared with, for information.
    fn aside(self) -> &'static [Self::Who];

    /// Whether its instructions are worth counting.
    fn has_instructions(self) -> bool;
}

/// What an operation of the wires is measured against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference<W: What> {
    /// The same operation of others: the one of these who is fastest in it.
    Peers(&'static [W::Who]),
    /// Another operation of the wires.
    Own(W),
}

type Outcome<T> = Result<T, String>;

#[cfg(test)]
mod example;
