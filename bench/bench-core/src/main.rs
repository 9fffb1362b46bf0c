//! What a switch, a start and a wake-up cost: wires beside corosensei in a `VecDeque` loop, tokio's
//! `current_thread`, may, and OS threads, in one run.
//!
//! Every sample is a process of its own on one processor. Within a round the participants take turns,
//! and each round begins with another of them, so that whatever else the machine does hits all. Time is
//! processor time, and each ratio that is checked is the median of the rounds' own ratios.

mod allocations;
mod instructions;
mod report;
mod rounds;
mod samples;
mod verdict;

use std::process::ExitCode;

use bench_core::Sample;
use bench_core::participant::Participant;
use bench_core::row::Row;
use clap::{Parser, Subcommand};

use verdict::Verdict;

/// The least number of samples that `--check` accepts.
const FEWEST: usize = 9;

#[derive(Parser)]
#[command(
    name = "cargo xtask bench core",
    about = "Yields, starts and wake-ups: wires beside corosensei, tokio, may, OS threads"
)]
struct Cli {
    #[command(subcommand)]
    command: Option<One>,
    #[command(flatten)]
    options: Options,
}

#[derive(Subcommand)]
enum One {
    /// Take one sample: operations, nanoseconds of processor time and of time, allocations
    Sample(Sample),
}

#[derive(clap::Args)]
struct Options {
    /// Samples of each participant in each row
    #[arg(long, default_value_t = 11)]
    samples: usize,
    /// Milliseconds that a sample takes, after warming up
    #[arg(long, default_value_t = 150)]
    milliseconds: u64,
    /// These rows only, without allocations and instructions
    #[arg(long, value_delimiter = ',', conflicts_with = "check")]
    rows: Vec<Row>,
    /// The processor to measure on; that which is idle most, if not given
    #[arg(long)]
    cpu: Option<usize>,
    /// End with an error if a limit is not kept or somebody did not run
    #[arg(long)]
    check: bool,
    /// Print every sample
    #[arg(long)]
    raw: bool,
}

type Outcome<T> = Result<T, String>;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Some(One::Sample(sample)) => sample.run().map(|()| ExitCode::SUCCESS),
        None => compare(&cli.options),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("bench core: {error}");
        ExitCode::FAILURE
    })
}

fn compare(options: &Options) -> Outcome<ExitCode> {
    if options.samples == 0 || options.milliseconds == 0 {
        return Err("without samples there is nothing to compare".to_owned());
    }
    if options.check && options.samples < FEWEST {
        return Err(format!("--check wants at least {FEWEST} samples"));
    }
    let cpu = match options.cpu {
        Some(cpu) => cpu,
        None => rounds::idlest()?,
    };
    let lock = include_str!("../../Cargo.lock");
    println!(
        "{}\non processor {cpu}; wire-core's switch: {}",
        bench_stats::versions(lock, &["corosensei", "tokio", "may"]),
        wire_core::BACKEND
    );
    for participant in Participant::ALL {
        println!(
            "{:>17}: {}",
            participant.title(),
            participant.configuration()
        );
    }
    let mut rows = if options.rows.is_empty() {
        Row::ALL.to_vec()
    } else {
        options.rows.clone()
    };
    if !rows.contains(&Row::Yield2) {
        // Others are measured against it.
        rows.insert(0, Row::Yield2);
    }
    let samples = rounds::take(options, &rows, cpu);
    report::times(&samples, options.raw);
    let mut verdicts = verdict::of_times(&samples);
    verdicts.push(verdict::of_backend(wire_core::BACKEND));
    report::limits(&samples, &verdicts);
    if options.rows.is_empty() {
        verdicts.extend(allocations::section());
        verdicts.extend(instructions::section());
    }
    let (text, kept) = conclusion(&verdicts);
    println!("\n{text}");
    Ok(exit_code(kept, options.check))
}

fn exit_code(kept: bool, check: bool) -> ExitCode {
    if check && !kept {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// The last lines, the very last of which names the worst, and whether everything was kept.
fn conclusion(verdicts: &[Verdict]) -> (String, bool) {
    let kept = verdicts.iter().filter(|one| one.kept()).count();
    let mut text = format!("{kept} of {} kept\n", verdicts.len());
    for verdict in verdicts.iter().filter(|one| !one.kept()) {
        text += &format!("falls short: {}\n", verdict.what);
    }
    match verdict::worst(verdicts) {
        Some(worst) => (format!("{text}worst: {worst}"), kept == verdicts.len()),
        None => (format!("{text}worst: nothing was measured"), false),
    }
}

#[cfg(test)]
mod tests {
    use super::{ExitCode, Verdict, conclusion, exit_code};

    #[test]
    fn the_last_line_names_the_worst() {
        let with = |used| {
            let (text, kept) = conclusion(&[
                Verdict::measured("a row", 0.9),
                Verdict::measured("another", used),
            ]);
            (text.lines().last().unwrap().to_owned(), kept)
        };
        assert_eq!(
            with(0.5),
            ("worst: a row: kept, 90 % of the limit".to_owned(), true)
        );
        let short = "worst: another: falls short, 101 % of the limit";
        assert_eq!(with(1.01), (short.to_owned(), false));
        // A ratio of nothing.
        assert_eq!(
            with(f64::NAN),
            ("worst: another: falls short".to_owned(), false)
        );
        assert!(!conclusion(&[]).1);
    }

    #[test]
    fn only_a_check_fails_and_only_if_something_falls_short() {
        let fails = |kept, check| exit_code(kept, check) == ExitCode::FAILURE;
        assert!(fails(false, true));
        assert!(!fails(false, false));
        assert!(!fails(true, true));
    }
}
