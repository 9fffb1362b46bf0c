//! One measurement in a process of its own: somebody does the operations of a row, and what they cost is
//! printed.

use std::fmt;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::{Pid, alarm};

use crate::Who;

/// Seconds after which a sample that did not end is killed.
const LONGEST: u32 = 60;

/// How much is done: at least `operations` while time is taken, after at least `warm_up`.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub operations: u64,
    pub warm_up: u64,
}

impl Plan {
    /// The shares of each of `number` that take part.
    #[must_use]
    pub fn each(self, number: usize) -> Plan {
        let number = number as u64;
        Plan {
            operations: self.operations.div_ceil(number),
            warm_up: self.warm_up.div_ceil(number),
        }
    }
}

/// What to measure, as a command line has it.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Sample<W: Who> {
    pub participant: W,
    pub row: W::What,
    /// Operations while time is taken, at least
    pub operations: u64,
    /// Operations before, at least
    pub warm_up: u64,
    /// The processor to keep to
    #[arg(long)]
    pub cpu: Option<usize>,
}

impl<W: Who> Sample<W> {
    /// Does it and prints its [`Cost`].
    ///
    /// # Errors
    ///
    /// If it cannot be had here.
    pub fn run(self) -> Result<(), String> {
        // One that hangs must not take the others with it; the signal ends the process.
        alarm::set(LONGEST);
        if let Some(cpu) = self.cpu {
            pin(cpu).map_err(|error| format!("processor {cpu}: {error}"))?;
        }
        let plan = Plan {
            operations: self.operations,
            warm_up: self.warm_up,
        };
        println!("{}", self.participant.measure(self.row, plan)?);
        Ok(())
    }
}

fn pin(cpu: usize) -> nix::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    sched_setaffinity(Pid::from_raw(0), &set)
}

/// What a sample came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    pub operations: u64,
    /// Nanoseconds of processor time, of the whole process, in user code and in the kernel.
    pub cpu: u64,
    /// Nanoseconds that went by.
    pub wall: u64,
    pub allocations: u64,
}

impl Cost {
    /// Nanoseconds of processor time per operation.
    #[must_use]
    pub fn each(&self) -> f64 {
        self.cpu as f64 / self.operations as f64
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cost {
            operations,
            cpu,
            wall,
            allocations,
        } = self;
        write!(f, "{operations} {cpu} {wall} {allocations}")
    }
}

impl std::str::FromStr for Cost {
    type Err = String;

    fn from_str(text: &str) -> Result<Cost, String> {
        let numbers: Result<Vec<u64>, _> = text.split_whitespace().map(str::parse).collect();
        match numbers.as_deref() {
            Ok(&[operations @ 1..=u64::MAX, cpu, wall, allocations]) => Ok(Cost {
                operations,
                cpu,
                wall,
                allocations,
            }),
            _ => Err(format!("a sample printed {text:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cost, Plan};

    #[test]
    fn a_cost_survives_being_printed() {
        let cost = Cost {
            operations: 4,
            cpu: 10,
            wall: 12,
            allocations: 1,
        };
        assert_eq!(cost.to_string().parse(), Ok(cost));
        assert_eq!(cost.each(), 2.5);
        assert!("".parse::<Cost>().is_err());
        assert!("0 1 1 1".parse::<Cost>().is_err());
    }

    #[test]
    fn shares_make_up_the_whole() {
        let plan = Plan {
            operations: 10,
            warm_up: 1,
        };
        assert_eq!(plan.each(3).operations, 4);
        assert_eq!(plan.each(3).warm_up, 1);
    }
}
