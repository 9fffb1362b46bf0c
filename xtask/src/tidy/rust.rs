//! As much of Rust's grammar as the rules need: what is code, and what a crate makes public.
//!
//! A text search rather than a compiler, so it may be fooled on purpose; it is there to notice
//! what was renamed or forgotten.

/// The source with comments and the insides of strings blanked out, line for line.
pub(crate) fn code(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while !rest.is_empty() {
        let skipped = comment(rest)
            .or_else(|| string(rest))
            .or_else(|| character(rest));
        match skipped {
            Some(length) => {
                out.extend(
                    rest[..length]
                        .chars()
                        .map(|c| if c == '\n' { c } else { ' ' }),
                );
                rest = &rest[length..];
            }
            None => {
                // A whole word at once, so that the `r` of `for` opens no raw string.
                let word = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
                let step = if word > 0 {
                    word
                } else {
                    rest.chars().next().map_or(0, char::len_utf8)
                };
                out.push_str(&rest[..step]);
                rest = &rest[step..];
            }
        }
    }
    out
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of the comment that `text` starts with. Block comments nest.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if !text.starts_with("/*") {
        return None;
    }
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 {
            break;
        }
    }
    Some(at)
}

/// The length of the string literal that `text` starts with, of whatever kind.
fn string(text: &str) -> Option<usize> {
    let body = text.strip_prefix(['b', 'c']).unwrap_or(text);
    let prefix = text.len() - body.len();
    if let Some(raw) = body.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let inside = raw[hashes..].strip_prefix('"')?;
        let close = format!("\"{}", "#".repeat(hashes));
        let length = inside
            .find(&close)
            .map_or(inside.len(), |at| at + close.len());
        return Some(prefix + 1 + hashes + 1 + length);
    }
    let inside = body.strip_prefix('"')?;
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(prefix + 1 + at + 1),
            _ => {}
        }
    }
    Some(text.len())
}

/// The length of the character literal that `text` starts with; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('\'')?;
    let mut chars = inside.char_indices();
    let (_, first) = chars.next()?;
    if first == '\\' {
        // Past the escaped character, which may be a quote itself.
        chars.next()?;
        return chars.find(|&(_, c)| c == '\'').map(|(at, _)| 1 + at + 1);
    }
    chars
        .next()
        .filter(|&(_, c)| c == '\'')
        .map(|(at, _)| 1 + at + 1)
}

/// What the sources of one crate make public.
pub(crate) struct Public {
    /// Sources as sequences of words and punctuation.
    files: Vec<Vec<String>>,
}

impl Public {
    pub(crate) fn of<'a>(sources: impl Iterator<Item = &'a str>) -> Self {
        Self {
            files: sources.map(|source| tokens(&code(source))).collect(),
        }
    }

    /// Whether `path` (inside the crate) exists: each of its parts is a public definition, or
    /// belongs to the public trait or enum before it.
    pub(crate) fn has(&self, path: &[&str]) -> bool {
        !path.is_empty()
            && path.iter().enumerate().all(|(at, name)| {
                self.defines(name)
                    || at > 0
                        && self
                            .files
                            .iter()
                            .any(|file| has_part(file, path[at - 1], name))
            })
    }

    fn defines(&self, name: &str) -> bool {
        self.files.iter().any(|file| {
            (0..file.len()).any(|at| match file[at].as_str() {
                "pub" => is_definition(&file[at + 1..], name),
                "macro_rules" => file.get(at + 2).is_some_and(|word| word == name),
                _ => false,
            })
        })
    }
}

fn tokens(code: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        let length = if word > 0 { word } else { first.len_utf8() };
        tokens.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    tokens
}

