//! The layering, enforced: no crate depends upwards, on a sibling, or on an outside crate that
//! belongs elsewhere.
//!
//! Each layer can be ripped out and replaced only as long as nothing reaches around it, and one
//! convenient edge is enough to lose that.

use std::fs;

use crate::metadata::{Metadata, Package};
use crate::run::{self, Problem};

/// A crate and what it may rest on. Rows go from the bottom up; dev-dependencies may use any row
/// above them in this list, which keeps test edges free of cycles too.
struct Layer {
    name: &'static str,
    below: &'static [&'static str],
}

const NINE: &[&str] = &[
    "wire-coro",
    "wire-core",
    "wire-stack",
    "wire-wait",
    "wire-pool",
    "wire-channel",
    "wire-lock",
    "wire-fd",
    "wire-io",
];

const ALL: &[&str] = &[
    "wire-coro",
    "wire-core",
    "wire-stack",
    "wire-wait",
    "wire-pool",
    "wire-channel",
    "wire-lock",
    "wire-fd",
    "wire-io",
    "wire-net",
    "wire-hook",
];

const LAYERS: &[Layer] = &[
    Layer {
        name: "wire-coro",
        below: &[],
    },
    Layer {
        name: "wire-core",
        below: &["wire-coro"],
    },
    Layer {
        name: "wire-stack",
        below: &["wire-core"],
    },
    Layer {
        name: "wire-wait",
        below: &["wire-core"],
    },
    Layer {
        name: "wire-pool",
        below: &["wire-core", "wire-stack"],
    },
    Layer {
        name: "wire-channel",
        below: &["wire-core", "wire-wait"],
    },
    Layer {
        name: "wire-lock",
        below: &["wire-core", "wire-wait"],
    },
    Layer {
        name: "wire-fd",
        below: &["wire-core", "wire-stack", "wire-wait"],
    },
    Layer {
        name: "wire-io",
        below: &["wire-core", "wire-wait", "wire-fd"],
    },
    Layer {
        name: "wire-net",
        below: NINE,
    },
    Layer {
        name: "wire-hook",
        below: NINE,
    },
    Layer {
        name: "libwire",
        below: ALL,
    },
];

const SYSTEM: &[&str] = &["wire-stack", "wire-fd", "wire-io", "wire-net", "wire-hook"];

/// Outside crates and the only places for them.
const OUTSIDE: &[(&str, &[&str])] = &[
    ("libc", SYSTEM),
    ("nix", SYSTEM),
    ("crossbeam-channel", &["wire-io"]),
    ("corosensei", &["wire-coro"]),
    ("intrusive-collections", ALL),
];

/// Members that are not part of the library: free to use anything, and used by nobody.
const TOOLS: &[&str] = &["xtask", "wire-tests"];

pub(crate) fn run() -> run::Result {
    let workspace = Metadata::read()?;
    let mut complaints: Vec<String> = workspace.packages.iter().flat_map(check).collect();
    let ports = ports()?;
    complaints.extend(ports.iter().flat_map(check_port));
    if complaints.is_empty() {
        println!(
            "layers: {} packages and {} ports keep to their layers",
            workspace.packages.len(),
            ports.len()
        );
        return Ok(());
    }
    for complaint in &complaints {
        eprintln!("layers: {complaint}");
    }
    run::failed(format!("{} edges out of place", complaints.len()))
}

