//! Runs a scenario of a test in a process of its own, for those that end badly.
#![allow(dead_code, reason = "each test file uses a part")]

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

const SCENARIO: &str = "WIRE_STACK_TEST_SCENARIO";

/// In the child, runs `scenario` and exits; in the parent, starts the test `name` of the same
/// program as a child and gives what came of it.
pub(crate) fn child(name: &str, scenario: impl FnOnce()) -> Output {
    if std::env::var_os(SCENARIO).is_some_and(|wanted| wanted == name) {
        let core = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: reads the limit; no core files from faults that are wanted.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const core) };
        scenario();
        std::process::exit(0);
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]);
    // A sanitizer's handlers would end the process their own way.
    let mut options = std::env::var("ASAN_OPTIONS").unwrap_or_default();
    options += ":handle_segv=0:handle_sigbus=0:handle_abort=0";
    command.env("ASAN_OPTIONS", options);
    let output = command.env(SCENARIO, name).output().unwrap();
    // A misspelt name would run nothing, successfully.
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("running 1 test"),
        "no test {name}"
    );
    output
}

/// What the child wrote to standard error, if it was ended by `signal`.
#[track_caller]
pub(crate) fn killed_by(signal: i32, output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(
        output.status.signal(),
        Some(signal),
        "{:?}: {text}",
        output.status
    );
    text
}

/// What the child wrote to standard error, if it ended well.
#[track_caller]
pub(crate) fn success(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{:?}: {text}", output.status);
    text
}
