//! The project's checks as code, one file per check, so that what CI runs is what anybody runs.
//!
//! `cargo xtask ci` is the whole of it; the other commands are its steps by themselves, and the
//! slow or exploratory work (`deep`, `bench`, `port`) that no commit should have to wait for.

mod bench;
mod ci;
mod deep;
mod layers;
mod metadata;
mod pick;
mod port;
mod run;
mod steps;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use run::Problem;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "The project's checks, benchmarks and ports"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Everything a change must pass; the last line is `N passed, N failed`
    Ci(ci::Args),
    /// No crate depends upwards, sideways, or on an outside crate out of its place
    Layers,
    /// House rules for sources, manifests, links and the parity table
    Tidy,
    /// Build and run, for each crate, a program that depends on that crate alone
    Pick(pick::Args),
    /// Slow checks: AddressSanitizer, valgrind, soak, loom
    Deep(deep::Args),
    /// Measure against peers, in the separate `bench` workspace
    Bench(bench::Args),
    /// Replace one layer by a port and run the workspace's tests on it
    Port(port::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Ci(args) => ci::run(&args),
        Command::Layers => layers::run(),
        Command::Tidy => tidy::run(),
        Command::Pick(args) => pick::run(&args),
        Command::Deep(args) => deep::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Port(args) => port::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // `ci` and `deep` end on their own summary: nothing may follow their last line.
        Err(Problem::Summarised) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}
