//! What is measured, and what it may cost.

use bench_harness::{Reference, What};
use clap::ValueEnum;

use crate::participant::Participant;

/// Whom limits mean by corosensei: the faster of these, row by row.
const COROSENSEI: Reference<Row> =
    Reference::Peers(&[Participant::Corosensei, Participant::CorosenseiArena]);

/// One operation, measured on all who have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Row {
    /// A yield, with two who do nothing else
    #[value(name = "yield-2")]
    Yield2,
    /// The same with 1,000
    #[value(name = "yield-1000")]
    Yield1000,
    /// The same with 30,000
    #[value(name = "yield-30000")]
    Yield30000,
    /// Start, run and finish, on memory used before
    Create,
    /// Of two who wake each other and wait to be woken: one of the switches
    Switch,
}

impl What for Row {
    type Who = Participant;

    const ALL: &'static [Row] = &[
        Row::Yield2,
        Row::Yield1000,
        Row::Yield30000,
        Row::Create,
        Row::Switch,
    ];
    const ALWAYS: Row = Row::Yield2;

    fn title(self) -> &'static str {
        match self {
            Row::Yield2 => "yield, 2",
            Row::Yield1000 => "yield, 1,000",
            Row::Yield30000 => "yield, 30,000",
            Row::Create => "create + run + finish",
            Row::Switch => "suspend + resume, a switch",
        }
    }

    fn limit(self) -> Option<(f64, Reference<Row>)> {
        Some(match self {
            Row::Yield2 => (0.35, COROSENSEI),
            Row::Yield1000 => (0.45, COROSENSEI),
            Row::Yield30000 => (3.5, Reference::Own(Row::Yield2)),
            Row::Create => (1.0, COROSENSEI),
            Row::Switch => (1.3, Reference::Own(Row::Yield2)),
        })
    }

    /// What corosensei can do with pointers in its queue.
    fn aside(self) -> &'static [Participant] {
        match self.limit() {
            Some((_, COROSENSEI)) => &[Participant::CorosenseiBoxed],
            _ => &[],
        }
    }

    fn has_instructions(self) -> bool {
        // A thousand or more of the same do the same instructions as two.
        !matches!(self, Row::Yield1000 | Row::Yield30000)
    }
}
