//! Slow checks, run by hand and on schedules: AddressSanitizer, valgrind, the soak, loom models.
//!
//! They look at what ordinary tests cannot see (reads of freed frames, races between a wire's
//! thread and the others, slow leaks), and cost minutes where `ci` should cost seconds.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::ci;
use crate::metadata::Metadata;
use crate::run::{self, Problem, TestRun};
use crate::steps::{self, Done, Step};

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Check {
    /// The suite under AddressSanitizer
    Asan,
    /// The suite under valgrind's memcheck
    Valgrind,
    /// The long-running test
    Soak,
    /// Models of what crosses threads, in every interleaving
    Loom,
}

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which checks; all of them by default
    checks: Vec<Check>,
}

const TRIPLE: &str = "x86_64-unknown-linux-gnu";

pub(crate) fn run(args: &Args) -> run::Result {
    let all = [
        (
            Check::Asan,
            Step::new("asan", "the suite under AddressSanitizer", asan),
        ),
        (
            Check::Valgrind,
            Step::new("valgrind", "the suite under memcheck", valgrind),
        ),
        (
            Check::Soak,
            Step::new("soak", "the long-running test", soak),
        ),
        (
            Check::Loom,
            Step::new("loom", "models in every interleaving", loom),
        ),
    ];
    let (chosen, left_out): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|(check, _)| args.checks.is_empty() || args.checks.contains(check));
    let chosen: Vec<_> = chosen.into_iter().map(|(_, step)| step).collect();
    let left_out: Vec<_> = left_out.iter().map(|(_, step)| step.name).collect();
    steps::run_all(&chosen, &left_out)
}

fn asan() -> run::Result<Done> {
    if (std::env::consts::ARCH, std::env::consts::OS) != ("x86_64", "linux") {
        return Err(Problem::NotRun {
            needs: TRIPLE.into(),
            how: "the runtime is set up for that target only".into(),
        });
    }
    let workspace = Metadata::read()?;
    let mut cargo = run::cargo([
        "test",
        "--no-fail-fast",
        "--workspace",
        "--exclude",
        "xtask",
        "--target",
        TRIPLE,
    ]);
    cargo.args(ci::suite(&workspace));
    run::add_flags(&mut cargo, "RUSTFLAGS", "-Zsanitizer=address");
    // The stable compiler carries sanitizers, but only takes the flag when told that it may.
    cargo.env("RUSTC_BOOTSTRAP", "1");
    cargo.env("CARGO_TARGET_DIR", workspace.target_directory.join("asan"));
    if std::env::var_os("ASAN_OPTIONS").is_none() {
        // Heap-allocated "fake" frames would be looked up by OS thread, and wires are not threads.
        cargo.env("ASAN_OPTIONS", "detect_stack_use_after_return=0");
    }
    let mut run = TestRun::default();
    run.add(&mut cargo);
    run.end().map(Done::Tests)
}

fn valgrind() -> run::Result<Done> {
    run::need_tool("valgrind", "apt install valgrind, or your system's like")?;
    let workspace = Metadata::read()?;
    let mut run = TestRun::default();
    for executable in test_executables(&workspace)? {
        let mut valgrind = std::process::Command::new("valgrind");
        // Valgrind takes a small move of the stack pointer for a call and a large one for a change of
        // stacks; by default only 2 MB is large, and wires' stacks lie closer together. Less than
        // 8 KB would misjudge frames of the dynamic linker.
        valgrind.arg("--max-stackframe=8192");
        // Fairness between threads, since a thread that spins would starve the one it waits for.
        valgrind.args([
            "--quiet",
            "--error-exitcode=1",
            "--fair-sched=yes",
            "--num-callers=30",
        ]);
        // One test at a time: valgrind runs no two threads at once anyway.
        valgrind.arg(&executable.path).arg("--test-threads=1");
        run.add(valgrind.current_dir(&executable.package));
    }
    run.end().map(Done::Tests)
}

/// A test program, and where cargo would start it.
#[derive(Debug, PartialEq, Eq)]
struct Executable {
    path: PathBuf,
    package: PathBuf,
}

fn test_executables(workspace: &Metadata) -> run::Result<Vec<Executable>> {
    let mut cargo = run::cargo([
        "test",
        "--no-run",
        "--workspace",
        "--exclude",
        "xtask",
        "--message-format=json",
    ]);
    let messages = run::output(cargo.args(ci::suite(workspace)))?;
    Ok(messages.lines().filter_map(executable).collect())
}

/// The test program that one of cargo's messages tells of, if it does.
fn executable(message: &str) -> Option<Executable> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let is_test = message["reason"] == "compiler-artifact" && message["profile"]["test"] == true;
    let path = PathBuf::from(message["executable"].as_str()?);
    let manifest = PathBuf::from(message["manifest_path"].as_str()?);
    is_test.then(|| Executable {
        path,
        package: manifest.parent().map(PathBuf::from).unwrap_or_default(),
    })
}

fn soak() -> run::Result<Done> {
    if !Metadata::read()?.has_test("wire-tests", "soak") {
        return run::failed("tests/ has no integration test named soak");
    }
    let mut run = TestRun::default();
    let soak = [
        "test",
        "--release",
        "--package",
        "wire-tests",
        "--test",
        "soak",
        "--",
        "--nocapture",
    ];
    run.add(&mut run::cargo(soak));
    run.end().map(Done::Tests)
}

fn loom() -> run::Result<Done> {
    let workspace = Metadata::read()?;
    let modelled: Vec<_> = workspace
        .integration_tests()
        .filter(|(_, target)| target.name == "loom")
        .collect();
    if modelled.is_empty() {
        return Ok(Done::Noted(
            "nothing to model yet: no crate has a tests/loom.rs".into(),
        ));
    }
    let mut run = TestRun::default();
    for (package, _) in modelled {
        let mut cargo = run::cargo(["test", "--release", "--test", "loom", "--package"]);
        cargo.arg(&package.name);
        run::add_flags(&mut cargo, "RUSTFLAGS", "--cfg loom");
        run.add(cargo.env("CARGO_TARGET_DIR", workspace.target_directory.join("loom")));
    }
    run.end().map(Done::Tests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_programs_are_told_from_other_artifacts() {
        let message = |test: bool, executable: serde_json::Value| {
            serde_json::json!({
                "reason": "compiler-artifact",
                "manifest_path": "/tree/crates/wire-fd/Cargo.toml",
                "profile": { "test": test },
                "executable": executable,
            })
            .to_string()
        };
        let expected = Executable {
            path: "/t/fd-0123".into(),
            package: "/tree/crates/wire-fd".into(),
        };
        assert_eq!(
            executable(&message(true, "/t/fd-0123".into())),
            Some(expected)
        );
        assert_eq!(executable(&message(false, "/t/web".into())), None);
        assert_eq!(executable(&message(true, serde_json::Value::Null)), None);
        assert_eq!(executable("not json"), None);
    }
}
