//! What `cargo metadata` says of the workspace, as far as the checks care.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::run::{self, Problem};

#[derive(Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) target_directory: PathBuf,
}

#[derive(Clone, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) id: String,
    pub(crate) manifest_path: PathBuf,
    #[serde(default)]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) license: Option<String>,
    #[serde(default)]
    pub(crate) dependencies: Vec<Dependency>,
    #[serde(default)]
    pub(crate) targets: Vec<Target>,
    #[serde(default)]
    features: BTreeMap<String, Vec<String>>,
    /// What its manifest says to tools, this one among them.
    #[serde(default)]
    pub(crate) metadata: serde_json::Value,
}

#[derive(Clone, Deserialize)]
pub(crate) struct Dependency {
    /// The package's name, not what this manifest calls it.
    pub(crate) name: String,
    /// None for a normal dependency, else `dev` or `build`.
    pub(crate) kind: Option<String>,
}

#[derive(Clone, Deserialize)]
pub(crate) struct Target {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) src_path: PathBuf,
    pub(crate) kind: Vec<String>,
    /// Whether a plain `cargo test` (and `clippy --all-targets`) takes it.
    pub(crate) test: bool,
}

impl Metadata {
    /// The workspace this tool belongs to.
    pub(crate) fn read() -> run::Result<Self> {
        Self::of(&run::root().join("Cargo.toml"))
    }

    /// The workspace (or lone package) of a manifest.
    pub(crate) fn of(manifest: &Path) -> run::Result<Self> {
        let mut cargo = run::cargo([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--manifest-path",
        ]);
        let json = run::output(cargo.arg(manifest))?;
        serde_json::from_str(&json).map_err(|error| {
            Problem::Failed(format!("cargo metadata of {}: {error}", manifest.display()))
        })
    }

    /// The packages under `crates/`: what is published.
    pub(crate) fn libraries(&self) -> impl Iterator<Item = &Package> {
        let crates = run::root().join("crates");
        self.packages
            .iter()
            .filter(move |package| package.directory().parent() == Some(&crates))
    }

    /// Every integration test of the workspace, by package.
    pub(crate) fn integration_tests(&self) -> impl Iterator<Item = (&Package, &Target)> {
        self.packages
            .iter()
            .flat_map(|package| package.targets.iter().map(move |target| (package, target)))
            .filter(|(_, target)| target.kind.iter().any(|kind| kind == "test"))
    }

    /// Whether a package has an integration test of that name.
    pub(crate) fn has_test(&self, package: &str, test: &str) -> bool {
        self.integration_tests()
            .any(|(p, t)| p.name == package && t.name == test)
    }
}

impl Package {
    /// Whether it has cargo features that are not on by default.
    pub(crate) fn has_options(&self) -> bool {
        self.features.keys().any(|feature| feature != "default")
    }

    pub(crate) fn directory(&self) -> &Path {
        self.manifest_path
            .parent()
            .expect("a manifest lies in a directory")
    }
}
