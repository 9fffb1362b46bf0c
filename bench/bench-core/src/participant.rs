//! Who is measured, one module each, in the fastest configuration that its documentation has.

mod corosensei;
mod may;
mod threads;
mod tokio;
mod wires;

use std::fmt;

use clap::ValueEnum;

use crate::rows::Row;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Participant {
    Wires,
    Corosensei,
    Tokio,
    May,
    Threads,
}

impl Participant {
    pub(crate) const ALL: [Participant; 5] = [
        Participant::Wires,
        Participant::Corosensei,
        Participant::Tokio,
        Participant::May,
        Participant::Threads,
    ];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Participant::Wires => "wires",
            Participant::Corosensei => "corosensei + VecDeque",
            Participant::Tokio => "tokio current_thread",
            Participant::May => "may",
            Participant::Threads => "OS threads",
        }
    }

    /// corosensei alone has no scheduler that could wake; nobody wants 30,000 OS threads.
    pub(crate) const fn takes_part(self, row: Row) -> bool {
        !matches!(
            (self, row),
            (Participant::Corosensei, Row::Switch) | (Participant::Threads, Row::Yield(30_000))
        )
    }

    /// How many operations make a sample of 50 to 200 ms.
    pub(crate) const fn operations(self, row: Row) -> u64 {
        let millions = match self {
            Participant::Wires => 30,
            Participant::Corosensei => 10,
            Participant::Tokio | Participant::May => 3,
            Participant::Threads => 0,
        };
        let many = match row {
            Row::Yield(30_000) if !matches!(self, Participant::May) => millions * 400_000,
            Row::Yield(_) | Row::Switch => millions * 1_000_000,
            Row::Create => millions * 200_000,
        };
        match (self, row) {
            // Beside anything else that wants the processor, each yield of a thread takes milliseconds.
            (Participant::Threads, Row::Create) => 3_000,
            (Participant::Threads, _) => 10_000,
            _ => many,
        }
    }

    /// Nanoseconds per operation; `None` if there is nothing like it.
    pub(crate) fn measure(self, row: Row, operations: u64) -> Option<f64> {
        let measure = match self {
            Participant::Wires => wires::measure,
            Participant::Corosensei => corosensei::measure,
            Participant::Tokio => tokio::measure,
            Participant::May => may::measure,
            Participant::Threads => threads::measure,
        };
        self.takes_part(row).then(|| measure(row, operations))
    }
}

impl fmt::Display for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value().expect("all have a name");
        f.write_str(value.get_name())
    }
}

/// The yields of each of `number`, warm-up apart.
const fn each(operations: u64, number: usize) -> u64 {
    let each = operations / number as u64;
    if each == 0 { 1 } else { each }
}

/// Rounds of yields before time is taken.
const WARM_UP: u64 = 3;
