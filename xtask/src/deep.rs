//! Slow checks, run by hand and on schedules: AddressSanitizer, valgrind, the soak, loom models, a million
//! sequences beside each plain model.
//!
//! They look at what ordinary tests cannot see (reads of freed frames, races between a wire's
//! thread and the others, slow leaks), and cost minutes where `ci` should cost seconds.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::ci::{self, Backend};
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
    /// Waits, channels and locks beside plain models, in a million random sequences each
    Models,
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
        (
            Check::Models,
            Step::new("models", "random sequences beside plain models", models),
        ),
    ];
    let (chosen, left_out): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|(check, _)| args.checks.is_empty() || args.checks.contains(check));
    let chosen: Vec<_> = chosen.into_iter().map(|(_, step)| step).collect();
    let left_out: Vec<_> = left_out.iter().map(|(_, step)| step.name).collect();
    steps::run_all(&chosen, &left_out)
}

/// A test that cannot hold under a tool, and why.
struct LeftOut(&'static str, &'static str);

const NOT_UNDER_ASAN: &[LeftOut] = &[
    LeftOut(
        "a_control_block_is_one_cache_line",
        "it also holds what the sanitizer is told at switches",
    ),
    LeftOut(
        "a_static_pool_takes_no_room_in_the_file_and_no_memory_before_its_use",
        "instrumented statics have red zones, which are in the file",
    ),
    LeftOut(
        "an_idle_wire_takes_a_page_and_200_bytes_at_most",
        "shadow memory and instrumented frames take their own",
    ),
];

const NOT_UNDER_VALGRIND: &[LeftOut] = &[
    LeftOut(
        "a_static_pool_takes_no_room_in_the_file_and_no_memory_before_its_use",
        "it counts resident memory, which is valgrind's too",
    ),
    LeftOut(
        "the_wall_of_mprotect_is_an_error_that_names_the_limit_and_one_that_is_enough",
        "valgrind ends itself at fewer mappings than the system allows",
    ),
    LeftOut("at_the_wall_the_program_goes_on", "as above"),
    LeftOut(
        "an_arena_may_be_larger_than_memory",
        "valgrind gives no such address space",
    ),
    LeftOut(
        "sizes_that_make_no_sense_are_refused",
        "valgrind refuses them with another error than the system",
    ),
    LeftOut(
        "what_can_be_read_is_told_from_what_cannot",
        "valgrind answers the question in the kernel's place",
    ),
    LeftOut(
        "an_idle_wire_takes_a_page_and_200_bytes_at_most",
        "it counts resident memory, which is valgrind's too",
    ),
    LeftOut("arenas_share_the_room_that_is_left", "as above"),
    LeftOut(
        "at_the_wall_a_pool_refuses_wires_and_goes_on_with_those_it_has",
        "as above",
    ),
];

/// Arguments for test programs that leave these out; it is said which.
fn leave_out(tests: &[LeftOut]) -> Vec<&'static str> {
    println!("left out, since they cannot hold under this tool:");
    let named = tests.iter().flat_map(|LeftOut(test, why)| {
        println!("    {test}: {why}");
        ["--skip", test]
    });
    named.collect()
}

/// The suite with the native switch; with the other one, what rests on it directly.
fn asan() -> run::Result<Done> {
    if (std::env::consts::ARCH, std::env::consts::OS) != ("x86_64", "linux") {
        return Err(Problem::NotRun {
            needs: TRIPLE.into(),
            how: "the runtime is set up for that target only".into(),
        });
    }
    let workspace = Metadata::read()?;
    let left_out = leave_out(NOT_UNDER_ASAN);
    let suite: Vec<String> = ["--workspace", "--exclude", "xtask"]
        .map(String::from)
        .into_iter()
        .chain(ci::suite(&workspace))
        .collect();
    let suite: Vec<&str> = suite.iter().map(String::as_str).collect();
    let below = [
        "--package",
        "wire-coro",
        "--package",
        "wire-core",
        "--lib",
        "--tests",
    ];
    let own = ["--package", "wire-tests", "--test", "asan"];
    let mut run = TestRun::default();
    for (backend, selection) in [
        (Backend::Native, &suite[..]),
        (Backend::Native, &own),
        (Backend::Corosensei, &below),
        (Backend::Corosensei, &own),
    ] {
        let mut cargo = run::cargo(["test", "--no-fail-fast", "--target", TRIPLE]);
        backend.select(&mut cargo, &workspace)?;
        let flags = r#"-Zsanitizer=address --cfg wire_sanitize="address""#;
        run::add_flags(cargo.args(selection), "RUSTFLAGS", flags);
        // The stable compiler carries sanitizers, but only takes the flag when told that it may.
        cargo.env("RUSTC_BOOTSTRAP", "1");
        let target = workspace.target_directory.join("asan").join(backend.name());
        cargo.env("CARGO_TARGET_DIR", target);
        if std::env::var_os("ASAN_OPTIONS").is_none() {
            // Tests measure stacks by the places of locals, which must lie there then, and many leak memory so as to
            // have it for good.
            cargo.env(
                "ASAN_OPTIONS",
                "detect_stack_use_after_return=0:detect_leaks=0",
            );
        }
        run.add(cargo.arg("--").args(&left_out));
    }
    run.end().map(Done::Tests)
}

