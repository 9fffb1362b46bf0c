//! Who is measured, one module each, in the fastest configuration that its documentation has.

mod crossbeam;
mod may;
mod std;
mod tokio;
mod wires;

use ::std::hint::black_box;

use bench_harness::{Cost, Plan, Who, stamp};
use clap::ValueEnum;

use crate::row::Row;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Participant {
    Wires,
    Tokio,
    /// The same, without asking for a future unless there is something to wait for
    TokioTrying,
    May,
    Crossbeam,
    Std,
}

impl Who for Participant {
    type What = Row;

    const ALL: &'static [Participant] = &[
        Participant::Wires,
        Participant::Tokio,
        Participant::TokioTrying,
        Participant::May,
        Participant::Crossbeam,
        Participant::Std,
    ];
    const WIRES: Participant = Participant::Wires;

    fn title(self) -> &'static str {
        match self {
            Participant::Wires => "wires",
            Participant::Tokio => "tokio",
            Participant::TokioTrying => "tokio, trying",
            Participant::May => "may",
            Participant::Crossbeam => "crossbeam-channel",
            Participant::Std => "std",
        }
    }

    fn configuration(self) -> &'static str {
        match self {
            Participant::Wires => wires::CONFIGURATION,
            Participant::Tokio => tokio::CONFIGURATION,
            Participant::TokioTrying => tokio::TRYING_CONFIGURATION,
            Participant::May => may::CONFIGURATION,
            Participant::Crossbeam => crossbeam::CONFIGURATION,
            Participant::Std => std::CONFIGURATION,
        }
    }

    fn abstains(self, row: Row) -> Option<&'static str> {
        match (self, row) {
            (Participant::Wires, _) => None,
            (_, Row::ReceiveLater | Row::SelectLater) => {
                Some("wires are measured against themselves")
            }
            (Participant::Tokio, _) | (Participant::TokioTrying, Row::Bounded) => None,
            (Participant::TokioTrying, _) => Some("tried where there is room"),
            (Participant::May, Row::Select) => Some("what it selects with starts coroutines"),
            (Participant::May, _) => None,
            (Participant::Crossbeam, Row::Bounded) | (Participant::Std, Row::Lock) => None,
            (Participant::Crossbeam | Participant::Std, _) => {
                Some("who waits there keeps the thread")
            }
        }
    }

    fn is_one_thread(self) -> bool {
        self != Participant::May
    }

    fn measure(self, row: Row, plan: Plan) -> Result<Cost, String> {
        if let Some(why) = self.abstains(row) {
            return Err(why.to_owned());
        }
        let measure = match self {
            Participant::Wires => wires::measure,
            Participant::Tokio => tokio::measure,
            Participant::TokioTrying => tokio::measure_trying,
            Participant::May => may::measure,
            Participant::Crossbeam => crossbeam::measure,
            Participant::Std => std::measure,
        };
        match row {
            // What each of two does.
            Row::Yield | Row::HandOver => {
                let each = plan.each(2);
                measure(row, each);
                stamp::cost(each.operations * 2)
            }
            _ => {
                measure(row, plan);
                stamp::cost(plan.operations)
            }
        }
    }
}

/// What of a plan is done in all.
fn all(plan: Plan) -> u64 {
    plan.warm_up + plan.operations
}

/// Has the compiler suppose that all memory that somebody else can reach is read and written here, so that a
/// lock is seen to be held and seen to be free. Costs no instruction.
#[inline(always)]
fn others_may_look() {
    black_box(());
}

#[cfg(test)]
mod tests;
