//! Replacing one layer by a port, and running the workspace's tests on the result.
//!
//! Cargo silently ignores `[patch]` and `--config` overrides of a path dependency, so this works
//! on a copy of the tree, in which the one line of `[workspace.dependencies]` that names the layer
//! is rewritten.

use std::fs;
use std::path::{Path, PathBuf};

use crate::ci;
use crate::layers;
use crate::metadata::Metadata;
use crate::run::{self, Problem, Scratch, TestRun};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The port's directory, as in ports/wire-fd-polling
    path: PathBuf,
}

pub(crate) fn run(args: &Args) -> run::Result {
    let mut run = TestRun::default();
    let port = fs::canonicalize(&args.path)
        .map_err(|error| Problem::Failed(format!("{}: {error}", args.path.display())))?;
    test(&port, &mut run)?;
    let tests = run.end()?;
    println!("port: {} passed, {} failed", tests.passed, tests.failed);
    Ok(())
}

/// Runs the suite with the port in the place of what it replaces.
pub(crate) fn test(port: &Path, run: &mut TestRun) -> run::Result {
    let name = port
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let Some(layer) = layers::layer_of(name) else {
        return run::failed(format!(
            "{name} replaces no layer: name it after one, as in wire-fd-polling"
        ));
    };
    println!("port: {name} in the place of {layer}");
    let scratch = Scratch::new(&format!("port-{name}"))?;
    copy(&run::root(), scratch.path())?;
    // A port may come from anywhere; in the copy it always lies where its path dependencies expect.
    let inside = scratch.path().join("ports").join(name);
    copy(port, &inside)?;

    let package = package_name(&read(&inside.join("Cargo.toml"))?)
        .ok_or_else(|| Problem::Failed(format!("{name}: Cargo.toml names no package")))?;
    let manifest = rewrite(
        &read(&scratch.path().join("Cargo.toml"))?,
        layer,
        name,
        &package,
    )?;
    scratch.write("Cargo.toml", manifest)?;

    let target = Metadata::read()?.target_directory.join("port");
    let copied = Metadata::of(&scratch.path().join("Cargo.toml"))?;
    let mut suite = run::cargo([
        "test",
        "--no-fail-fast",
        "--workspace",
        "--exclude",
        "xtask",
    ]);
    suite.args(ci::suite(&copied));
    run.add(
        suite
            .current_dir(scratch.path())
            .env("CARGO_TARGET_DIR", &target),
    );
    let mut doc = run::cargo([
        "test",
        "--no-fail-fast",
        "--workspace",
        "--exclude",
        "xtask",
        "--doc",
    ]);
    run.add(
        doc.current_dir(scratch.path())
            .env("CARGO_TARGET_DIR", &target),
    );
    Ok(())
}

fn copy(from: &Path, to: &Path) -> run::Result {
    for file in run::tree_files(from)? {
        let target = to.join(&file);
        fs::create_dir_all(target.parent().expect("a file lies in a directory"))
            .and_then(|()| fs::copy(from.join(&file), &target))
            .map_err(|error| Problem::Failed(format!("{}: {error}", target.display())))?;
    }
    Ok(())
}

fn read(path: &Path) -> run::Result<String> {
    fs::read_to_string(path)
        .map_err(|error| Problem::Failed(format!("{}: {error}", path.display())))
}

/// The package's name, from its manifest's text.
fn package_name(manifest: &str) -> Option<String> {
    let mut lines = manifest
        .lines()
        .skip_while(|line| line.trim() != "[package]")
        .skip(1);
    let name = lines.find_map(|line| {
        line.trim()
            .strip_prefix("name")?
            .trim_start()
            .strip_prefix('=')
    })?;
    Some(name.trim().trim_matches('"').into())
}

/// The workspace's manifest with the port as a member and under the layer's name, and the replaced
/// crate no member any more: its sources stay, since a port may include tests from them.
fn rewrite(manifest: &str, layer: &str, port: &str, package: &str) -> run::Result<String> {
    let mut section = "";
    let (mut member, mut outsider, mut dependency) = (false, false, false);
    let mut text = String::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line.trim();
        }
        let key = line.split('=').next().unwrap_or_default().trim();
        let list = line.split_once('[').map_or("", |(_, list)| list);
        let rewritten = match (section, key) {
            ("[workspace]", "members") => {
                member = true;
                format!("members = [\"ports/{port}\", {list}")
            }
            ("[workspace]", "exclude") => {
                outsider = true;
                format!("exclude = [\"crates/{layer}\", {list}")
            }
            ("[workspace.dependencies]", key) if key == layer => {
                dependency = true;
                format!("{layer} = {{ package = \"{package}\", path = \"ports/{port}\" }}")
            }
            _ => line.into(),
        };
        text.push_str(&rewritten);
        text.push('\n');
    }
    if member && outsider && dependency {
        return Ok(text);
    }
    run::failed(format!(
        "Cargo.toml: found no members, no exclude, or no line for {layer} to rewrite"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"[workspace]
members = ["crates/*", "xtask"]
exclude = ["bench", "ports"]

[workspace.dependencies]
wire-core = { version = "0.1.0", path = "crates/wire-core" }
wire-fd = { version = "0.1.0", path = "crates/wire-fd" }
"#;

    #[test]
    fn only_the_replaced_layer_is_rewritten() {
        let expected = r#"[workspace]
members = ["ports/wire-fd-polling", "crates/*", "xtask"]
exclude = ["crates/wire-fd", "bench", "ports"]

[workspace.dependencies]
wire-core = { version = "0.1.0", path = "crates/wire-core" }
wire-fd = { package = "fd-on-polling", path = "ports/wire-fd-polling" }
"#;
        assert_eq!(
            rewrite(MANIFEST, "wire-fd", "wire-fd-polling", "fd-on-polling"),
            Ok(expected.into())
        );
    }

    #[test]
    fn a_manifest_without_the_layer_fails() {
        assert!(rewrite(MANIFEST, "wire-io", "wire-io-uring", "wire-io-uring").is_err());
    }

    #[test]
    fn the_package_name_is_read_from_its_own_section() {
        let manifest = "[lib]\nname = \"wrong\"\n[package]\nversion = \"1\"\nname = \"right\"\n";
        assert_eq!(package_name(manifest), Some("right".into()));
        assert_eq!(package_name("[lib]\nname = \"wrong\"\n"), None);
    }
}
