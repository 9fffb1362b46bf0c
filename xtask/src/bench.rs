//! Measuring against peers. The programs live in the separate workspace `bench/`, so that what
//! they depend on (tokio and others) never enters the library's own lock file.

use std::process::Command;

use clap::Subcommand;

use crate::ci;
use crate::metadata::Metadata;
use crate::run::{self, Problem};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    which: Which,
}

#[derive(Subcommand)]
enum Which {
    /// Yields, starts and wake-ups beside corosensei, tokio, may and OS threads
    Core(Forwarded),
    /// Channels, locks and select beside a yield, tokio, may, crossbeam-channel and std
    Sync(Forwarded),
    /// Echoes, sleeps and idle connections beside a plain epoll loop, tokio, may and Go
    Net(Forwarded),
    /// The web example beside the same handler on its peers
    Web(Forwarded),
}

#[derive(clap::Args)]
// So that `--help` is the benchmark's.
#[command(disable_help_flag = true)]
struct Forwarded {
    /// Handed on to the benchmark (`--check`, `--help`, …)
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGUMENT"
    )]
    arguments: Vec<String>,
}

pub(crate) fn run(args: &Args) -> run::Result {
    if !run::root().join("bench/Cargo.toml").is_file() {
        return run::failed("there is no workspace in bench/");
    }
    match &args.which {
        Which::Core(forwarded) => operations("bench-core", forwarded),
        Which::Sync(forwarded) => operations("bench-sync", forwarded),
        Which::Net(forwarded) => operations("bench-net", forwarded),
        Which::Web(forwarded) => web(forwarded),
    }
}

/// A cargo command on one package of the other workspace.
fn in_bench(command: &str, package: &str) -> Command {
    run::cargo([
        command,
        "--release",
        "--manifest-path",
        "bench/Cargo.toml",
        "--package",
        package,
    ])
}

/// The cost of single operations.
fn operations(package: &str, forwarded: &Forwarded) -> run::Result {
    // `run` builds no more than the harness; the other programs of the package are beside it.
    run::status(&mut in_bench("build", package))?;
    let mut cargo = in_bench("run", package);
    cargo.args(["--quiet", "--"]).args(&forwarded.arguments);
    // It ends on its verdict, after which nothing may follow.
    run::status(&mut cargo).map_err(|_| Problem::Summarised)
}

fn web(forwarded: &Forwarded) -> run::Result {
    // `run` builds no more than the harness; the peers are binaries beside it.
    run::status(&mut in_bench("build", "bench-web"))?;
    let mut cargo = in_bench("run", "bench-web");
    cargo.arg("--");
    let workspace = Metadata::read()?;
    for (option, example) in [("--server", "web"), ("--load", "load")] {
        cargo
            .arg(option)
            .arg(ci::release_example(example, "bench", &workspace)?);
    }
    run::status(cargo.args(&forwarded.arguments))
}
