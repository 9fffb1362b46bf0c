//! Who is measured, one module each, in the fastest configuration that its documentation has.

mod corosensei;
pub mod may;
mod threads;
pub mod tokio;
pub mod wires;

use bench_harness::{Cost, Plan, Who, stamp};
use clap::ValueEnum;

use crate::row::Row;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Participant {
    Wires,
    /// In a `VecDeque` loop, on its own stacks
    Corosensei,
    /// The same on stacks in one mapping
    CorosenseiArena,
    /// The same, with pointers in the queue
    CorosenseiBoxed,
    Tokio,
    May,
    Threads,
}

impl Who for Participant {
    type What = Row;

    const ALL: &'static [Participant] = &[
        Participant::Wires,
        Participant::Corosensei,
        Participant::CorosenseiArena,
        Participant::CorosenseiBoxed,
        Participant::Tokio,
        Participant::May,
        Participant::Threads,
    ];
    const WIRES: Participant = Participant::Wires;

    fn title(self) -> &'static str {
        match self {
            Participant::Wires => "wires",
            Participant::Corosensei => "corosensei",
            Participant::CorosenseiArena => "corosensei, arena",
            Participant::CorosenseiBoxed => "corosensei, boxed",
            Participant::Tokio => "tokio",
            Participant::May => "may",
            Participant::Threads => "OS threads",
        }
    }

    fn configuration(self) -> &'static str {
        match self {
            Participant::Wires => wires::CONFIGURATION,
            Participant::Corosensei => corosensei::CONFIGURATION,
            Participant::CorosenseiArena => corosensei::ARENA_CONFIGURATION,
            Participant::CorosenseiBoxed => corosensei::BOXED_CONFIGURATION,
            Participant::Tokio => tokio::CONFIGURATION,
            Participant::May => may::CONFIGURATION,
            Participant::Threads => threads::CONFIGURATION,
        }
    }

    fn abstains(self, row: Row) -> Option<&'static str> {
        match (self, row) {
            (
                Participant::Corosensei
                | Participant::CorosenseiArena
                | Participant::CorosenseiBoxed,
                Row::Switch,
            ) => Some("it has no scheduler that could be told to wake somebody"),
            (Participant::CorosenseiBoxed, Row::Create) => Some("there is no queue in it"),
            (Participant::Threads, Row::Yield30000) => {
                Some("30,000 threads are more than systems are set up for")
            }
            _ => None,
        }
    }

    fn is_one_thread(self) -> bool {
        !matches!(self, Participant::May | Participant::Threads)
    }

    fn has_instructions(self) -> bool {
        // The arena's are those of the others.
        self.is_one_thread() && self != Participant::CorosenseiArena
    }

    fn is_slow(self) -> bool {
        self == Participant::Threads
    }

    fn measure(self, row: Row, plan: Plan) -> Result<Cost, String> {
        if let Some(why) = self.abstains(row) {
            return Err(why.to_owned());
        }
        let measure = match self {
            Participant::Wires => wires::measure,
            Participant::Corosensei => corosensei::measure,
            Participant::CorosenseiArena => corosensei::measure_in_arena,
            Participant::CorosenseiBoxed => corosensei::measure_boxed,
            Participant::Tokio => tokio::measure,
            Participant::May => may::measure,
            Participant::Threads => threads::measure,
        };
        let work = match row {
            Row::Yield2 => Work::Yield(2),
            Row::Yield1000 => Work::Yield(1_000),
            Row::Yield30000 => Work::Yield(30_000),
            Row::Create => Work::Create,
            Row::Switch => Work::Switch,
        };
        match work {
            Work::Yield(number) => {
                let each = plan.each(number);
                measure(work, each);
                stamp::cost(each.operations * number as u64)
            }
            Work::Switch => {
                let each = plan.each(2);
                measure(work, each);
                stamp::cost(each.operations * 2)
            }
            Work::Create => {
                measure(work, plan);
                let (done, told) = (done(), plan.warm_up + plan.operations);
                if done != told {
                    return Err(format!("of {told} started, {done} ran"));
                }
                stamp::cost(plan.operations)
            }
        }
    }
}

/// A row as the participants see it; the plan beside it is that of each one who works.
#[derive(Clone, Copy, Debug)]
enum Work {
    Yield(usize),
    Create,
    /// Where a wake-up that comes too early is remembered (everywhere but with wires), the second of
    /// the two begins by waiting: both would else find one waiting every other time, and not switch.
    Switch,
}

/// What a created one does: the same for all, and seen from outside.
mod job {
    use std::hint::black_box;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    static DONE: AtomicU64 = AtomicU64::new(0);

    #[inline(always)]
    pub(super) fn run(number: u64) {
        // Not an atomic addition: only one of them runs at a time, and it would cost them all.
        DONE.store(DONE.load(Relaxed) + black_box(1), Relaxed);
        black_box(number);
    }

    pub(super) fn done() -> u64 {
        DONE.load(Relaxed)
    }
}

use job::done;

#[cfg(test)]
mod tests;
