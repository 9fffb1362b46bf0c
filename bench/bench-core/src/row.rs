//! What is measured, and what it may cost.

use clap::ValueEnum;

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

/// What an operation of the wires is measured against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// The same on corosensei, in whichever configuration is faster in this row.
    Corosensei,
    /// Another operation of the wires.
    Own(Row),
}

impl Row {
    pub const ALL: [Row; 5] = [
        Row::Yield2,
        Row::Yield1000,
        Row::Yield30000,
        Row::Create,
        Row::Switch,
    ];

    /// As the tables have it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Row::Yield2 => "yield, 2",
            Row::Yield1000 => "yield, 1,000",
            Row::Yield30000 => "yield, 30,000",
            Row::Create => "create + run + finish",
            Row::Switch => "suspend + resume, a switch",
        }
    }

    /// At most this many times what that costs.
    #[must_use]
    pub const fn limit(self) -> (f64, Reference) {
        match self {
            Row::Yield2 => (0.35, Reference::Corosensei),
            Row::Yield1000 => (0.45, Reference::Corosensei),
            Row::Yield30000 => (3.5, Reference::Own(Row::Yield2)),
            Row::Create => (1.0, Reference::Corosensei),
            Row::Switch => (1.3, Reference::Own(Row::Yield2)),
        }
    }
}
