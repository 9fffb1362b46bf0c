//! The copy of the tree in which a port takes the place of a layer.
//!
//! It lies in the target directory and is kept from run to run: what did not change is not written
//! again, so cargo does not build it again.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::run::{self, Problem};

/// Makes `to` a copy of the tree with the port in `ports/NAME`, and the root's manifest and lock
/// file as given.
pub(super) fn update(
    port: &Path,
    name: &str,
    to: &Path,
    manifest: &str,
    lock: &str,
) -> run::Result {
    let root = run::root();
    // A port may come from anywhere; in the copy it always lies where its path dependencies expect.
    let inside = Path::new("ports").join(name);
    let mut kept = BTreeSet::new();
    let mut put = |file: PathBuf, text: &[u8]| {
        let target = to.join(&file);
        kept.insert(target.clone());
        write_changed(&target, text).map_err(|error| fault(&target, &error))
    };
    put("Cargo.toml".into(), manifest.as_bytes())?;
    put("Cargo.lock".into(), lock.as_bytes())?;
    for file in run::tree_files(&root)? {
        let ours = ["Cargo.toml", "Cargo.lock"]
            .iter()
            .any(|own| file == Path::new(own));
        if !ours && !file.starts_with(&inside) {
            put(file.clone(), &read(&root.join(&file))?)?;
        }
    }
    for file in run::tree_files(port)? {
        put(inside.join(&file), &read(&port.join(&file))?)?;
    }
    prune(to, &kept).map_err(|error| fault(to, &error))?;
    Ok(())
}

fn fault(path: &Path, error: &io::Error) -> Problem {
    Problem::Failed(format!("{}: {error}", path.display()))
}

fn read(path: &Path) -> run::Result<Vec<u8>> {
    fs::read(path).map_err(|error| fault(path, &error))
}

fn write_changed(path: &Path, text: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    fs::create_dir_all(path.parent().expect("a file lies in a directory"))?;
    fs::write(path, text)
}

/// Removes what is not among `kept`, and directories that are empty then; says whether this one is.
fn prune(directory: &Path, kept: &BTreeSet<PathBuf>) -> io::Result<bool> {
    let mut empty = true;
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() {
            if prune(&path, kept)? {
                fs::remove_dir(&path)?;
            } else {
                empty = false;
            }
        } else if kept.contains(&path) {
            empty = false;
        } else {
            fs::remove_file(&path)?;
        }
    }
    Ok(empty)
}

/// The workspace's manifest with the port as a member and under the layer's name, and the replaced
/// crate no member any more: its sources stay, since a port may include tests from them.
pub(super) fn rewrite(
    manifest: &str,
    layer: &str,
    port: &str,
    package: &str,
) -> run::Result<String> {
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

/// The workspace's lock file with what only the port's has: its versions of crates that nobody else
/// uses. Cargo drops what turns out to be unused.
pub(super) fn join_locks(workspace: &str, port: &str) -> String {
    const HEAD: &str = "[[package]]\n";
    let name = |block: &str| {
        let first = block.lines().next().unwrap_or_default();
        first.strip_prefix("name = ").map(str::to_owned)
    };
    let known: BTreeSet<_> = workspace.split(HEAD).skip(1).filter_map(name).collect();
    let mut text = workspace.trim_end().to_owned();
    text.push('\n');
    for block in port.split(HEAD).skip(1) {
        if name(block).is_some_and(|name| !known.contains(&name)) {
            text.push('\n');
            text.push_str(HEAD);
            text.push_str(block.trim_end());
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Scratch;

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
    fn the_workspaces_versions_win_and_the_ports_own_are_added() {
        let workspace = "version = 4\n\n[[package]]\nname = \"libc\"\nversion = \"0.2.1\"\n";
        let port = "version = 4\n\n[[package]]\nname = \"libc\"\nversion = \"0.2.9\"\n\n\
                    [[package]]\nname = \"region\"\nversion = \"4.0.1\"\ndependencies = [\n \"libc\",\n]\n";
        assert_eq!(
            join_locks(workspace, port),
            "version = 4\n\n[[package]]\nname = \"libc\"\nversion = \"0.2.1\"\n\n\
             [[package]]\nname = \"region\"\nversion = \"4.0.1\"\ndependencies = [\n \"libc\",\n]\n"
        );
        assert_eq!(join_locks(workspace, ""), workspace);
    }

    #[test]
    fn what_is_gone_from_the_tree_goes_from_the_copy_and_what_is_the_same_is_left_alone() {
        let scratch = Scratch::new("copy-prune").unwrap();
        for file in ["old/deep/gone.rs", "stays.rs", "old/stays.rs"] {
            scratch.write(file, "text").unwrap();
        }
        let at = |file: &str| scratch.path().join(file);
        let kept = BTreeSet::from([at("stays.rs"), at("old/stays.rs")]);
        assert!(!prune(scratch.path(), &kept).unwrap());
        assert!(at("old/stays.rs").is_file() && at("stays.rs").is_file());
        assert!(!at("old/deep").exists());

        let written = || fs::metadata(at("stays.rs")).unwrap().modified().unwrap();
        let long_ago = std::time::SystemTime::UNIX_EPOCH;
        let file = fs::File::options()
            .write(true)
            .open(at("stays.rs"))
            .unwrap();
        file.set_modified(long_ago).unwrap();
        write_changed(&at("stays.rs"), b"text").unwrap();
        assert_eq!(written(), long_ago);
        write_changed(&at("stays.rs"), b"changed").unwrap();
        assert_ne!(written(), long_ago);
    }
}
