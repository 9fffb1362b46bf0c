//! Relative links in Markdown must lead to files that exist.

use super::Tree;

pub(crate) fn check(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in tree.iter().filter(|(path, _)| path.ends_with(".md")) {
        for (number, target) in links(text) {
            let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
            let Some(file) = resolve(directory, &target) else {
                complaints.push(format!("{path}:{number}: `{target}` leads out of the tree"));
                continue;
            };
            let within = format!("{file}/");
            let exists = file.is_empty()
                || tree.contains_key(&file)
                || tree
                    .range(within.clone()..)
                    .next()
                    .is_some_and(|(path, _)| path.starts_with(&within));
            if !exists {
                complaints.push(format!(
                    "{path}:{number}: link to `{target}`, which does not exist"
                ));
            }
        }
    }
    complaints
}

/// Relative link targets without their fragments, by line; code is not searched.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        // Every second piece between backticks is code.
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        let inline = prose
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split([')', ' ']).next());
        let reference = prose
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("]: "))
            .map(|(_, target)| target);
        for target in inline.chain(reference) {
            let target = target.trim().split('#').next().unwrap_or_default();
            let external = target.contains("://") || target.starts_with("mailto:");
            if !target.is_empty() && !external {
                found.push((at + 1, target.to_owned()));
            }
        }
    }
    found
}

/// The path from the root, or none if it leaves the tree.
fn resolve(directory: &str, target: &str) -> Option<String> {
    if target.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = directory
        .split('/')
        .filter(|part| !part.is_empty())
        .collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree;

    fn complaints(text: &str) -> Vec<String> {
        check(&tree(&[
            ("docs/guide.md", text),
            ("README.md", ""),
            ("docs/decisions.md", ""),
        ]))
    }

    #[test]
    fn links_to_files_directories_and_elsewhere_pass() {
        let text = "See [a](../README.md), [b](decisions.md#d1 \"title\"), [c](#here), [d](https://x.y/z.md),\n\
                    [all](../docs/) and `[code](gone.md)`.\n```\n[fenced](gone.md)\n```\n[ref]: decisions.md\n";
        assert_eq!(complaints(text), Vec::<String>::new());
    }

    #[test]
    fn links_to_nothing_fail() {
        assert_eq!(
            complaints("\n[a](gone.md)"),
            ["docs/guide.md:2: link to `gone.md`, which does not exist"]
        );
        assert_eq!(complaints("[r]: gone.md#x").len(), 1);
        assert!(complaints("[a](../../etc/passwd)")[0].contains("leads out of the tree"));
        assert!(complaints("[a](/README.md)")[0].contains("leads out of the tree"));
    }
}
