//! Shared helpers of the cross-layer tests.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Builds an example of the facade for release, and asks cargo where it put it.
///
/// # Panics
///
/// If it does not build.
pub fn release_example(name: &str) -> PathBuf {
    example("libwire", name, true)
}

/// Builds an example of a package, and asks cargo where it put it.
///
/// # Panics
///
/// If it does not build.
pub fn example(package: &str, name: &str, release: bool) -> PathBuf {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--message-format", "json"])
        .args(["--package", package, "--example", name])
        .args(release.then_some("--release"))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "the example does not build");
    let messages = String::from_utf8_lossy(&output.stdout);
    // Of what is built by that, only the example is a program. Its path is not worth a JSON parser.
    let path = messages
        .lines()
        .filter(|line| line.contains(r#""kind":["example"]"#))
        .find_map(|line| line.split_once(r#""executable":""#)?.1.split('"').next());
    path.expect("cargo names the example").into()
}
