//! Each crate by itself: a program outside the workspace that depends on that crate alone.
//!
//! Inside the workspace features unify and dev-dependencies are at hand, so a crate that does not
//! stand on its own would go unnoticed. The program is the crate's `examples/pick.rs`, the
//! smallest use of it that prints something.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::metadata::{Metadata, Package};
use crate::run::{self, Problem, Scratch};

#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// This crate only
    name: Option<String>,
}

/// A smallest use of a crate that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn run(args: &Args) -> run::Result {
    let workspace = Metadata::read()?;
    let wanted = |package: &&Package| args.name.as_ref().is_none_or(|name| *name == package.name);
    let chosen: Vec<_> = workspace.libraries().filter(wanted).collect();
    if chosen.is_empty() {
        return run::failed("no crate of that name under crates/");
    }
    // Shared by all of them, so that what lies below is compiled once.
    let target = workspace.target_directory.join("pick");
    let mut faults = Vec::new();
    for package in chosen {
        let start = Instant::now();
        match pick(package, &target) {
            Ok(said) => println!(
                "pick: {} in {:.1?} said: {said}",
                package.name,
                start.elapsed()
            ),
            Err(problem) => {
                eprintln!("pick: {}: {problem}", package.name);
                faults.push(package.name.as_str());
            }
        }
    }
    if faults.is_empty() {
        Ok(())
    } else {
        run::failed(format!("cannot be picked: {}", faults.join(", ")))
    }
}

/// Builds and runs one program; gives the first line it printed.
fn pick(package: &Package, target: &Path) -> run::Result<String> {
    let source = package.directory().join("examples/pick.rs");
    let main = fs::read_to_string(&source)
        .map_err(|error| Problem::Failed(format!("{}: {error}", source.display())))?;
    let program = format!("pick-{}", package.name);
    let scratch = Scratch::new(&program)?;
    scratch.write("src/main.rs", main)?;
    scratch.write("Cargo.toml", manifest(&program, package))?;
    // The same outside versions as everybody else, and nothing to fetch.
    if let Ok(lock) = fs::read(run::root().join("Cargo.lock")) {
        scratch.write("Cargo.lock", lock)?;
    }
    let mut cargo = run::cargo(["build", "--quiet"]);
    run::status(
        cargo
            .current_dir(scratch.path())
            .env("CARGO_TARGET_DIR", target),
    )?;
    said(
        &target.join("debug").join(program),
        &scratch.path().join("said"),
    )
}

fn manifest(program: &str, package: &Package) -> String {
    let directory = package.directory().display().to_string();
    format!(
        "[package]\nname = \"{program}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [workspace]\n\n[dependencies]\n{} = {{ path = {directory:?} }}\n",
        package.name
    )
}

/// Runs a program and gives the first line of what it printed to `transcript`. Ending well is not
/// enough: a program that prints nothing may have done nothing.
fn said(program: &Path, transcript: &Path) -> run::Result<String> {
    let io = |error: std::io::Error| Problem::Failed(format!("{}: {error}", program.display()));
    let file = fs::File::create(transcript).map_err(io)?;
    let mut child = Command::new(program)
        .stdin(Stdio::null())
        .stdout(file)
        .spawn()
        .map_err(io)?;
    let start = Instant::now();
    let status = loop {
        match child.try_wait().map_err(io)? {
            Some(status) => break status,
            None if start.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(5)),
            None => {
                child.kill().and_then(|()| child.wait()).map_err(io)?;
                return run::failed(format!("still running after {PATIENCE:?}"));
            }
        }
    };
    let said = fs::read(transcript).map_err(io)?;
    let said = String::from_utf8_lossy(&said);
    if !status.success() {
        return run::failed(format!("{status}, having printed: {said}"));
    }
    match said.lines().find(|line| !line.trim().is_empty()) {
        Some(line) => Ok(line.into()),
        None => run::failed("printed nothing"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a "program" that is a shell script.
    fn script(label: &str, text: &str) -> run::Result<String> {
        use std::os::unix::fs::PermissionsExt;
        let scratch = Scratch::new(label)?;
        scratch.write("program", format!("#!/bin/sh\n{text}\n"))?;
        let program = scratch.path().join("program");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        said(&program, &scratch.path().join("said"))
    }

    #[test]
    fn a_program_that_speaks_and_ends_well_passes() {
        assert_eq!(
            script("pick-ok", "echo; echo 6 x 7 = 42; echo more"),
            Ok("6 x 7 = 42".into())
        );
    }

    #[test]
    fn a_silent_or_failing_program_fails() {
        assert_eq!(
            script("pick-silent", "exit 0"),
            run::failed("printed nothing")
        );
        let failure = script("pick-failing", "echo half; exit 3")
            .unwrap_err()
            .to_string();
        assert!(
            failure.contains("exit status: 3") && failure.contains("half"),
            "{failure}"
        );
    }
}
