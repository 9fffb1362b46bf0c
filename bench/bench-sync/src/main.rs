//! What it costs wires to talk, to share and to wait for the first of several: against a yield of the same
//! run, and beside tokio's `current_thread`, may, crossbeam-channel and std.
//!
//! How it is measured is said at the head of bench core, whose yields these are.

use std::process::ExitCode;

use bench_harness::Program;
use bench_sync::participant::Participant;
use bench_sync::waits::Wait;

fn main() -> ExitCode {
    bench_harness::main::<Participant>(&Program {
        name: "cargo xtask bench sync",
        about: "Channels, locks, select: wires beside a yield, tokio, may, crossbeam-channel, std",
        lock: include_str!("../../Cargo.lock"),
        packages: &["tokio", "may", "crossbeam-channel"],
        more: &Wait::ALL.map(|wait| (wait.name(), wait.title())),
        remark: "",
    })
}
