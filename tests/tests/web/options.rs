//! The command line: what it explains, and what it does not take.

use crate::process::{Exit, Process};
use crate::server::{Server, Site};

#[track_caller]
fn run(arguments: &[&str]) -> Exit {
    Process::start(arguments).exit()
}

/// Ends in failure, says why, and does not panic.
#[track_caller]
fn fails(arguments: &[&str]) -> String {
    let Exit { status, errors, .. } = run(arguments);
    assert!(
        status.code().is_some_and(|code| code != 0),
        "{arguments:?}: {status}"
    );
    assert!(!errors.trim().is_empty(), "{arguments:?}: no word of why");
    assert!(!errors.contains("panicked"), "{arguments:?}: {errors}");
    errors
}

#[test]
fn help_explains_the_options() {
    let Exit { status, lines, .. } = run(&["--help"]);
    assert!(status.success(), "{status}");
    let text = lines.join("\n");
    for option in [
        "--addr",
        "--root",
        "--max-connections",
        "--stack-size",
        "--help",
    ] {
        assert!(text.contains(option), "{option} is missing: {text}");
    }
}

#[test]
fn a_bad_option_is_refused() {
    for arguments in [
        &["--no-such-option"][..],
        &["surplus"],
        &["--addr"],
        &["--addr", "nowhere"],
        &["--addr", "127.0.0.1:65536"],
        &["--addr", "127.0.0.1:0", "--max-connections", "many"],
        &["--addr", "127.0.0.1:0", "--max-connections", "0"],
        &["--addr", "127.0.0.1:0", "--max-connections", "-1"],
        &["--addr", "127.0.0.1:0", "--stack-size", "large"],
        &["--addr", "127.0.0.1:0", "--idle-timeout-ms", "soon"],
    ] {
        fails(arguments);
    }
}

#[test]
fn a_root_that_is_no_directory_is_refused() {
    let site = Site::new();
    for root in [site.path("missing"), site.path("hello.txt")] {
        let root = root.to_str().unwrap();
        let errors = fails(&["--addr", "127.0.0.1:0", "--root", root]);
        assert!(errors.contains(root), "which one? {errors}");
    }
}

#[test]
fn an_address_in_use_is_refused() {
    let mut server = Server::start(&[]);
    let address = server.address().to_string();
    let errors = fails(&["--addr", &address]);
    assert!(errors.contains(&address), "which one? {errors}");
    assert!(errors.to_lowercase().contains("in use"), "why? {errors}");
    server.still_serves();
}

#[test]
fn the_first_lines_say_what_to_try() {
    let site = Site::new();
    let root = site.root();
    let root = root.to_str().unwrap();
    let process = Process::start(["--addr", "127.0.0.1:0", "--root", root]);
    let address = loop {
        let line = process.line().expect("the address");
        if line.contains("http://127.0.0.1:") {
            break line;
        }
    };
    // Not the port that was asked for, but the one there is.
    assert!(
        !address.contains("127.0.0.1:0 ") && !address.ends_with("127.0.0.1:0"),
        "{address}"
    );
}
