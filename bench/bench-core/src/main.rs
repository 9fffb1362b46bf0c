//! What a switch, a start and a wake-up cost: wires beside corosensei in a `VecDeque` loop, tokio's
//! `current_thread`, may, and OS threads, in one run.
//!
//! Every sample is a process of its own on one processor. Within a round the participants take turns,
//! and each round begins with another of them, so that whatever else the machine does hits all. Time is
//! processor time, and each ratio that is checked is the median of the rounds' own ratios.

use std::process::ExitCode;

use bench_core::participant::Participant;
use bench_harness::Program;

fn main() -> ExitCode {
    bench_harness::main::<Participant>(&Program {
        name: "cargo xtask bench core",
        about: "Yields, starts and wake-ups: wires beside corosensei, tokio, may, OS threads",
        lock: include_str!("../../Cargo.lock"),
        packages: &["corosensei", "tokio", "may"],
        more: &[
            ("join", "create + join with a result"),
            ("full", "create in a full pool"),
            ("scope", "create in a scope"),
        ],
        // The count of the C library of the same name, and what was aimed at.
        remark: "the C library takes 52 for a yield; wires aim at less than 25",
    })
}