/// The packages under `ports/`, each its own workspace.
pub(crate) fn ports() -> run::Result<Vec<Package>> {
    let mut found = Vec::new();
    // No directory means no ports.
    let Ok(entries) = fs::read_dir(run::root().join("ports")) else {
        return Ok(found);
    };
    for entry in entries {
        let entry = entry.map_err(|error| Problem::Failed(format!("ports/: {error}")))?;
        let manifest = entry.path().join("Cargo.toml");
        if manifest.is_file() {
            let packages = Metadata::of(&manifest)?.packages;
            found.extend(
                packages
                    .into_iter()
                    .filter(|package| package.manifest_path == manifest),
            );
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// The layer a name stands for: itself, or for `wire-fd-polling` the longest layer that it extends.
pub(crate) fn layer_of(name: &str) -> Option<&'static str> {
    layer(name).map(|(_, layer)| layer.name)
}

fn layer(name: &str) -> Option<(usize, &'static Layer)> {
    let extends = |layer: &str| {
        name.strip_prefix(layer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    LAYERS
        .iter()
        .enumerate()
        .filter(|(_, layer)| extends(layer.name))
        .max_by_key(|(_, layer)| layer.name.len())
}

/// What is wrong with a member of the workspace.
fn check(package: &Package) -> Vec<String> {
    if TOOLS.contains(&package.name.as_str()) {
        return Vec::new();
    }
    match layer(&package.name).filter(|(_, layer)| layer.name == package.name) {
        Some((height, layer)) => edges(package, height, layer, false),
        None => vec![format!(
            "{} has no layer: give it a row in xtask/src/layers.rs",
            package.name
        )],
    }
}

/// What is wrong with a port: it stands where the crate it replaces stood, which its directory
/// tells, since its package may have that crate's very name. Outside crates that no layer claims
/// are its own affair: using another one is what a port is for.
fn check_port(package: &Package) -> Vec<String> {
    let directory = package
        .directory()
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    match layer(&directory) {
        Some((height, layer)) => edges(package, height, layer, true),
        None => vec![format!(
            "ports/{directory} replaces no layer: name it after the crate it replaces, as in wire-fd-polling"
        )],
    }
}

fn edges(package: &Package, height: usize, row: &Layer, port: bool) -> Vec<String> {
    let from = &package.name;
    let mut complaints = Vec::new();
    for dependency in &package.dependencies {
        let to = dependency.name.as_str();
        let dev = dependency.kind.as_deref() == Some("dev");
        if TOOLS.contains(&to) {
            complaints.push(format!(
                "{from} -> {to}: tools and tests are depended on by nobody"
            ));
        } else if let Some((target, layer)) = layer(to) {
            if dev && target >= height {
                complaints.push(format!(
                    "{from} -> {to} (dev): tests may use lower layers only; move the test to tests/"
                ));
            } else if !dev && !row.below.contains(&layer.name) {
                let allowed = if row.below.is_empty() {
                    "nothing".into()
                } else {
                    row.below.join(", ")
                };
                complaints.push(format!(
                    "{from} -> {to}: {} may rest on {allowed} only; move the code up, or pass it in from above",
                    row.name
                ));
            }
        } else if !dev {
            complaints.extend(outside(from, row.name, to, port));
        }
    }
    complaints
}

/// What is wrong with a normal or build dependency on a crate that is not ours.
fn outside(from: &str, layer: &str, to: &str, port: bool) -> Option<String> {
    match OUTSIDE.iter().find(|(name, _)| *name == to) {
        Some((_, places)) if places.contains(&layer) => None,
        Some((_, places)) => Some(format!(
            "{from} -> {to}: {to} belongs in {} only; ask one of those crates for what you need from it",
            places.join(", ")
        )),
        None if port => None,
        None => Some(format!(
            "{from} -> {to}: libraries take no outside crate but {}; make it a dev-dependency, or give it a \
             place in xtask/src/layers.rs and the reason in docs/decisions.md",
            OUTSIDE
                .iter()
                .map(|(name, _)| *name)
                .collect::<Vec<_>>()
                .join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A package with dependencies written as `name` or `name dev`.
    fn package(name: &str, dependencies: &[&str]) -> Package {
        let dependencies: Vec<_> = dependencies
            .iter()
            .map(|written| {
                let mut words = written.split(' ');
                serde_json::json!({ "name": words.next(), "kind": words.next() })
            })
            .collect();
        let json = serde_json::json!({
            "name": name,
            "manifest_path": format!("/tree/crates/{name}/Cargo.toml"),
            "dependencies": dependencies,
        });
        serde_json::from_value(json).unwrap()
    }

    fn complaint(package: &Package) -> String {
        let complaints = check(package);
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        complaints.into_iter().next().unwrap()
    }

    #[test]
    fn edges_of_the_table_pass() {
        let fd = package(
            "wire-fd",
            &[
                "wire-core",
                "wire-stack",
                "wire-wait",
                "libc",
                "nix",
                "intrusive-collections",
            ],
        );
        assert!(check(&fd).is_empty());
        assert!(check(&package("wire-coro", &["corosensei"])).is_empty());
        assert!(check(&package("wire-io", &["wire-fd", "crossbeam-channel"])).is_empty());
        assert!(
            check(&package(
                "libwire",
                &["wire-hook", "wire-net", "clap dev", "libc dev"]
            ))
            .is_empty()
        );
        assert!(check(&package("wire-tests", &["libwire", "anything"])).is_empty());
    }

    #[test]
    fn upward_and_sideways_edges_fail() {
        assert!(
            complaint(&package("wire-core", &["wire-stack"]))
                .contains("may rest on wire-coro only")
        );
        assert!(
            complaint(&package("wire-pool", &["wire-channel"]))
                .contains("wire-pool -> wire-channel")
        );
        assert!(complaint(&package("wire-net", &["wire-hook"])).contains("wire-net -> wire-hook"));
        assert!(
            complaint(&package("wire-coro", &["wire-core build"]))
                .contains("may rest on nothing only")
        );
    }

    #[test]
    fn an_edge_that_skips_a_layer_fails() {
        assert!(
            complaint(&package("wire-stack", &["wire-coro"])).contains("wire-stack -> wire-coro")
        );
        assert!(complaint(&package("wire-io", &["wire-stack"])).contains("wire-io -> wire-stack"));
    }

    #[test]
    fn dev_edges_may_go_down_further_but_never_up() {
        assert!(
            check(&package(
                "wire-channel",
                &["wire-stack dev", "wire-coro dev", "loom dev"]
            ))
            .is_empty()
        );
        assert!(
            complaint(&package("wire-core", &["wire-stack dev"])).contains("lower layers only")
        );
        assert!(complaint(&package("wire-core", &["wire-tests dev"])).contains("by nobody"));
    }

    #[test]
    fn outside_crates_out_of_place_fail() {
        assert!(
            complaint(&package("wire-core", &["libc"]))
                .contains("libc belongs in wire-stack, wire-fd")
        );
        assert!(
            complaint(&package("wire-fd", &["crossbeam-channel"]))
                .contains("belongs in wire-io only")
        );
        assert!(
            complaint(&package("libwire", &["corosensei"])).contains("belongs in wire-coro only")
        );
        assert!(
            complaint(&package("wire-lock", &["parking_lot"])).contains("make it a dev-dependency")
        );
        assert!(
            complaint(&package("wire-stack", &["cc build"])).contains("make it a dev-dependency")
        );
    }

    #[test]
    fn a_crate_without_a_row_fails() {
        assert!(complaint(&package("wire-log", &[])).contains("has no layer"));
        assert!(complaint(&package("wire-fd-polling", &[])).contains("has no layer"));
    }

    #[test]
    fn a_port_stands_where_its_crate_stood() {
        assert!(
            check_port(&package(
                "wire-fd-polling",
                &["wire-core", "wire-wait", "polling"]
            ))
            .is_empty()
        );
        assert_eq!(
            check_port(&package("wire-fd-polling", &["wire-io"])).len(),
            1
        );
        assert_eq!(check_port(&package("wire-coro-other", &["libc"])).len(), 1);
        assert_eq!(check_port(&package("polling-fd", &[])).len(), 1);
    }

    #[test]
    fn a_port_is_named_by_the_longest_layer_it_extends() {
        assert_eq!(layer_of("wire-core-mini"), Some("wire-core"));
        assert_eq!(layer_of("wire-fd"), Some("wire-fd"));
        assert_eq!(layer_of("wire-fdx"), None);
    }

    #[test]
    fn the_table_only_names_rows_before_it() {
        for (height, row) in LAYERS.iter().enumerate() {
            for below in row.below {
                assert!(layer(below).unwrap().0 < height, "{} -> {below}", row.name);
            }
        }
    }
}
