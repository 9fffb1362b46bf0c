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
pub use verdict::Verdict;

use clap::ValueEnum;

/// Who is measured: all of them, each in the fastest configuration that its documentation has.
pub trait Who: ValueEnum + Copy + Ord + Send + Sync + 'static {
    type What: What<Who = Self>;

    /// In the order of the tables.
    const ALL: &'static [Self];
    /// Whom the limits are for.
    const WIRES: Self;
    /// Samples of each in each row, if nothing else is said.
    const SAMPLES: usize = 11;
    /// The least number of them that `--check` accepts.
    const FEWEST: usize = 9;

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

    /// Whatever else belongs to this benchmark: prints it, and says whether it was kept. What it measures
    /// is to be kept to this processor.
    fn further(cpu: usize) -> Vec<Verdict> {
        let _ = cpu;
        Vec::new()
    }
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

    /// At most this many times what that costs, too.
    fn second_limit(self) -> Option<(f64, Reference<Self>)> {
        None
    }

    /// Operations of each sample, where it is not processor time that tells how many there should be.
    fn operations(self) -> Option<u64> {
        None
    }

    /// So many samples of each in a round: short ones next to each other see more of the same machine.
    fn repeats(self) -> usize {
        1
    }

    /// Rounds that have it, where a few will do because nothing is judged by it.
    fn rounds(self) -> usize {
        usize::MAX
    }

    /// Whether allocations are counted in it.
    fn has_allocations(self) -> bool {
        true
    }

    /// Whether it waits for something outside, so that the processor is not in use all the time.
    fn waits(self) -> bool {
        self.pace().is_some()
    }

    /// How often it is asked for, where it goes by a clock.
    fn pace(self) -> Option<Pace> {
        None
    }

    /// Who else the wires are compared with, for information.
    fn aside(self) -> &'static [Self::Who];

    /// Whether its instructions are worth counting.
    fn has_instructions(self) -> bool;

    /// At most so many instructions more than those of that one.
    fn more_instructions(self) -> Option<(f64, Self::Who)> {
        None
    }
}

/// How often an operation is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub per_second: f64,
    /// The share of them that wires must do in time; without, it is told for information.
    pub least: Option<f64>,
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
