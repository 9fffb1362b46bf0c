//! Everything a change must pass, in the order that tells of mistakes soonest.
//!
//! Both switch backends are linted and tested. The second one has a target directory of its own,
//! because changed `RUSTFLAGS` would throw away the first one's caches.

use std::path::PathBuf;
use std::process::Command;

use clap::builder::PossibleValuesParser;

use crate::metadata::Metadata;
use crate::run::{self, Problem, TestRun};
use crate::steps::{self, Done, Step, once};
use crate::{layers, pick, port, tidy};

/// Every name `--only` and `--skip` know.
const NAMES: [&str; 13] = [
    "fmt",
    "layers",
    "tidy",
    "clippy-native",
    "clippy-corosensei",
    "docs",
    "test-native",
    "test-corosensei",
    "web",
    "million",
    "gdb",
    "pick",
    "ports",
];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run these steps only (for people; CI runs all)
    #[arg(long, value_name = "STEP", value_delimiter = ',', value_parser = PossibleValuesParser::new(NAMES))]
    only: Vec<String>,
    /// Leave these steps out
    #[arg(long, value_name = "STEP", value_delimiter = ',', value_parser = PossibleValuesParser::new(NAMES))]
    skip: Vec<String>,
}

/// Tests of `wire-tests` that a plain run of the suite leaves out: `web` and `million` need an example built
/// for release and have their own steps, as has `gdb`, which wants that; the others live in `deep`, since they
/// take long or want a tool of its.
const APART: [&str; 6] = ["web", "million", "gdb", "asan", "memcheck", "soak"];

pub(crate) fn run(args: &Args) -> run::Result {
    let mut all = vec![
        Step::new("fmt", "formatting", || once(fmt())),
        Step::new("layers", "who depends on whom", || once(layers::run())),
        Step::new("tidy", "house rules and parity", || once(tidy::run())),
        Step::new("clippy-native", "lints, native switch", || {
            once(clippy(Backend::Native))
        }),
        Step::new("clippy-corosensei", "lints, corosensei switch", || {
            once(clippy(Backend::Corosensei))
        }),
        Step::new("docs", "rustdoc without warnings", || once(docs())),
        Step::new("test-native", "tests and doctests, native switch", || {
            test(Backend::Native)
        }),
        Step::new(
            "test-corosensei",
            "tests and doctests, corosensei switch",
            || test(Backend::Corosensei),
        ),
        Step::new("web", "the web example driven over TCP", web),
        Step::new("million", "many guarded wires at once", million),
        Step::new("gdb", "wires in a debugger", gdb),
        Step::new("pick", "each crate by itself", || {
            once(pick::run(&pick::Args::default()))
        }),
    ];
    // Without a port there is nothing to run, and a step that does nothing should not be listed.
    if !layers::ports()?.is_empty() {
        all.push(Step::new("ports", "the suite on each port", ports));
    }
    let wanted = |step: &Step<'_>| {
        let named = |names: &[String]| names.iter().any(|name| name == step.name);
        (args.only.is_empty() || named(&args.only)) && !named(&args.skip)
    };
    let (chosen, left_out): (Vec<_>, Vec<_>) = all.into_iter().partition(wanted);
    if chosen.is_empty() {
        return run::failed("these options leave no step to run");
    }
    let left_out: Vec<_> = left_out.iter().map(|step| step.name).collect();
    steps::run_all(&chosen, &left_out)
}

/// The two implementations of the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Backend {
    Native,
    Corosensei,
}

impl Backend {
    /// The one that wire-coro takes by itself.
    pub(crate) fn here() -> Self {
        if std::env::consts::ARCH == "x86_64" {
            Self::Native
        } else {
            Self::Corosensei
        }
    }

    /// As on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Corosensei => "corosensei",
        }
    }

    /// Makes a cargo command build with this backend.
    pub(crate) fn select(self, command: &mut Command, workspace: &Metadata) -> run::Result {
        match self {
            // Elsewhere wire-coro falls back by itself, and this step would test the other one twice.
            Self::Native if Self::here() != self => Err(Problem::NotRun {
                needs: "an x86-64 machine".into(),
                how: "the native switch exists for that one only".into(),
            }),
            Self::Native => Ok(()),
            Self::Corosensei => {
                let cfg = r#"--cfg wire_coro="corosensei""#;
                run::add_flags(command, "RUSTFLAGS", cfg);
                run::add_flags(command, "RUSTDOCFLAGS", cfg);
                command.env(
                    "CARGO_TARGET_DIR",
                    workspace.target_directory.join("corosensei"),
                );
                Ok(())
            }
        }
    }
}

fn fmt() -> run::Result {
    run::need_component("fmt", "rustfmt")?;
    run::status(&mut run::cargo(["fmt", "--all", "--check"]))
}

fn clippy(backend: Backend) -> run::Result {
    run::need_component("clippy", "clippy")?;
    let workspace = Metadata::read()?;
    let lint = |selection: &[&str]| {
        let mut cargo = run::cargo(["clippy", "--workspace"]);
        cargo.args(selection);
        backend.select(&mut cargo, &workspace)?;
        run::status(cargo.args(["--", "-D", "warnings"]))
    };
    lint(&["--all-targets"])?;
    // `--all-targets` passes over targets with `test = false`.
    let mut untested = Vec::new();
    for (_, target) in workspace
        .integration_tests()
        .filter(|(_, target)| !target.test)
    {
        untested.extend(["--test", target.name.as_str()]);
    }
    if !untested.is_empty() {
        lint(&untested)?;
    }
    lint(&["--all-targets", "--all-features"])
}