fn valgrind() -> run::Result<Done> {
    run::need_tool("valgrind", "apt install valgrind, or your system's like")?;
    let workspace = Metadata::read()?;
    let left_out = leave_out(NOT_UNDER_VALGRIND);
    let mut run = TestRun::default();
    for executable in test_executables(&workspace)? {
        let mut valgrind = std::process::Command::new("valgrind");
        // It knows the stacks of wire-stack. The layers below have tests whose stacks are memory of their own: for these,
        // a large move of the stack pointer is to be a change of stacks, and by default only 2 MB is large. Less
        // than 8 KB would misjudge frames of the dynamic linker.
        valgrind.arg("--max-stackframe=8192");
        // Fairness between threads, since a thread that spins would starve the one it waits for.
        valgrind.args([
            "--quiet",
            "--error-exitcode=1",
            // It would look through all the address space of pools, for many minutes.
            "--leak-check=no",
            "--fair-sched=yes",
            "--num-callers=30",
        ]);
        // One test at a time: valgrind runs no two threads at once anyway.
        valgrind.arg(&executable.path).arg("--test-threads=1");
        // Of random sequences a part, since each takes milliseconds here.
        let sequences = std::env::var("WIRE_MODEL_CASES").unwrap_or_else(|_| "200".into());
        valgrind.env("WIRE_MODEL_CASES", sequences);
        run.add(valgrind.args(&left_out).current_dir(&executable.package));
    }
    // Starts valgrind itself.
    run.add(&mut run::cargo([
        "test",
        "--package",
        "wire-tests",
        "--test",
        "memcheck",
    ]));
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
    let churn = [
        "test",
        "--release",
        "--package",
        "wire-fd",
        "--test",
        "faults",
        "connections_come_and_go",
    ];
    run.add(run::cargo(churn).env("WIRE_CHURN", "50000"));
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

/// What the crates' tests named `model` do in few sequences in `ci`. Each has a seed: the first one's is drawn
/// anew in each run, and those that follow are the numbers that follow.
fn models() -> run::Result<Done> {
    const CASES: &str = "WIRE_MODEL_CASES";
    const SEED: &str = "WIRE_MODEL_SEED";
    let since_1970 = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    let cases = std::env::var(CASES).unwrap_or_else(|_| "1000000".into());
    let seed = std::env::var(SEED).unwrap_or_else(|_| since_1970.as_micros().to_string());
    println!("{cases} sequences of each kind; once more the same: {SEED}={seed} {CASES}={cases}");
    let workspace = Metadata::read()?;
    let mut run = TestRun::default();
    for (package, _) in workspace
        .integration_tests()
        .filter(|(_, target)| target.name == "model")
    {
        let mut cargo = run::cargo(["test", "--release", "--test", "model", "--package"]);
        cargo.arg(&package.name).env(CASES, &cases).env(SEED, &seed);
        run.add(cargo.args(["--", "--nocapture"]));
    }
    run.end().map(Done::Tests)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

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

    #[test]
    fn tests_left_out_exist_once() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut sources = String::new();
        for crates in fs::read_dir(root.join("crates")).unwrap() {
            for folder in ["src", "tests"] {
                let folder = crates.as_ref().unwrap().path().join(folder);
                for file in fs::read_dir(folder).into_iter().flatten() {
                    sources += &fs::read_to_string(file.unwrap().path()).unwrap_or_default();
                }
            }
        }
        for LeftOut(test, _) in NOT_UNDER_ASAN.iter().chain(NOT_UNDER_VALGRIND) {
            // `--skip` goes by a part of the name.
            let count = sources.matches(&format!("fn {test}")).count();
            assert_eq!(count, 1, "{test}");
        }
    }
}
