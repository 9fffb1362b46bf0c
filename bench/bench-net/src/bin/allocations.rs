//! How often the global allocator is asked: the same work as where time is taken, and wake-ups from another
//! thread.

use std::process::ExitCode;

use bench_harness::counting::{self, Counting};
use bench_net::participant::Participant;
use bench_net::wake_up::WakeUp;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> ExitCode {
    counting::main::<Participant, WakeUp>()
}
