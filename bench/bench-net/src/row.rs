//! What is measured, and what it may cost.

use std::time::Duration;

use bench_harness::{Pace, Reference, What};
use clap::ValueEnum;

use crate::participant::Participant;

/// How long a sleep takes.
pub const SLEEP: Duration = Duration::from_millis(10);

/// One operation, measured on all who have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Row {
    /// 64 bytes echoed on one connection
    Echo1,
    /// The same on 64, each of which asks again when it has its answer
    Echo64,
    /// The same on 1,000
    Echo1000,
    /// A yield, with two who do nothing else
    Yield,
    /// The same, with a third who waits for a descriptor
    YieldIdle,
    /// A sleep of 10 ms, by 10,000 who do nothing else
    Sleep10000,
    /// The same, by 100,000
    Sleep100000,
}

impl Row {
    /// Connections of an echo.
    #[must_use]
    pub fn connections(self) -> Option<usize> {
        match self {
            Row::Echo1 => Some(1),
            Row::Echo64 => Some(64),
            Row::Echo1000 => Some(1_000),
            _ => None,
        }
    }

    fn sleepers(self) -> Option<usize> {
        match self {
            Row::Sleep10000 => Some(10_000),
            Row::Sleep100000 => Some(100_000),
            _ => None,
        }
    }
}

impl What for Row {
    type Who = Participant;

    const ALL: &'static [Row] = &[
        Row::Echo1,
        Row::Echo64,
        Row::Echo1000,
        Row::Yield,
        Row::YieldIdle,
        Row::Sleep10000,
        Row::Sleep100000,
    ];
    const ALWAYS: Row = Row::Yield;

    fn title(self) -> &'static str {
        match self {
            Row::Echo1 => "echo, 1",
            Row::Echo64 => "echo, 64",
            Row::Echo1000 => "echo, 1,000",
            Row::Yield => "yield, 2",
            Row::YieldIdle => "yield, 2, an idle fd",
            Row::Sleep10000 => "wake-up of 10,000",
            Row::Sleep100000 => "wake-up of 100,000",
        }
    }

    fn limit(self) -> Option<(f64, Reference<Row>)> {
        match self {
            Row::Echo64 | Row::Echo1000 => Some((1.05, Reference::Peers(&[Participant::Plain]))),
            Row::YieldIdle => Some((1.1, Reference::Own(Row::Yield))),
            Row::Sleep10000 => Some((0.5, Reference::Peers(&[Participant::Tokio]))),
            Row::Echo1 | Row::Yield | Row::Sleep100000 => None,
        }
    }

    fn second_limit(self) -> Option<(f64, Reference<Row>)> {
        let below = Reference::Peers(&[Participant::Tokio, Participant::May]);
        match self {
            Row::Echo64 | Row::Echo1000 => Some((1.0, below)),
            _ => None,
        }
    }

    fn operations(self) -> Option<u64> {
        match self {
            Row::Echo1 => Some(4_000),
            Row::Echo64 | Row::Echo1000 => Some(10_000),
            Row::Yield | Row::YieldIdle => None,
            Row::Sleep10000 => Some(300_000),
            Row::Sleep100000 => Some(400_000),
        }
    }

    fn repeats(self) -> usize {
        match self {
            Row::Echo64 | Row::Echo1000 => 2,
            _ => 1,
        }
    }

    fn rounds(self) -> usize {
        match self {
            Row::Sleep100000 => 5,
            _ => usize::MAX,
        }
    }

    fn has_allocations(self) -> bool {
        // These do what those of other numbers do.
        !matches!(self, Row::Echo1 | Row::Sleep100000)
    }

    fn waits(self) -> bool {
        !matches!(self, Row::Yield | Row::YieldIdle)
    }

    fn pace(self) -> Option<Pace> {
        Some(Pace {
            per_second: self.sleepers()? as f64 / SLEEP.as_secs_f64(),
            least: (self == Row::Sleep10000).then_some(0.8),
        })
    }

    fn aside(self) -> &'static [Participant] {
        match self {
            Row::Echo1 => &[Participant::Plain, Participant::Tokio, Participant::May],
            Row::Echo64 | Row::Echo1000 => &[Participant::Tokio, Participant::May, Participant::Go],
            Row::Yield | Row::YieldIdle => &[],
            Row::Sleep10000 | Row::Sleep100000 => &[Participant::Tokio, Participant::May],
        }
    }

    fn has_instructions(self) -> bool {
        matches!(self, Row::Echo64 | Row::Echo1000)
    }

    fn more_instructions(self) -> Option<(f64, Participant)> {
        self.has_instructions()
            .then_some((400.0, Participant::Plain))
    }
}
