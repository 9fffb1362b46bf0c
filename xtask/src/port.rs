//! Replacing one layer by a port, and running the workspace's tests on the result.
//!
//! Cargo silently ignores `[patch]` and `--config` overrides of a path dependency, so this works
//! on a copy of the tree, in which the one line of `[workspace.dependencies]` that names the layer
//! is rewritten. `docs/porting.md` is about ports.
//!
//! A port that can be built in several ways declares them, and each is tried.

mod copy;
mod declared;
mod lacks;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::ci::{self, Backend};
use crate::layers;
use crate::metadata::{Metadata, Package};
use crate::run::{self, Problem, TestRun};
use declared::{Declaration, Lack, Variant};
use lacks::Test;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The port's directory, as in ports/wire-stack-plain
    path: PathBuf,
    /// How wires switch in the meantime
    #[arg(long, value_enum, default_value_t = Backend::here())]
    backend: Backend,
    /// Only one of the ways that the port declares to be built in
    #[arg(long)]
    variant: Option<String>,
}

pub(crate) fn run(args: &Args) -> run::Result {
    let mut run = TestRun::default();
    let port = fs::canonicalize(&args.path)
        .map_err(|error| Problem::Failed(format!("{}: {error}", args.path.display())))?;
    let port = Port::install(&port, args.backend)?;
    port.test(args.variant.as_deref(), &mut run)?;
    let tests = run.end()?;
    println!(
        "port: {} passed, {} failed, {} left out",
        tests.passed, tests.failed, tests.left_out
    );
    Ok(())
}

/// A port in the place of a layer, in a copy of the tree.
pub(crate) struct Port {
    layer: &'static str,
    package: Package,
    declared: Declaration,
    tree: PathBuf,
    /// Holds a target directory for each backend and variant.
    targets: PathBuf,
    backend: Backend,
    /// The copy's packages that the port can make a difference to.
    affected: Metadata,
}

impl Port {
    pub(crate) fn install(port: &Path, backend: Backend) -> run::Result<Self> {
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
        let workspace = Metadata::read()?;
        let base = workspace.target_directory.join("port");
        let tree = base.join(name).join("tree");

        let package = package_name(&read(&port.join("Cargo.toml"))?)
            .ok_or_else(|| Problem::Failed(format!("{name}: Cargo.toml names no package")))?;
        let root = run::root();
        let manifest = copy::rewrite(&read(&root.join("Cargo.toml"))?, layer, name, &package)?;
        // Without a lock file of its own a port adds the newest versions of what it needs.
        let own = fs::read_to_string(port.join("Cargo.lock")).unwrap_or_default();
        let lock = copy::join_locks(&read(&root.join("Cargo.lock"))?, &own);
        copy::update(port, name, &tree, &manifest, &lock)?;

        let mut copied = Metadata::of(&tree.join("Cargo.toml"))?;
        let inside = tree.join("ports").join(name);
        let Some(at) = copied
            .packages
            .iter()
            .position(|package| package.directory() == inside)
        else {
            return run::failed(format!("{name} is no member of the copy"));
        };
        let package = copied.packages[at].clone();
        let affected = above(&copied.packages, &package.name);
        let (affected, others): (Vec<_>, _) = copied
            .packages
            .into_iter()
            .partition(|package| affected.contains(&package.name));
        copied.packages = affected;
        let others: Vec<_> = others.into_iter().map(|package| package.name).collect();
        // Built from the same sources with the same dependencies: their tests cannot come out otherwise.
        println!(
            "port: not run, since the port does not reach them: {}",
            others.join(", ")
        );
        let this = Self {
            layer,
            declared: Declaration::read(&package.metadata)?,
            package,
            targets: base,
            tree,
            backend,
            affected: copied,
        };
        this.includes_tests_of(&workspace)?;
        Ok(this)
    }