fn docs() -> run::Result {
    // Links to what an option adds are broken without it, and must not be in what is always there.
    for options in [&[][..], &["--all-features"]] {
        let mut cargo = run::cargo(["doc", "--no-deps", "--workspace"]);
        run::add_flags(cargo.args(options), "RUSTDOCFLAGS", "-D warnings");
        run::status(&mut cargo)?;
    }
    Ok(())
}

/// Arguments that select the workspace's tests, doctests apart: libraries, binaries, and every
/// integration test but those that have their own step.
pub(crate) fn suite(workspace: &Metadata) -> Vec<String> {
    let mut arguments = vec!["--lib".into(), "--bins".into()];
    for (package, target) in workspace.integration_tests() {
        if package.name != "wire-tests" || !APART.contains(&target.name.as_str()) {
            arguments.extend(["--test".into(), target.name.clone()]);
        }
    }
    arguments
}

fn test(backend: Backend) -> run::Result<Done> {
    let workspace = Metadata::read()?;
    let suite = suite(&workspace);
    let mut run = TestRun::default();
    let mut test = |selection: &[&str]| {
        let mut cargo = run::cargo(["test", "--no-fail-fast"]);
        cargo.args(selection);
        backend.select(&mut cargo, &workspace)?;
        run.add(&mut cargo);
        Ok(())
    };
    // This tool never switches a wire: testing it once is enough.
    let mut everything = vec!["--workspace"];
    if backend == Backend::Corosensei {
        everything.extend(["--exclude", "xtask"]);
    }
    everything.extend(suite.iter().map(String::as_str));
    test(&everything)?;
    test(&["--workspace", "--exclude", "xtask", "--doc"])?;
    // Options that are off by default are part of the promise too.
    for package in workspace
        .libraries()
        .filter(|package| package.has_options())
    {
        let with = ["--package", &package.name, "--all-features"];
        test(&[&with[..], &["--tests"]].concat())?;
        test(&[&with[..], &["--doc"]].concat())?;
    }
    run.end().map(Done::Tests)
}

fn web() -> run::Result<Done> {
    let workspace = Metadata::read()?;
    if !workspace.has_test("wire-tests", "web") {
        return run::failed("tests/ has no integration test named web");
    }
    let example = release_example("web", "release", &workspace)?;
    let mut run = TestRun::default();
    // Its own tests of HTTP without a socket: no switch backend touches them, so they run once.
    run.add(&mut run::cargo([
        "test",
        "--package",
        "libwire",
        "--example",
        "web",
    ]));
    let mut cargo = run::cargo(["test", "--package", "wire-tests", "--test", "web"]);
    run.add(cargo.env("WIRE_WEB_EXAMPLE", example));
    run.end().map(Done::Tests)
}

fn million() -> run::Result<Done> {
    on_both_backends("million")
}

fn gdb() -> run::Result<Done> {
    run::need_tool("gdb", "apt install gdb, or your system's like")?;
    on_both_backends("gdb")
}

/// Runs an integration test that the suite leaves out.
fn on_both_backends(test: &str) -> run::Result<Done> {
    let workspace = Metadata::read()?;
    if !workspace.has_test("wire-tests", test) {
        return run::failed(format!("tests/ has no integration test named {test}"));
    }
    let mut run = TestRun::default();
    for backend in [Backend::Native, Backend::Corosensei] {
        let mut cargo = run::cargo(["test", "--package", "wire-tests", "--test", test]);
        backend.select(&mut cargo, &workspace)?;
        run.add(&mut cargo);
    }
    run.end().map(Done::Tests)
}

/// Builds an example of the facade with an optimised profile and says where it is.
pub(crate) fn release_example(
    name: &str,
    profile: &str,
    workspace: &Metadata,
) -> run::Result<PathBuf> {
    let built = [
        "build",
        "--profile",
        profile,
        "--example",
        name,
        "--package",
        "libwire",
    ];
    run::status(&mut run::cargo(built))?;
    // `bench` is built into the same directory as `release`.
    let path = workspace
        .target_directory
        .join("release/examples")
        .join(name);
    if path.is_file() {
        Ok(path)
    } else {
        run::failed(format!("cargo built no {}", path.display()))
    }
}

/// With one backend: which one it is matters to no layer above wire-core, and the suite itself runs
/// on both. `cargo xtask port PATH --backend corosensei` tries the other one.
fn ports() -> run::Result<Done> {
    let mut run = TestRun::default();
    let ports = layers::ports()?;
    for package in &ports {
        let port = port::Port::install(package.directory(), Backend::here())?;
        port.lint()?;
        port.test(None, &mut run)?;
    }
    println!("{} ports", ports.len());
    run.end().map(Done::Tests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suite_leaves_out_what_has_its_own_step_and_nothing_else() {
        let test = |name: &str| serde_json::json!({ "name": name, "kind": ["test"], "test": true });
        let package = |name: &str, targets: &[serde_json::Value]| serde_json::json!({ "name": name, "manifest_path": "/tree/Cargo.toml", "targets": targets });
        let workspace = serde_json::json!({
            "target_directory": "/tree/target",
            "packages": [
                package("wire-tests", &[test("core"), test("web"), test("soak")]),
                package("wire-fd", &[test("contract")]),
            ],
        });
        let workspace: Metadata = serde_json::from_value(workspace).unwrap();
        assert_eq!(
            suite(&workspace).join(" "),
            "--lib --bins --test core --test contract"
        );
    }
}
