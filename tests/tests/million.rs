//! The example `million` from the outside, with as many wires as any machine has memory for. Left out of
//! a plain run, since it wants the example built for release: `cargo xtask ci --only million`.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::LazyLock;

static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| wire_tests::release_example("million"));

fn run(arguments: &str) -> Output {
    let arguments = arguments.split_whitespace();
    Command::new(&*PROGRAM).args(arguments).output().unwrap()
}

#[track_caller]
fn succeeds(arguments: &str) -> String {
    let output = run(arguments);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    text
}

/// That it ends by itself, with a message.
#[track_caller]
fn fails(arguments: &str) -> String {
    let output = run(arguments);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(!text.contains("panicked"), "{text}");
    text
}

/// The number before these words.
#[track_caller]
fn number(text: &str, words: &str) -> usize {
    let before = text.split(words).next().unwrap();
    let digits = before.trim_end().rsplit(' ').next().unwrap();
    let digits = digits.replace(',', "");
    digits.parse().unwrap_or_else(|_| panic!("{words}: {text}"))
}

#[test]
fn all_wires_live_at_once_in_a_page_and_200_bytes_each() {
    let text = succeeds("--wires 50000");
    assert_eq!(number(&text, " wires are alive"), 50_000, "{text}");
    let each = number(&text, " bytes resident for each idle wire");
    // Less than a page would mean that it was not measured.
    assert!((4096..=4096 + 200).contains(&each), "{text}");
    for rate in ["started", "switched", "ended"] {
        assert!(text.contains(rate), "{text}");
    }
}

#[test]
fn a_million_live_at_once_or_as_many_as_there_is_memory_for() {
    let output = run("");
    let told = String::from_utf8_lossy(&output.stderr);
    let (wires, text) = if output.status.success() {
        (
            1_000_000,
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    } else {
        assert!(told.contains("MB are available; try --wires "), "{told}");
        let fits = told.trim_end().rsplit(' ').next().unwrap();
        (fits.parse().unwrap(), succeeds(&format!("--wires {fits}")))
    };
    assert_eq!(number(&text, " wires are alive"), wires, "{text}");
}

#[test]
fn the_overflow_of_any_wire_is_reported_with_its_stack() {
    for victim in ["0", "1234", "1999"] {
        let text = succeeds(&format!("--wires 2000 --victim {victim}"));
        assert!(
            text.contains(&format!("wire {victim} has a frame at 0x")),
            "{text}"
        );
        assert!(
            text.contains("wire 'one of many' overflowed its stack: fault at 0x"),
            "{text}"
        );
    }
    let text = fails("--wires 2000 --victim 2000");
    assert!(text.contains("at most 1,999"), "{text}");
}

#[test]
fn guards_by_mprotect_serve_as_many_as_the_system_allows() {
    let limit = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap();
    let limit: usize = limit.trim().parse().unwrap();
    let text = succeeds("--wires 5000 --mprotect");
    assert_eq!(number(&text, " wires are alive"), 5000, "{text}");
    // Each takes two of the process's mappings.
    let too_many = limit / 2 + 1;
    let text = fails(&format!("--wires {too_many} --mprotect"));
    let named = format!("vm.max_map_count = {limit}");
    // Where the limit is very high, memory is the narrower one.
    assert!(
        text.contains(&named) || text.contains("MB are available"),
        "{text}"
    );
}

#[test]
fn too_little_memory_is_told_with_a_number_that_fits() {
    let text = fails("--wires 100000000");
    assert!(text.contains("of memory, and"), "{text}");
    let fits = text.trim_end().rsplit(' ').next().unwrap();
    let fits: usize = fits.parse().unwrap();
    assert!((1..100_000_000).contains(&fits), "{text}");
}
