//! What requests, sleeps and idle connections cost on wires: beside a plain epoll loop, tokio's
//! `current_thread`, may and, where it is installed, Go.
//!
//! A sample of an echo is the server: a process that reads its own processor time when so many requests are
//! done, and again after so many more. It starts who asks, a process of its own that keeps to the other
//! processors. The rest is as the head of bench core says.

use std::process::ExitCode;

use bench_harness::Program;
use bench_net::participant::Participant;
use bench_net::wake_up::WakeUp;

fn main() -> ExitCode {
    bench_harness::main::<Participant>(&Program {
        name: "cargo xtask bench net",
        about: "Echoes, sleeps, idle connections: wires beside a plain epoll loop, tokio, may, Go",
        lock: include_str!("../../Cargo.lock"),
        packages: &["tokio", "mio", "may"],
        more: &WakeUp::ALL.map(|one| (one.name(), one.title())),
        remark: "",
    })
}
