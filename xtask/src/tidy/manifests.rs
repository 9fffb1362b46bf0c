//! Rules for manifests: every directory under `crates/` is a described, licensed member with the
//! workspace's lints, and the list of what may not allocate is in force.

use std::collections::BTreeMap;

use super::Tree;
use crate::metadata::{Metadata, Package};
use crate::run;

const LICENSE: &str = "MIT OR GPL-2.0-or-later";

/// What the list of allocating items cannot do without.
const BANNED: &[&str] = &[
    "std::boxed::Box::new",
    "std::vec::Vec",
    "std::string::String",
    "std::format",
];

pub(crate) fn check(tree: &Tree, workspace: &Metadata) -> Vec<String> {
    let mut complaints = Vec::new();
    for directory in crate_directories(tree) {
        if !workspace
            .libraries()
            .any(|package| package.directory().ends_with(&directory))
        {
            complaints.push(format!("{directory}: not a member of the workspace"));
        }
    }
    for package in &workspace.packages {
        let manifest = package
            .manifest_path
            .strip_prefix(run::root())
            .unwrap_or(&package.manifest_path);
        let manifest = manifest.to_string_lossy().into_owned();
        complaints.extend(check_package(
            package,
            &manifest,
            tree.get(&manifest).map_or("", String::as_str),
        ));
    }
    complaints.extend(check_examples(workspace));
    complaints.extend(check_ban(tree));
    complaints
}

/// Cargo builds every example into one directory, where equal names overwrite each other.
fn check_examples(workspace: &Metadata) -> Vec<String> {
    let mut owners: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in &workspace.packages {
        for target in package
            .targets
            .iter()
            .filter(|target| target.kind.iter().any(|kind| kind == "example"))
        {
            owners.entry(&target.name).or_default().push(&package.name);
        }
    }
    let twice = owners
        .into_iter()
        .filter(|(_, packages)| packages.len() > 1);
    twice
        .map(|(example, packages)| {
            format!(
                "example `{example}` is in {}: name each differently, by `[[example]]` with `name` and `path`",
                packages.join(", ")
            )
        })
        .collect()
}

/// The directories directly under `crates/`.
fn crate_directories(tree: &Tree) -> Vec<String> {
    let mut directories: Vec<String> = tree
        .keys()
        .filter_map(|path| path.strip_prefix("crates/")?.split_once('/'))
        .map(|(name, _)| format!("crates/{name}"))
        .collect();
    directories.dedup();
    directories
}

fn check_package(package: &Package, path: &str, manifest: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    if package
        .description
        .as_deref()
        .is_none_or(|text| text.trim().is_empty())
    {
        complaints.push(format!("{path}: no description"));
    }
    if package.license.as_deref() != Some(LICENSE) {
        complaints.push(format!(
            "{path}: license must be `{LICENSE}` (`license.workspace = true`)"
        ));
    }
    let mut lints = manifest
        .lines()
        .skip_while(|line| line.trim() != "[lints]")
        .skip(1);
    if lints
        .next()
        .is_none_or(|line| line.trim() != "workspace = true")
    {
        complaints.push(format!("{path}: does not take the workspace's lints"));
    }
    complaints
}

fn check_ban(tree: &Tree) -> Option<String> {
    let Some(list) = tree.get("clippy.toml") else {
        return Some(
            "clippy.toml: missing; it lists what crates that must not allocate cannot use".into(),
        );
    };
    let missing: Vec<_> = BANNED
        .iter()
        .copied()
        .filter(|item| !list.contains(&format!("\"{item}\"")))
        .collect();
    (!missing.is_empty()).then(|| format!("clippy.toml: no longer lists {}", missing.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree;

    const MANIFEST: &str = "[package]\nname = \"wire-fd\"\n\n[lints]\nworkspace = true\n";

    fn package(description: Option<&str>, license: Option<&str>) -> Package {
        let json = serde_json::json!({
            "name": "wire-fd",
            "manifest_path": "/tree/crates/wire-fd/Cargo.toml",
            "description": description,
            "license": license,
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_described_licensed_linted_package_passes() {
        let complaints = check_package(
            &package(Some("Waiting."), Some(LICENSE)),
            "Cargo.toml",
            MANIFEST,
        );
        assert_eq!(complaints, Vec::<String>::new());
    }

    #[test]
    fn what_a_package_lacks_is_named() {
        let complaints = check_package(&package(Some(" "), Some("MIT")), "Cargo.toml", "[lints]\n");
        assert_eq!(complaints.len(), 3, "{complaints:?}");
        assert!(complaints[0].contains("no description"));
        assert!(complaints[1].contains("license must be"));
        assert!(complaints[2].contains("lints"));
    }

    #[test]
    fn a_directory_that_is_no_member_fails() {
        let files = tree(&[("crates/stray/notes.txt", ""), ("clippy.toml", "")]);
        let workspace: Metadata =
            serde_json::from_value(serde_json::json!({ "packages": [], "target_directory": "/t" }))
                .unwrap();
        let complaints = check(&files, &workspace);
        assert_eq!(complaints[0], "crates/stray: not a member of the workspace");
    }

    #[test]
    fn examples_of_one_name_fail() {
        let package = |name: &str, examples: &[&str]| {
            let target = |name: &&str| serde_json::json!({ "name": name, "kind": ["example"], "test": false });
            let targets: Vec<_> = examples.iter().map(target).collect();
            serde_json::json!({ "name": name, "manifest_path": "/tree/Cargo.toml", "targets": targets })
        };
        let check = |packages: &[serde_json::Value]| {
            let workspace = serde_json::json!({ "packages": packages, "target_directory": "/t" });
            check_examples(&serde_json::from_value(workspace).unwrap())
        };
        assert_eq!(
            check(&[package("a", &["pick-a"]), package("b", &["pick-b"])]),
            Vec::<String>::new()
        );
        let complaints = check(&[package("a", &["pick"]), package("b", &["pick"])]);
        assert!(
            complaints[0].contains("example `pick` is in a, b"),
            "{complaints:?}"
        );
    }

    #[test]
    fn the_list_of_allocating_items_may_not_shrink_away() {
        let whole: String = BANNED.iter().map(|item| format!("\"{item}\"\n")).collect();
        assert_eq!(check_ban(&tree(&[("clippy.toml", &whole)])), None);
        let lacking = check_ban(&tree(&[("clippy.toml", "\"std::vec::Vec\"")])).unwrap();
        assert!(lacking.contains("std::boxed::Box::new") && !lacking.contains("std::vec::Vec"));
        assert!(check_ban(&tree(&[])).unwrap().contains("missing"));
    }
}