    /// Every integration test of the replaced crate has to be one of the port's: its contract.
    fn includes_tests_of(&self, workspace: &Metadata) -> run::Result {
        let theirs = workspace
            .integration_tests()
            .filter(|(package, _)| package.name == self.layer);
        let ours: BTreeSet<_> = self
            .package
            .targets
            .iter()
            .filter_map(|target| fs::canonicalize(&target.src_path).ok())
            .collect();
        let mut missing = Vec::new();
        for (package, target) in theirs {
            let file = target
                .src_path
                .strip_prefix(package.directory())
                .unwrap_or(&target.src_path);
            let copy = self.tree.join("crates").join(self.layer).join(file);
            if !fs::canonicalize(copy).is_ok_and(|copy| ours.contains(&copy)) {
                missing.push(format!("crates/{}/{}", self.layer, file.display()));
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        run::failed(format!(
            "the port has to pass the tests of {}, too: give its Cargo.toml a `[[test]]` with the path of {}",
            self.layer,
            missing.join(", ")
        ))
    }

    /// A cargo command in the copy, with the backend and the variant's flags and a target directory
    /// for both.
    fn cargo<'a>(
        &self,
        variant: &Variant,
        args: impl IntoIterator<Item = &'a str>,
    ) -> run::Result<Command> {
        let mut cargo = run::cargo(args);
        self.backend.select(&mut cargo, &self.affected)?;
        let mut target = self.backend.name().to_owned();
        // Other flags throw away what was built with these.
        if !variant.rustflags.is_empty() {
            run::add_flags(&mut cargo, "RUSTFLAGS", &variant.rustflags);
            run::add_flags(&mut cargo, "RUSTDOCFLAGS", &variant.rustflags);
            target = format!("{target}-{}", variant.name);
        }
        // Whoever debugs a port builds it in its own place; here it is one more copy of everything.
        cargo
            .current_dir(&self.tree)
            .env("CARGO_TARGET_DIR", self.targets.join(target))
            .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only");
        Ok(cargo)
    }

    /// Format, lints and documentation of the port, which the workspace's own checks do not see.
    pub(crate) fn lint(&self) -> run::Result {
        let name = self.package.name.as_str();
        run::need_component("fmt", "rustfmt")?;
        run::need_component("clippy", "clippy")?;
        let fmt = ["fmt", "--check", "--package", name];
        run::status(&mut self.cargo(&Variant::default(), fmt)?)?;
        for variant in self.declared.variants(None)? {
            let clippy = ["clippy", "--all-targets", "--package", name];
            let mut clippy = self.cargo(&variant, clippy)?;
            run::status(clippy.args(["--", "-D", "warnings"]))?;
        }
        let mut doc = self.cargo(&Variant::default(), ["doc", "--no-deps", "--package", name])?;
        run::add_flags(&mut doc, "RUSTDOCFLAGS", "-D warnings");
        run::status(&mut doc)
    }

    /// The suite, as far as the port reaches, without what it declares to lack; with each of its
    /// variants, or with `only` one.
    pub(crate) fn test(&self, only: Option<&str>, run: &mut TestRun) -> run::Result {
        for variant in self.declared.variants(only)? {
            if !variant.name.is_empty() {
                println!("port: variant {}", variant.name);
            }
            self.test_variant(&variant, run)?;
        }
        Ok(())
    }

    fn test_variant(&self, variant: &Variant, run: &mut TestRun) -> run::Result {
        let mut packages = Vec::new();
        for package in &self.affected.packages {
            packages.extend(["--package", package.name.as_str()]);
        }
        let suite = ci::suite(&self.affected);
        let cargo = |args: &[&str]| {
            let mut cargo = self.cargo(variant, ["test", "--no-fail-fast"])?;
            cargo.args(&packages).args(args);
            Ok::<_, Problem>(cargo)
        };

        let lacks = self.declared.lacks(variant);
        let mut build = cargo(&["--no-run", "--message-format", "json-render-diagnostics"])?;
        self.check(&lacks, &run::output(build.args(&suite))?)?;
        let mut tests = cargo(&[])?;
        tests.args(&suite).args(["--", "--exact"]);
        for name in lacks::names(&lacks) {
            tests.args(["--skip", name]);
        }
        let before = run.so_far().left_out;
        run.add(&mut tests);
        let (left_out, declared) = (run.so_far().left_out - before, lacks::names(&lacks).count());
        if left_out != declared as u64 {
            return run::failed(format!(
                "{left_out} tests were left out, {declared} are declared"
            ));
        }
        run.add(&mut cargo(&["--doc"])?);
        Ok(())
    }

    /// Prints what the port lacks, and holds it against the tests that were built.
    fn check(&self, lacks: &[&Lack], built: &str) -> run::Result {
        for Lack { what, tests, .. } in lacks {
            println!("port: lacks {what}; {} tests left out:", tests.len());
            for test in tests {
                println!("  {test}");
            }
        }
        let contract = read(&self.tree.join("crates").join(self.layer).join("src/lib.rs"))?;
        let front = read(&self.package.directory().join("src/lib.rs"))?;
        let complaints = lacks::check(lacks, &self.list(built)?, &contract, &front);
        for complaint in &complaints {
            eprintln!("port: {complaint}");
        }
        if complaints.is_empty() {
            Ok(())
        } else {
            run::failed(format!("{} faults in what it declares", complaints.len()))
        }
    }

    /// Asks each test program for the names of its tests.
    fn list(&self, built: &str) -> run::Result<Vec<Test>> {
        let mut tests = Vec::new();
        for program in programs(built) {
            let Some(package) = self
                .affected
                .packages
                .iter()
                .find(|package| package.id == program.package_id)
            else {
                return run::failed(format!("cargo built tests of {}", program.package_id));
            };
            let mut list = Command::new(&program.executable);
            let listed = run::output(list.args(["--list", "--format", "terse"]))?;
            tests.extend(listed.lines().filter_map(|line| {
                Some(Test {
                    package: package.name.clone(),
                    target: program.target.clone(),
                    name: line.strip_suffix(": test")?.into(),
                })
            }));
        }
        Ok(tests)
    }
}

/// A test program that cargo built.
struct Program {
    package_id: String,
    target: String,
    executable: PathBuf,
}

/// From the messages of `cargo test --no-run`.
fn programs(messages: &str) -> Vec<Program> {
    #[derive(Deserialize)]
    struct Message {
        package_id: String,
        target: Target,
        executable: PathBuf,
        profile: Profile,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
    }
    #[derive(Deserialize)]
    struct Profile {
        test: bool,
    }
    // Other kinds of messages lack some of the fields.
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| message.profile.test)
        .map(|message| Program {
            package_id: message.package_id,
            target: message.target.name,
            executable: message.executable,
        })
        .collect()
}

