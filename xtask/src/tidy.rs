//! House rules that no compiler knows: what sources open with, where `cfg` may appear, which
//! crates must not allocate, and that documents only speak of what exists.

mod links;
mod manifests;
mod parity;
mod rust;
mod sources;

use std::collections::BTreeMap;
use std::fs;

use crate::metadata::Metadata;
use crate::run;

/// The text files of the tree by their path from the root, with `/` between the parts; tests of
/// the rules write one by hand. Files that are not text are there, empty, so that links to them work.
pub(crate) type Tree = BTreeMap<String, String>;

pub(crate) fn run() -> run::Result {
    let tree = read_tree()?;
    let mut complaints = sources::check(&tree);
    complaints.extend(manifests::check(&tree, &Metadata::read()?));
    complaints.extend(links::check(&tree));
    let (parity, more) = parity::check(&tree);
    complaints.extend(more);
    for complaint in &complaints {
        eprintln!("tidy: {complaint}");
    }
    println!("parity: {} of {} rows built", parity.built, parity.rows);
    if complaints.is_empty() {
        Ok(())
    } else {
        run::failed(format!("{} complaints", complaints.len()))
    }
}

fn read_tree() -> run::Result<Tree> {
    let root = run::root();
    let mut tree = Tree::new();
    for file in run::tree_files(&root)? {
        let text = fs::read(root.join(&file))
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        tree.insert(
            file.to_string_lossy().replace('\\', "/"),
            text.unwrap_or_default(),
        );
    }
    Ok(tree)
}

/// A tree written by hand.
#[cfg(test)]
fn tree(files: &[(&str, &str)]) -> Tree {
    files
        .iter()
        .map(|&(path, text)| (path.to_owned(), text.to_owned()))
        .collect()
}
