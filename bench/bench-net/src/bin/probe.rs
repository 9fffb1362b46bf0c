//! What is measured once, in a process of its own: memory of idle connections, lateness of sleeps.

use std::fs;
use std::process::ExitCode;

use bench_harness::{Plan, stamp};
use bench_net::generator::Order;
use bench_net::lateness::Lateness;
use bench_net::participant::Participant;
use clap::Parser;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::{Pid, alarm};

/// Seconds after which it is killed if it did not end.
const LONGEST: u32 = 60;
/// Connections that bring in what is set up once.
const FIRST: usize = 50;

#[derive(Parser)]
enum Probe {
    /// Bytes of memory that the server has in use for each of so many connections that were served once
    Idle {
        who: Participant,
        connections: usize,
    },
    /// Nanoseconds by which sleeps end late: median, 99th percentile, most; use of the processor in thousandths
    Lateness {
        /// Of the thread instead of a wire
        #[arg(long)]
        thread: bool,
        #[arg(long)]
        cpu: usize,
    },
}

fn main() -> ExitCode {
    // One that hangs must not stay; the signal ends the process.
    alarm::set(LONGEST);
    let outcome = match Probe::parse() {
        Probe::Idle { who, connections } => idle(who, connections),
        Probe::Lateness { thread, cpu } => lateness(thread, cpu),
    };
    match outcome {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn idle(who: Participant, connections: usize) -> Result<String, String> {
    if who == Participant::Go {
        return Err("its memory is another process's".to_owned());
    }
    // It is read where times are.
    stamp::count_allocations(resident);
    let plan = Plan {
        operations: connections as u64,
        warm_up: FIRST as u64,
    };
    let cost = who.echo(FIRST + connections, plan, Order::OneByOne)?;
    Ok((cost.allocations / connections as u64).to_string())
}

/// Bytes of memory in use.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("a process can read its own");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.expect("the kernel says VmRSS") * 1024
}

fn lateness(thread: bool, cpu: usize) -> Result<String, String> {
    let mut set = CpuSet::new();
    set.set(cpu)
        .and_then(|()| sched_setaffinity(Pid::from_raw(0), &set))
        .map_err(|error| format!("processor {cpu}: {error}"))?;
    let late = if thread {
        Lateness::of_threads(cpu)
    } else {
        Lateness::of_wires(cpu)
    };
    Ok(late.to_string())
}
