//! Rules for every Rust source: short files that say why they exist, unsafe code that says why it
//! is sound, conditional compilation in few places, nothing left half done.

use super::{Tree, rust};

const LONGEST: usize = 500;

/// Where conditional compilation by platform or switch backend may live. Anywhere else it spreads;
/// a layer that needs it gets a module here and keeps the rest of its code free of it.
const CFG_PLACES: &[&str] = &[
    // Names a section as ELF has it.
    "crates/wire-core/src/debug.rs",
    "crates/wire-coro/src/bottom.rs",
    // Instructions that valgrind looks for.
    "crates/wire-stack/src/valgrind.rs",
    "crates/wire-coro/src/lib.rs",
    "crates/wire-coro/src/fp_control.rs",
    "ports/wire-fd-polling/src/child.rs",
    "ports/wire-fd-polling/src/watch.rs",
    "ports/wire-fd-polling/tests/poller.rs",
];

/// Left undone, or never run. In two pieces, so that this file obeys its own rule.
const UNFINISHED: &[&str] = &[
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
    concat!("#[ig", "nore"),
    concat!("FIX", "ME"),
    concat!("for", " now"),
    concat!("```", "ignore"),
    concat!("```rust,", "ignore"),
];

/// Crates that promise never to allocate and need no std for what they do.
const NO_STD: &[&str] = &["wire-coro", "wire-wait", "wire-channel", "wire-lock"];

/// Crates that promise never to allocate but do need std: a lint watches them (see `clippy.toml`).
const LINTED: &[&str] = &["wire-core", "wire-stack", "wire-pool"];

/// What it consists of.
const LINTS: [&str; 3] = [
    "clippy::disallowed_macros",
    "clippy::disallowed_methods",
    "clippy::disallowed_types",
];

pub(crate) fn check(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, source) in tree.iter().filter(|(path, _)| path.ends_with(".rs")) {
        complaints.extend(check_file(path, source));
    }
    complaints.extend(NO_STD.iter().flat_map(|name| no_std(tree, name)));
    complaints.extend(LINTED.iter().filter_map(|name| linted(tree, name)));
    complaints
}

fn check_file(path: &str, source: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    if !source.trim_start().starts_with("//!") {
        complaints.push(format!(
            "{path}: opens without a `//!` that says why it exists"
        ));
    }
    let length = source.lines().count();
    if length > LONGEST {
        complaints.push(format!(
            "{path}: {length} lines, {LONGEST} at most; find its seam and split it"
        ));
    }
    let code = rust::code(source);
    let lines: Vec<&str> = source.lines().collect();
    for (at, (line, code)) in lines.iter().zip(code.lines()).enumerate() {
        let number = at + 1;
        for word in UNFINISHED.iter().filter(|word| has_word(line, word)) {
            complaints.push(format!(
                "{path}:{number}: `{word}` does not belong in a finished tree"
            ));
        }
        if has_word(code, "unsafe impl") && !says_safety(&lines[..at]) {
            complaints.push(format!(
                "{path}:{number}: `unsafe impl` without a `// SAFETY:` comment above"
            ));
        }
        if let Some(name) = conditional(code)
            && !CFG_PLACES.contains(&path)
        {
            complaints.push(format!(
                "{path}:{number}: `{name}` outside {}; move it there, or add a place to xtask/src/tidy/sources.rs",
                CFG_PLACES.join(", ")
            ));
        }
    }
    complaints
}

/// Whether the line has the phrase, and not merely as part of longer words.
fn has_word(line: &str, phrase: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(phrase).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + phrase.len()..].chars().next();
        let cuts = |edge: Option<char>, inside: Option<char>| {
            !(edge.is_some_and(is_word) && inside.is_some_and(is_word))
        };
        cuts(before, phrase.chars().next()) && cuts(after, phrase.chars().next_back())
    })
}

/// The configuration name this line of code depends on. `wire_coro` is a crate's name as well: only
/// with a value is it the configuration.
fn conditional(code: &str) -> Option<&'static str> {
    if let Some(name) = ["target_os", "target_arch"]
        .into_iter()
        .find(|name| has_word(code, name))
    {
        return Some(name);
    }
    let valued = |(at, name): (usize, &str)| code[at + name.len()..].trim_start().starts_with("= ");
    code.match_indices("wire_coro")
        .any(valued)
        .then_some("wire_coro")
}

/// Whether the comment that ends these lines, attributes aside, says why something is safe.
fn says_safety(above: &[&str]) -> bool {
    above
        .iter()
        .rev()
        .map(|line| line.trim())
        .take_while(|line| line.starts_with("//") || line.starts_with("#["))
        .any(|line| line.contains("SAFETY:"))
}

fn no_std(tree: &Tree, name: &str) -> Vec<String> {
    let root = format!("crates/{name}/src/lib.rs");
    let mut complaints = Vec::new();
    let Some(lib) = tree.get(&root) else {
        return vec![format!("{root}: missing")];
    };
    let lib = rust::code(lib);
    if !lib.contains("#![no_std]") && !lib.contains("#![cfg_attr(not(test), no_std)]") {
        complaints.push(format!(
            "{root}: must be `#![no_std]`, so that it cannot allocate"
        ));
    }
    let sources = format!("crates/{name}/src/");
    for (path, source) in tree
        .range(sources.clone()..)
        .take_while(|(path, _)| path.starts_with(&sources))
    {
        let code = rust::code(source);
        let lines: Vec<&str> = code.lines().map(str::trim).collect();
        for (at, line) in lines.iter().enumerate() {
            let for_tests = at > 0 && lines[at - 1] == "#[cfg(test)]";
            let brought = ["alloc", "std"]
                .iter()
                .find(|krate| has_word(line, &format!("extern crate {krate}")));
            if let Some(krate) = brought.filter(|_| !for_tests) {
                complaints.push(format!(
                    "{path}:{}: `extern crate {krate}` brings the allocator back",
                    at + 1
                ));
            }
        }
    }
    complaints
}