/// The package and those that rest on it, directly or not, by dependencies of any kind; but not this
/// tool, which never switches a wire.
fn above(packages: &[Package], name: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::from([name.to_owned()]);
    loop {
        let before = found.len();
        for package in packages.iter().filter(|package| package.name != "xtask") {
            let rests = package
                .dependencies
                .iter()
                .any(|dependency| found.contains(&dependency.name));
            if rests {
                found.insert(package.name.clone());
            }
        }
        if found.len() == before {
            return found;
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_name_is_read_from_its_own_section() {
        let manifest = "[lib]\nname = \"wrong\"\n[package]\nversion = \"1\"\nname = \"right\"\n";
        assert_eq!(package_name(manifest), Some("right".into()));
        assert_eq!(package_name("[lib]\nname = \"wrong\"\n"), None);
    }

    #[test]
    fn what_rests_on_a_port_is_found_through_others_and_through_tests() {
        let package = |name: &str, on: &[&str]| {
            let on: Vec<_> = on
                .iter()
                .map(|name| serde_json::json!({ "name": name, "kind": "dev" }))
                .collect();
            let json = serde_json::json!({
                "name": name,
                "manifest_path": format!("/tree/crates/{name}/Cargo.toml"),
                "dependencies": on,
            });
            serde_json::from_value::<Package>(json).unwrap()
        };
        let packages = [
            package("libwire", &["wire-pool"]),
            package("wire-pool", &["wire-stack"]),
            package("wire-lock", &["wire-core"]),
            package("wire-stack", &["wire-core", "region"]),
            package("xtask", &["wire-stack"]),
            package("wire-core", &[]),
        ];
        let found: Vec<_> = above(&packages, "wire-stack").into_iter().collect();
        assert_eq!(found, ["libwire", "wire-pool", "wire-stack"]);
    }

    #[test]
    fn test_programs_are_found_among_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","package_id":"lib","target":{"name":"a"},"profile":{"test":false},"executable":null}
{"reason":"compiler-artifact","package_id":"bin","target":{"name":"b"},"profile":{"test":false},"executable":"/x/b"}
{"reason":"compiler-artifact","package_id":"test","target":{"name":"c"},"profile":{"test":true},"executable":"/x/c"}
{"reason":"build-finished","success":true}
"#;
        let found = programs(messages);
        assert_eq!(found.len(), 1);
        let Program {
            package_id,
            target,
            executable,
        } = &found[0];
        assert_eq!(
            (package_id.as_str(), target.as_str(), executable.as_path()),
            ("test", "c", Path::new("/x/c"))
        );
    }
}
