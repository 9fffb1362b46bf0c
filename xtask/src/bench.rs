//! Measuring against peers. The programs live in the separate workspace `bench/`, so that what
//! they depend on (tokio and others) never enters the library's own lock file.

use clap::Subcommand;

use crate::ci;
use crate::metadata::Metadata;
use crate::run;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    which: Which,
}

#[derive(Subcommand)]
enum Which {
    /// Yields, starts and wake-ups beside corosensei, tokio, may and OS threads
    Core(Forwarded),
    /// The web example beside the same handler on its peers
    Web(Forwarded),
}

#[derive(clap::Args)]
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
    let (package, forwarded) = match &args.which {
        Which::Core(forwarded) => ("bench-core", forwarded),
        Which::Web(forwarded) => ("bench-web", forwarded),
    };
    let in_bench = |command| {
        run::cargo([
            command,
            "--release",
            "--manifest-path",
            "bench/Cargo.toml",
            "--package",
            package,
        ])
    };
    // `run` builds no more than the harness; the peers are binaries beside it.
    run::status(&mut in_bench("build"))?;
    let mut cargo = in_bench("run");
    cargo.arg("--");
    if let Which::Web(_) = args.which {
        let workspace = Metadata::read()?;
        for (option, example) in [("--server", "web"), ("--load", "load")] {
            cargo
                .arg(option)
                .arg(ci::release_example(example, "bench", &workspace)?);
        }
    }
    run::status(cargo.args(&forwarded.arguments))
}
