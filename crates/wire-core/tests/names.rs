//! A wire, or what it waits for, may be called anything: reports stay one plain line per wire.
mod common;

use common::spawn;
use wire_core::{Kind, Reason, WaitQueue, dump, run, yield_now};

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
    let shown =
        |c: char| c == '\n' || matches!(c, '"' | '\'' | '\\') || c.escape_debug().len() == 1;
    assert!(text.chars().all(shown), "{text:?}");
    assert!(
        text.contains("wire 'Größe 漢字 🦀👩\\u{200d}🚀' waits: Größe 漢字 🦀"),
        "{text}"
    );
}
