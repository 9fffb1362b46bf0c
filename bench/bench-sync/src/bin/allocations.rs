//! How often the global allocator is asked: the same work as where time is taken, and every wait with
//! many who are served, cancelled, or too late.

use std::process::ExitCode;

use bench_harness::counting::{self, Counting};
use bench_sync::participant::Participant;
use bench_sync::waits::Wait;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> ExitCode {
    counting::main::<Participant, Wait>()
}