fn linted(tree: &Tree, name: &str) -> Option<String> {
    let root = format!("crates/{name}/src/lib.rs");
    let Some(lib) = tree.get(&root) else {
        return Some(format!("{root}: missing"));
    };
    // However it is wrapped over lines.
    let lib: String = rust::code(lib).split_whitespace().collect();
    let denied = |lint: &&str| {
        let levels = ["#![deny(", "#![forbid(", "#![cfg_attr(not(test),deny("];
        let lists = levels.iter().flat_map(|level| lib.split(level).skip(1));
        lists
            .filter_map(|rest| rest.split(')').next())
            .any(|list| list.split(',').any(|item| item == *lint))
    };
    if lib.contains("#![no_std]") || LINTS.iter().all(denied) {
        return None;
    }
    let lints = LINTS.join(", ");
    Some(format!(
        "{root}: must carry `#![cfg_attr(not(test), deny({lints}))]`, so that it cannot allocate"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree;

    fn complaint(path: &str, source: &str) -> String {
        let complaints = check_file(path, source);
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        complaints.into_iter().next().unwrap()
    }

    #[test]
    fn a_good_file_passes() {
        let source = "//! Why.\nuse wire_coro::Context;\n// SAFETY: no interior.\n#[cfg(unix)]\nunsafe impl Send for A {}\n\
                      // A unimplemented_feature is for nowhere.\n";
        assert_eq!(
            check_file("crates/wire-fd/src/a.rs", source),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_file_must_say_why_it_exists() {
        assert!(complaint("a.rs", "use std::fs;\n").contains("opens without"));
    }

    #[test]
    fn a_long_file_fails() {
        assert!(complaint("a.rs", &"//! Long.\n".repeat(501)).contains("501 lines"));
        assert!(check_file("a.rs", &"//! Long.\n".repeat(500)).is_empty());
    }

    #[test]
    fn an_unsafe_impl_without_a_reason_fails() {
        let text = complaint(
            "a.rs",
            "//! A.\n// SAFETY: of another one.\n\nunsafe impl Send for A {}\n",
        );
        assert!(text.starts_with("a.rs:4: `unsafe impl`"), "{text}");
    }

    #[test]
    fn conditional_compilation_out_of_place_fails() {
        assert!(
            complaint("a.rs", "//! A.\n#[cfg(target_os = \"linux\")]\nmod a;\n")
                .contains("`target_os`")
        );
        assert!(
            complaint(
                "a.rs",
                "//! A.\n#[cfg(any(\n    wire_coro = \"native\",\n))]\nmod a;\n"
            )
            .contains("`wire_coro`")
        );
        assert!(
            check_file(
                CFG_PLACES[0],
                "//! A.\n#[cfg(target_arch = \"x86_64\")]\nmod a;\n"
            )
            .is_empty()
        );
    }

    #[test]
    fn unfinished_work_fails() {
        for word in UNFINISHED {
            let source = format!("//! A.\n// x {word} x\n");
            assert!(
                complaint("a.rs", &source).contains("finished tree"),
                "{word}"
            );
        }
    }

    #[test]
    fn no_std_crates_have_no_way_back_to_the_allocator() {
        let check = |lib: &str| no_std(&tree(&[("crates/wire-wait/src/lib.rs", lib)]), "wire-wait");
        assert!(check("//! W.\n#![no_std]\n#[cfg(test)]\nextern crate std;\n").is_empty());
        assert!(check("//! W.\n// #![no_std]\n")[0].contains("must be `#![no_std]`"));
        assert!(
            check("//! W.\n#![no_std]\nextern crate alloc;\n")[0].contains("`extern crate alloc`")
        );
        assert!(no_std(&tree(&[]), "wire-wait")[0].contains("missing"));
    }

    #[test]
    fn std_crates_that_must_not_allocate_carry_the_lint() {
        let check = |lib: &str| linted(&tree(&[("crates/wire-core/src/lib.rs", lib)]), "wire-core");
        let wrapped = "#![cfg_attr(\n    not(test),\n    deny(\n        clippy::disallowed_macros,\n        \
                       clippy::disallowed_methods,\n        clippy::disallowed_types,\n    )\n)]";
        assert_eq!(check(wrapped), None);
        let apart = "#![deny(clippy::disallowed_types, clippy::disallowed_macros)]\n\
                     #![deny(missing_docs, clippy::disallowed_methods)]";
        assert_eq!(check(apart), None);
        let lacking = "#![deny(clippy::disallowed_types, clippy::disallowed_macros)]";
        for lib in [
            lacking,
            "#![deny(missing_docs)]",
            &format!("// {apart}").replace("\n", ""),
        ] {
            assert!(check(lib).unwrap().contains("must carry"), "{lib}");
        }
    }
}
