//! `docs/parity.md`: what it calls built must exist, and a test must show it.

use std::collections::BTreeSet;

use super::Tree;
use super::rust::{self, Public};

const FILE: &str = "docs/parity.md";
const HEADER: [&str; 5] = ["layer", "C function", "Rust item(s)", "test", "state"];
const BUILT: &str = "built";
const NOT_YET: &str = "not yet built";
/// What an empty cell holds.
const NOTHING: &str = "–";

/// How far the table has come.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) built: usize,
    pub(crate) rows: usize,
}

pub(crate) fn check(tree: &Tree) -> (Count, Vec<String>) {
    let mut count = Count::default();
    let Some(text) = tree.get(FILE) else {
        return (count, vec![format!("{FILE}: missing")]);
    };
    let mut complaints = Vec::new();
    let mut seen = BTreeSet::new();
    let mut headed = false;
    for (at, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| line.starts_with('|'))
    {
        let mut complain = |what: String| complaints.push(format!("{FILE}:{}: {what}", at + 1));
        let cells = cells(line);
        let Ok([layer, function, items, test, state]) = <[&str; 5]>::try_from(cells) else {
            complain("not five cells between `|`".into());
            count.rows += 1;
            continue;
        };
        if [layer, function, items, test, state] == HEADER {
            headed = true;
            continue;
        }
        if layer.chars().all(|c| matches!(c, '-' | ':')) && !layer.is_empty() {
            continue;
        }
        count.rows += 1;
        let Some(&name) = quoted(function).first() else {
            complain("the C function stands in no backticks".into());
            continue;
        };
        if layer.is_empty() || !seen.insert((layer, name)) {
            complain(format!("`{name}` has no layer, or is there twice"));
        }
        match state {
            BUILT => {
                count.built += 1;
                for fault in built(tree, items, test) {
                    complain(format!("`{name}`: {fault}"));
                }
            }
            NOT_YET if items == NOTHING && test == NOTHING => {}
            NOT_YET => complain(format!(
                "`{name}` is {NOT_YET}, so item and test are `{NOTHING}`"
            )),
            other => complain(format!(
                "`{name}`: state `{other}` is neither `{BUILT}` nor `{NOT_YET}`"
            )),
        }
    }
    if !headed || count.rows == 0 {
        complaints.push(format!(
            "{FILE}: no table headed | {} |",
            HEADER.join(" | ")
        ));
    }
    (count, complaints)
}

fn cells(line: &str) -> Vec<&str> {
    let line = line.trim().trim_start_matches('|');
    line.strip_suffix('|')
        .unwrap_or(line)
        .split('|')
        .map(str::trim)
        .collect()
}

/// What stands in backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .filter(|text| !text.is_empty())
        .collect()
}

/// What is wrong with a row that says it is built.
fn built(tree: &Tree, items: &str, test: &str) -> Vec<String> {
    let (items, tests) = (quoted(items), quoted(test));
    let mut faults = Vec::new();
    if items.is_empty() {
        faults.push("built, but no Rust item in backticks".into());
    }
    if tests.is_empty() {
        faults.push("built, but no test in backticks".into());
    }
    faults.extend(
        items
            .iter()
            .filter(|item| !item_exists(tree, item))
            .map(|item| format!("no public item {item}")),
    );
    faults.extend(tests.iter().filter_map(|test| test_fault(tree, test)));
    faults
}

fn item_exists(tree: &Tree, item: &str) -> bool {
    // Arguments and macro marks are for the reader.
    let path = item.split(['(', '!', '<']).next().unwrap_or_default();
    let mut parts = path.split("::");
    let krate = parts.next().unwrap_or_default().replace('_', "-");
    let sources = format!("crates/{krate}/src/");
    let of_crate = tree
        .range(sources.clone()..)
        .take_while(|(path, _)| path.starts_with(&sources));
    let public = Public::of(of_crate.map(|(_, source)| source.as_str()));
    public.has(&parts.collect::<Vec<_>>())
}

/// What is wrong with `path/file.rs::test_name`, or with `path/file.rs (doc)`.
fn test_fault(tree: &Tree, test: &str) -> Option<String> {
    if let Some(path) = test.strip_suffix(" (doc)") {
        let documented = tree.get(path).is_some_and(|text| has_doctest(text, path));
        return (!documented).then(|| format!("no runnable example in {path}"));
    }
    let Some((path, name)) = test.split_once(".rs::") else {
        return Some(format!(
            "test {test} is neither `file.rs::name` nor `file.rs (doc)`"
        ));
    };
    let path = format!("{path}.rs");
    let name = name.rsplit("::").next().unwrap_or_default();
    let Some(source) = tree.get(&path) else {
        return Some(format!("no file {path}"));
    };
    (!has_test(source, name)).then(|| format!("no test {name} in {path}"))
}

