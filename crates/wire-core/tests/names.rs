//! A wire, or what it waits for, may be called anything: reports stay one plain line per wire.
mod common;

use std::panic::set_hook;

use common::{assert_aborted, in_child, spawn};
use wire_core::{Kind, Reason, WaitQueue, dump, run, shield, suspend, yield_now};

const NAMES: [&str; 9] = [
    "",
    "\"\\\"'",
    "two\nlines\r\t",
    "nul\0inside",
    "\x1b[31mred\x07\x1b]0;title\x07",
    "\u{7f}\u{80}\u{9b}31m",
    "Größe 漢字 🦀👩\u{200d}🚀",
    "\u{202e}desrever\u{2066}\u{2069}\u{200f}\u{feff}",
    "\u{2028}\u{2029}\u{10ffff}\u{e0041}\u{fffe}",
];

/// Every character may be shown as it is.
#[track_caller]
fn assert_plain(line: &str) {
    let shown = |c: char| matches!(c, '"' | '\'' | '\\') || c.escape_debug().len() == 1;
    assert!(line.chars().all(shown), "{line:?}");
}

#[test]
fn a_dump_has_one_printable_line_per_wire_whatever_it_is_called() {
    let mut text = String::new();
    run(|| {
        let wires = NAMES.map(|name| {
            let kind: &'static Kind = Box::leak(Box::new(Kind::new(name)));
            spawn(name, move || WaitQueue::new().wait(Reason::new(kind)))
        });
        yield_now();
        dump(&mut text).unwrap();
        for wire in wires {
            wire.cancel();
            assert!(wire.join().unwrap().is_err());
        }
    });
    assert_eq!(text.lines().count(), NAMES.len() + 1, "{text}");
    text.lines().for_each(assert_plain);
    assert!(
        text.contains("wire 'Größe 漢字 🦀👩\\u{200d}🚀' waits: Größe 漢字 🦀"),
        "{text}"
    );
}

#[test]
fn a_very_long_name_is_told_in_full() {
    let name: &'static str = "long \n".repeat(20_000).leak();
    run(|| {
        let wire = spawn(name, suspend);
        let mut text = String::new();
        dump(&mut text).unwrap();
        let expected = format!("wire '{}' ", "long \\n".repeat(20_000));
        assert!(text.lines().any(|line| line.starts_with(&expected)));
        assert_eq!(text.lines().count(), 2);
        assert_eq!(wire.handle().name(), name);
        wire.cancel();
    });
}

#[test]
fn reports_have_one_printable_line_per_wire_whatever_it_is_called() {
    let test = "reports_have_one_printable_line_per_wire_whatever_it_is_called";
    let Some(output) = in_child(test, || {
        set_hook(Box::new(|_| ()));
        run(|| {
            for name in NAMES {
                spawn(name, || panic!("of this one")).detach();
            }
            // The stuck ones are told, and then those that cannot be cancelled, again.
            for name in NAMES {
                spawn(name, || shield(suspend)).detach();
            }
        });
    }) else {
        return;
    };
    assert_aborted(&output, &["panicked", "stuck: wire", "cannot be cancelled"]);
    let said = String::from_utf8(output.stderr).unwrap();
    said.lines().for_each(assert_plain);
    for (what, expected) in [
        ("' panicked, and nobody joins it: of this one", NAMES.len()),
        ("libwire: stuck: wire '", NAMES.len()),
        (
            "libwire: stuck, and cannot be cancelled: wire '",
            NAMES.len() + 1,
        ),
    ] {
        let lines = said.lines().filter(|line| line.contains(what)).count();
        assert_eq!(lines, expected, "{what}\n{said}");
    }
    for name in NAMES {
        let shown = format!(
            "libwire: stuck: wire '{}' waits: suspend",
            name.escape_debug()
        );
        assert!(said.lines().any(|line| line == shown), "{shown}\n{said}");
    }
}