/// Whether what follows a `pub` defines or re-exports `name`.
fn is_definition(after: &[String], name: &str) -> bool {
    const QUALIFIERS: [&str; 6] = ["unsafe", "async", "extern", "safe", "auto", "C"];
    const KINDS: [&str; 10] = [
        "fn", "struct", "enum", "trait", "mod", "type", "union", "static", "macro", "const",
    ];
    let mut words = after
        .iter()
        .map(String::as_str)
        .skip_while(|word| QUALIFIERS.contains(word))
        .peekable();
    let Some(mut kind) = words.next() else {
        return false;
    };
    if kind == "use" {
        return words
            .take_while(|word| *word != ";")
            .any(|word| word == name);
    }
    // `const fn`, `const unsafe fn`, `static mut`.
    while words
        .peek()
        .is_some_and(|word| QUALIFIERS.contains(word) || matches!(*word, "fn" | "mut"))
    {
        let word = words.next().unwrap_or_default();
        if word == "fn" {
            kind = word;
        }
    }
    KINDS.contains(&kind) && words.next() == Some(name)
}

/// Whether the public trait or enum `owner` of this file has a function or a variant `part`.
fn has_part(file: &[String], owner: &str, part: &str) -> bool {
    let heads = file
        .windows(3)
        .enumerate()
        .filter(|(_, words)| words[0] == "pub" || words[0] == "unsafe");
    for (at, words) in heads {
        if !matches!(words[1].as_str(), "trait" | "enum") || words[2] != owner {
            continue;
        }
        let mut depth = 0;
        for (at, word) in file.iter().enumerate().skip(at + 3) {
            match word.as_str() {
                "{" => depth += 1,
                "}" if depth == 1 => break,
                "}" => depth -= 1,
                word if depth == 1 && word == part => {
                    let before = file[at - 1].as_str();
                    if words[1] == "enum" && matches!(before, "{" | "," | "]") || before == "fn" {
                        return true;
                    }
                }
                _ => {}
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_no_code() {
        assert_eq!(code("a // b\nc"), "a     \nc");
        assert_eq!(code("a /* b /* c */ d */ e"), "a                   e");
        assert_eq!(code(r#"x("y \" // z", 1)"#).replace(' ', ""), "x(,1)");
        assert_eq!(
            code(r###"f(r#"un"safe"#, br"b", 'x', '\'')"###).replace(' ', ""),
            "f(,,,)"
        );
        assert_eq!(code("fn f<'a>(x: &'a str) {}"), "fn f<'a>(x: &'a str) {}");
    }

    fn has(source: &str, path: &str) -> bool {
        Public::of([source].into_iter()).has(&path.split("::").collect::<Vec<_>>())
    }

    #[test]
    fn public_definitions_are_found() {
        let source = "
            pub mod fd { pub struct Fd<'a>(&'a u8); }
            impl Fd<'_> { pub const unsafe fn wait(&self) {} pub(crate) fn hidden(&self) {} }
            pub use crate::inner::{one, Two as Three};
            pub unsafe extern \"C\" fn raw() {}
            pub const LIMIT: usize = 1;
            #[macro_export] macro_rules! stack { () => {} }
            pub unsafe trait Source { fn try_take(&self) -> bool; }
            pub enum Interrupt { Cancelled, #[doc(hidden)] Deadline(u8) }
        ";
        for path in [
            "fd::Fd::wait",
            "one",
            "Three",
            "raw",
            "LIMIT",
            "stack",
            "Source::try_take",
            "Interrupt::Deadline",
        ] {
            assert!(has(source, path), "{path}");
        }
    }

    #[test]
    fn what_is_private_or_absent_is_not_found() {
        let source = "
            struct Private; fn quiet() {} pub(crate) fn inner() {}
            // pub fn commented() {}
            pub struct Wire; impl Wire { fn secret(&self) {} }
            pub enum Kind { A(Payload) }
        ";
        for path in [
            "Private",
            "quiet",
            "inner",
            "commented",
            "Wire::secret",
            "Wire::gone",
            "Kind::Payload",
        ] {
            assert!(!has(source, path), "{path}");
        }
    }
}