/// Whether the source has a function of that name with `#[test]` among its attributes.
fn has_test(source: &str, name: &str) -> bool {
    let code = rust::code(source);
    let lines: Vec<&str> = code.lines().map(str::trim).collect();
    let function = format!("fn {name}(");
    lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.starts_with(&function))
        .any(|(at, _)| {
            // Comments were blanked.
            let attributes = lines[..at]
                .iter()
                .rev()
                .take_while(|line| line.is_empty() || line.starts_with("#["));
            attributes.into_iter().any(|line| *line == "#[test]")
        })
}

/// Whether the file has an example that rustdoc runs: a fence marked as nothing else.
fn has_doctest(text: &str, path: &str) -> bool {
    let mut open = false;
    for line in text.lines() {
        let line = line.trim_start();
        let doc = line
            .strip_prefix("///")
            .or_else(|| line.strip_prefix("//!"))
            .map(str::trim);
        let Some(line) = doc.or(path.ends_with(".md").then_some(line)) else {
            continue;
        };
        if let Some(mark) = line.strip_prefix("```") {
            if !open && matches!(mark, "" | "rust" | "should_panic") {
                return true;
            }
            open = !open;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree;

    const LIB: &str = "//! Core.\npub struct Wire;\nimpl Wire {\n    /// ```\n    /// ```\n    pub fn spawn() {}\n}\n";
    const TESTS: &str = "//! T.\n#[test]\n// Why.\nfn fifo_order() {}\n\nfn helper() {}\n";

    fn checked(rows: &str) -> (Count, Vec<String>) {
        let text = format!(
            "# Parity\n\n| {} |\n|---|---|---|---|---|\n{rows}\n",
            HEADER.join(" | ")
        );
        check(&tree(&[
            (FILE, &text),
            ("crates/wire-core/src/lib.rs", LIB),
            ("tests/tests/core.rs", TESTS),
        ]))
    }

    fn complaint(row: &str) -> String {
        let (_, complaints) = checked(row);
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        complaints.into_iter().next().unwrap()
    }

    #[test]
    fn rows_are_counted_by_state() {
        let (count, complaints) = checked(
            "| core | `wire_init`: closure | `wire_core::Wire::spawn()` | `tests/tests/core.rs::fifo_order` | built |\n\
             | core | `wire_yield` | `wire_core::Wire` | `crates/wire-core/src/lib.rs (doc)` | built |\n\
             | fd | `wire_fd_init` | – | – | not yet built |",
        );
        assert_eq!(
            (count, complaints),
            (Count { built: 2, rows: 3 }, Vec::new())
        );
    }

    #[test]
    fn an_item_that_does_not_exist_fails() {
        let row =
            "| core | `f` | `wire_core::Wire::gone` | `tests/tests/core.rs::fifo_order` | built |";
        assert!(complaint(row).contains("`f`: no public item wire_core::Wire::gone"));
        let row = "| core | `f` | `wire_gone::Wire` | `tests/tests/core.rs::fifo_order` | built |";
        assert!(complaint(row).contains("no public item wire_gone::Wire"));
    }

    #[test]
    fn a_test_that_does_not_exist_fails() {
        let row = |test: &str| {
            complaint(&format!(
                "| core | `f` | `wire_core::Wire` | {test} | built |"
            ))
        };
        assert!(row("`tests/tests/core.rs::gone`").contains("no test gone in tests/tests/core.rs"));
        assert!(row("`tests/tests/core.rs::helper`").contains("no test helper"));
        assert!(row("`tests/tests/gone.rs::fifo_order`").contains("no file tests/tests/gone.rs"));
        assert!(row("`tests/tests/core.rs (doc)`").contains("no runnable example"));
        assert!(row("`fifo_order`").contains("is neither"));
        assert!(row("–").contains("no test in backticks"));
    }

    #[test]
    fn malformed_rows_fail() {
        assert!(complaint("| core | `f` | – | – |").contains("not five cells"));
        assert!(complaint("| core | f | – | – | not yet built |").contains("no backticks"));
        assert!(complaint("| core | `f` | – | – | soon |").contains("state `soon`"));
        assert!(
            complaint("| core | `f` | `wire_core::Wire` | – | not yet built |")
                .contains("item and test are")
        );
        let twice =
            "| core | `f` | – | – | not yet built |\n| core | `f` | – | – | not yet built |";
        assert!(complaint(twice).contains("twice"));
    }

    #[test]
    fn a_missing_table_fails() {
        assert_eq!(check(&tree(&[])).1.len(), 1);
        assert!(check(&tree(&[(FILE, "# Parity\n")])).1[0].contains("no table headed"));
    }

    #[test]
    fn examples_that_do_not_run_are_no_tests() {
        assert!(has_doctest("```rust\nfn main() {}\n```\n", "README.md"));
        assert!(!has_doctest("```text\nx\n```\n", "README.md"));
        assert!(!has_doctest("/// ```no_run\n/// ```\n", "src/lib.rs"));
    }
}
