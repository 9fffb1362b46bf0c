//! What is measured, and what it may cost.

use std::fmt;
use std::str::FromStr;

use crate::participant::Participant;

/// One operation, measured on all who have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Row {
    /// A yield, with this many who do nothing else.
    Yield(usize),
    /// Start, run, and end, on a stack used before.
    Create,
    /// Wake another and wait to be woken by it: one of the two switches.
    Switch,
}

impl Row {
    pub(crate) const ALL: [Row; 5] = [
        Row::Yield(2),
        Row::Yield(1_000),
        Row::Yield(30_000),
        Row::Create,
        Row::Switch,
    ];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Row::Yield(2) => "yield, 2",
            Row::Yield(1_000) => "yield, 1,000",
            Row::Yield(_) => "yield, 30,000",
            Row::Create => "create + run + finish",
            Row::Switch => "suspend + resume, per switch",
        }
    }

    /// What wires may cost here: so many times what that participant costs there.
    pub(crate) const fn limit(self) -> (f64, Participant, Row) {
        match self {
            Row::Yield(2) => (0.35, Participant::Corosensei, self),
            Row::Yield(1_000) => (0.45, Participant::Corosensei, self),
            Row::Yield(_) => (3.5, Participant::Wires, Row::Yield(2)),
            Row::Create => (1.0, Participant::Corosensei, self),
            Row::Switch => (1.3, Participant::Wires, Row::Yield(2)),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Row::Yield(number) => write!(f, "yield-{number}"),
            Row::Create => f.write_str("create"),
            Row::Switch => f.write_str("switch"),
        }
    }
}

impl FromStr for Row {
    type Err = String;

    fn from_str(text: &str) -> Result<Row, String> {
        Row::ALL
            .into_iter()
            .find(|row| row.to_string() == text)
            .ok_or_else(|| {
                format!(
                    "rows are {}",
                    Row::ALL.map(|row| row.to_string()).join(", ")
                )
            })
    }
}
