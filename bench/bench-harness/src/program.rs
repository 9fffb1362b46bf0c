//! The program that takes the time: its command line, and the order of what it prints.

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::verdict::{self, Verdict};
use crate::{Outcome, Reference, Sample, What, Who, allocations, instructions, report, rounds};

/// What a benchmark says of itself, beside who and what.
pub struct Program<'a> {
    /// How it is called: `cargo xtask bench …`.
    pub name: &'static str,
    /// In a line.
    pub about: &'a str,
    /// The lock file, and the packages whose versions it tells.
    pub lock: &'a str,
    pub packages: &'a [&'a str],
    /// In what else wires may not allocate: by the name that the program that counts knows, and title.
    pub more: &'a [(&'a str, &'a str)],
    /// What is to be said of the counts of instructions.
    pub remark: &'a str,
}

#[derive(Parser)]
struct Cli<W: Who> {
    #[command(subcommand)]
    command: Option<One<W>>,
    #[command(flatten)]
    options: Options<W>,
}

#[derive(Subcommand)]
enum One<W: Who> {
    /// Take one sample: operations, nanoseconds of processor time and of time, allocations
    Sample(Sample<W>),
}

#[derive(clap::Args)]
pub(crate) struct Options<W: Who> {
    /// Samples of each participant in each row
    #[arg(long, default_value_t = W::SAMPLES)]
    pub(crate) samples: usize,
    /// Milliseconds that a sample takes, after warming up
    #[arg(long, default_value_t = 150)]
    pub(crate) milliseconds: u64,
    /// These rows only, without allocations and instructions
    #[arg(long, value_delimiter = ',', conflicts_with = "check")]
    rows: Vec<W::What>,
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

/// The whole of the program that takes the time.
#[must_use]
pub fn main<W: Who>(program: &Program) -> ExitCode {
    let command = Cli::<W>::command()
        .name(program.name)
        .about(program.about.to_owned());
    let cli =
        Cli::<W>::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit());
    let outcome = match cli.command {
        Some(One::Sample(sample)) => sample.run().map(|()| ExitCode::SUCCESS),
        None => compare(program, &cli.options),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!(
            "{}: {error}",
            program.name.trim_start_matches("cargo xtask ")
        );
        ExitCode::FAILURE
    })
}

fn compare<W: Who>(program: &Program, options: &Options<W>) -> Outcome<ExitCode> {
    if options.samples == 0 || options.milliseconds == 0 {
        return Err("without samples there is nothing to compare".to_owned());
    }
    if options.check && options.samples < W::FEWEST {
        return Err(format!("--check wants at least {} samples", W::FEWEST));
    }
    let cpu = match options.cpu {
        Some(cpu) => cpu,
        None => rounds::idlest()?,
    };
    println!(
        "{}\non processor {cpu}; wire-core's switch: {}",
        bench_stats::versions(program.lock, program.packages),
        wire_core::BACKEND
    );
    for participant in W::ALL {
        println!(
            "{:>17}: {}",
            participant.title(),
            participant.configuration()
        );
    }
    let samples = rounds::take(options, &rows(&options.rows), cpu);
    report::times(&samples, options.raw);
    let mut verdicts = verdict::of_times(&samples);
    verdicts.push(verdict::of_backend(wire_core::BACKEND));
    report::limits(&samples, &verdicts);
    if options.rows.is_empty() {
        verdicts.extend(allocations::section::<W>(program.more));
        verdicts.extend(instructions::section::<W>(program.remark));
        verdicts.extend(W::further(cpu));
    }
    let (text, kept) = conclusion(&verdicts);
    println!("\n{text}");
    Ok(exit_code(kept, options.check))
}

/// These and what they are measured against, in the order of the tables; all if none.
fn rows<R: What>(wanted: &[R]) -> Vec<R> {
    let limits = wanted
        .iter()
        .flat_map(|row| [row.limit(), row.second_limit()]);
    let against = |limit| match limit {
        Some((_, Reference::Own(other))) => Some(other),
        _ => None,
    };
    let references: Vec<R> = limits.filter_map(against).collect();
    let is_needed = |row: &R| {
        wanted.is_empty() || *row == R::ALWAYS || wanted.contains(row) || references.contains(row)
    };
    R::ALL.iter().copied().filter(is_needed).collect()
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
    use super::{ExitCode, Verdict, conclusion, exit_code, rows};
    use crate::What;
    use crate::example::Row;

    #[test]
    fn a_row_comes_with_what_it_is_measured_against() {
        let of_switch = [Row::Yield2, Row::Create, Row::Switch];
        assert_eq!(rows(&[Row::Switch]), of_switch);
        assert_eq!(rows(&[Row::Free]), [Row::Create, Row::Free]);
        assert_eq!(rows::<Row>(&[]), Row::ALL);
    }

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
