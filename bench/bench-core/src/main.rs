//! What a switch, a start and a wake-up cost: wires beside corosensei in a `VecDeque` loop, tokio's
//! `current_thread`, may, and OS threads, in one run.
//!
//! Every sample is a process of its own on one processor; within a round the participants take turns,
//! each round begins with another of them, so that whatever else the machine does hits all. Each ratio
//! that is checked is the median of the rounds' own ratios.

mod allocations;
mod instructions;
mod participant;
mod report;
mod rows;
mod stamp;

use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};

use participant::Participant;
use report::Samples;
use rows::Row;

#[derive(Parser)]
#[command(about = "Yields, starts and wake-ups: wires beside corosensei, tokio, may, OS threads")]
struct Cli {
    #[command(subcommand)]
    command: Option<Sample>,
    #[command(flatten)]
    options: Options,
}

#[derive(clap::Args)]
struct Options {
    /// Samples of each participant in each row.
    #[arg(long, default_value_t = 11)]
    samples: usize,
    /// End with an error if a limit is not kept or a participant did not run.
    #[arg(long)]
    check: bool,
    /// Print every sample.
    #[arg(long)]
    raw: bool,
}

#[derive(Subcommand)]
enum Sample {
    /// One sample: prints nanoseconds per operation
    Sample {
        participant: Participant,
        row: Row,
        /// Operations, in place of the row's own number
        #[arg(long)]
        count: Option<u64>,
    },
}

/// The least number of samples that `--check` accepts.
const FEWEST: usize = 9;

type Outcome<T> = Result<T, String>;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Some(Sample::Sample {
            participant,
            row,
            count,
        }) => sample(participant, row, count),
        None => compare(&cli.options),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("bench-core: {error}");
        ExitCode::FAILURE
    })
}

/// Runs in the process of a sample.
fn sample(participant: Participant, row: Row, count: Option<u64>) -> Outcome<ExitCode> {
    pin()?;
    let count = count.unwrap_or_else(|| participant.operations(row));
    let nanoseconds = participant
        .measure(row, count)
        .ok_or("this participant has nothing like that")?;
    println!("{nanoseconds}");
    Ok(ExitCode::SUCCESS)
}

/// Keeps to the last processor: the first one serves most interrupts.
fn pin() -> Outcome<()> {
    use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
    use nix::unistd::Pid;
    let me = Pid::from_raw(0);
    let allowed = sched_getaffinity(me).map_err(|error| error.to_string())?;
    let last = (0..CpuSet::count())
        .rev()
        .find(|cpu| allowed.is_set(*cpu).unwrap_or(false))
        .ok_or("no processor to run on")?;
    let mut set = CpuSet::new();
    set.set(last).map_err(|error| error.to_string())?;
    sched_setaffinity(me, &set).map_err(|error| error.to_string())
}

fn compare(options: &Options) -> Outcome<ExitCode> {
    if options.samples == 0 || (options.check && options.samples < FEWEST) {
        return Err(format!("--check wants at least {FEWEST} samples"));
    }
    bench_stats::print_versions(
        include_str!("../../Cargo.lock"),
        &["corosensei", "tokio", "may"],
    );
    println!(
        "wire-core's switch: {}; stacks of 32 KiB with a guard page, from one mapping",
        wire_core::BACKEND
    );
    let mut samples = Samples::default();
    for round in 0..options.samples {
        eprint!("\rround {} of {}", round + 1, options.samples);
        for row in Row::ALL {
            let takers = Participant::ALL.len();
            for turn in 0..takers {
                let participant = Participant::ALL[(turn + round) % takers];
                if participant.takes_part(row) {
                    samples.add(participant, row, in_a_process(participant, row));
                }
            }
        }
    }
    eprintln!();
    let mut verdicts = report::times(&samples, options.raw);
    verdicts.extend(allocations::section());
    verdicts.extend(instructions::section());
    let kept = report::verdict(&verdicts);
    Ok(if options.check && !kept {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn in_a_process(participant: Participant, row: Row) -> Outcome<f64> {
    let me = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new(me)
        .args(["sample", &participant.to_string(), &row.to_string()])
        .output()
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.trim().parse() {
        Ok(nanoseconds) if output.status.success() => Ok(nanoseconds),
        _ => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}
