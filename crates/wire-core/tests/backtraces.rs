//! Backtraces, those of panics included, end at the wire's entry: what lies beyond is no caller of it.
mod common;

use std::backtrace::Backtrace;
use std::env;
use std::hint::black_box;
use std::process::Command;

use common::spawn;
use wire_core::{run, yield_now};

#[inline(never)]
fn in_the_wire() -> String {
    // Others have run since it started, so it was resumed from elsewhere.
    yield_now();
    black_box(Backtrace::force_capture().to_string())
}

#[inline(never)]
fn in_main<T>(f: impl FnOnce() -> T) -> T {
    black_box(run(f))
}

/// That it shows the wire's function, its entry near the end, and nothing of the main wire.
#[track_caller]
fn ends_at_the_entry(backtrace: &str, own: &str) {
    let functions: Vec<&str> = backtrace
        .lines()
        .filter(|line| !line.trim_start().starts_with("at "))
        .filter_map(|line| line.split_once(": ").map(|(_, function)| function))
        .collect();
    let has = |name: &str| functions.iter().any(|function| function.contains(name));
    assert!(has(own), "{backtrace}");
    if env::consts::ARCH != "x86_64" {
        // There, corosensei lets them go on to who resumed the wire.
        return;
    }
    for beyond in ["in_main", "Runtime", "lang_start", "thread_start"] {
        assert!(!has(beyond), "{beyond}: {backtrace}");
    }
    // Below it is only the switch's own code.
    let mut last = functions.iter().rev().take(8);
    let entry = last.any(|function| function.contains("::spawn::entry"));
    assert!(entry, "{backtrace}");
}

#[test]
fn a_backtrace_ends_at_the_wires_entry() {
    in_main(|| {
        let wire = spawn("traced", in_the_wire);
        yield_now();
        ends_at_the_entry(&wire.join().unwrap(), "in_the_wire");
    });
}

#[test]
fn the_backtrace_of_a_panic_ends_there() {
    const CHILD: &str = "WIRE_CORE_PANICS";
    if env::var_os(CHILD).is_some() {
        in_main(|| {
            let wire = spawn("panics", || panic!("{}", in_the_wire().len()));
            yield_now();
            assert!(wire.join().is_err());
        });
        return;
    }
    let output = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "the_backtrace_of_a_panic_ends_there",
            "--nocapture",
        ])
        .env("RUST_BACKTRACE", "full")
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    let (_, backtrace) = said.split_once("stack backtrace:\n").expect(&said);
    // The wire's own closure stands for the function that returned.
    assert!(backtrace.contains("begin_unwind"), "{said}");
    ends_at_the_entry(backtrace, "the_backtrace_of_a_panic_ends_there");
}
