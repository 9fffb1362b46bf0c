//! With `panic = "abort"`, what can do without unwinding works, and what cannot ends the process by the
//! wire's name.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

const SIGABRT: i32 = 6;

/// `examples/abort.rs` of wire-core, built so that it cannot unwind. In a directory of its own: the one
/// of whoever runs this test may be locked.
static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("panic_abort");
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--quiet", "--profile", "abort"])
        .args(["--package", "wire-core", "--example", "abort"])
        .env("CARGO_TARGET_DIR", &target)
        .env_remove("CARGO_BUILD_TARGET")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    target.join("abort/examples/abort")
});

fn run(case: &str) -> Output {
    Command::new(&*PROGRAM).arg(case).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn ends_well(case: &str) -> String {
    let output = run(case);
    let said = stderr(&output);
    assert!(output.status.success(), "{:?}: {said}", output.status);
    assert_eq!(output.stdout, b"ended well\n");
    said
}

#[track_caller]
fn aborts(case: &str) -> String {
    let output = run(case);
    let said = stderr(&output);
    assert_eq!(output.status.signal(), Some(SIGABRT), "{said}");
    assert_eq!(output.stdout, b"");
    said
}

#[test]
fn waits_that_can_fail_return_and_the_wire_ends() {
    assert_eq!(ends_well("cancelled_in_a_wait_that_can_fail"), "");
    assert_eq!(ends_well("deadline_in_a_wait_that_can_fail"), "");
    assert_eq!(ends_well("shielded"), "");
}

#[test]
fn a_wire_that_never_ran_just_drops_its_closure() {
    assert_eq!(ends_well("never_ran"), "");
}

#[test]
fn calls_that_cannot_fail_abort_by_name_and_say_why() {
    assert_eq!(
        aborts("cancelled_in_a_call_that_cannot_fail"),
        "libwire: a wire was cancelled in a call that cannot fail, and with `panic = \"abort\"` none can \
         unwind (wire 'rude'); aborting\n"
    );
    assert_eq!(
        aborts("deadline_in_a_call_that_cannot_fail"),
        "libwire: a deadline passed in a call that cannot fail, and with `panic = \"abort\"` no wire can \
         unwind (wire 'late'); aborting\n"
    );
}

#[test]
fn stuck_wires_are_told_before_one_that_cannot_report_it_aborts() {
    let told = ends_well("stuck_in_a_wait_that_can_fail");
    assert_eq!(told, "libwire: stuck: wire 'forlorn' waits: suspend\n");
    let told = aborts("stuck_in_a_call_that_cannot_fail");
    assert!(
        told.starts_with("libwire: stuck: wire 'lost' waits: suspend\n"),
        "{told}"
    );
    assert!(told.contains("(wire 'lost'); aborting"), "{told}");
}

#[test]
fn a_panic_aborts_as_ever() {
    let said = aborts("panic");
    assert!(said.contains("as ever"), "{said}");
    assert!(!said.contains("libwire:"), "{said}");
}
