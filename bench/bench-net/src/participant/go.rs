//! Go, where it is installed: its server is built when the benchmark starts, and is a process of its own that
//! counts and reads its own times, like the others.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use bench_harness::{Cost, Plan};

use crate::generator::{Generator, Order, beside};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/echo.go");

pub(super) fn configuration() -> &'static str {
    if is_installed() {
        "GOMAXPROCS=1, a goroutine for each connection"
    } else {
        "go: not installed"
    }
}

/// Whether there is a `go` to build with; builds the server at the first call.
pub fn is_installed() -> bool {
    built().is_some()
}

/// Where the server is, or why it could not be built.
fn built() -> Option<&'static Result<PathBuf, String>> {
    static BUILT: OnceLock<Option<Result<PathBuf, String>>> = OnceLock::new();
    BUILT.get_or_init(build).as_ref()
}

fn build() -> Option<Result<PathBuf, String>> {
    Command::new("go").arg("version").output().ok()?;
    let build = || {
        let path = beside("bench-net-go")?;
        let mut go = Command::new("go");
        go.args(["build", "-o"]).arg(&path).arg(SOURCE);
        let output = go.output().map_err(|error| format!("go build: {error}"))?;
        if output.status.success() {
            return Ok(path);
        }
        let text = String::from_utf8_lossy(&output.stderr);
        Err(format!("go build: {}: {}", output.status, text.trim()))
    };
    Some(build())
}

/// Killed, if it does not end.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) fn echo(connections: usize, plan: Plan, order: Order) -> Result<Cost, String> {
    let path = built().ok_or("go: not installed")?.clone()?;
    super::raise_file_limit(connections)?;
    let server = Command::new(&path)
        .args([connections as u64, plan.warm_up.max(1), plan.operations].map(|n| n.to_string()))
        .env("GOMAXPROCS", "1")
        .stdout(Stdio::piped())
        .spawn();
    let mut server = Server(server.map_err(|error| format!("{}: {error}", path.display()))?);
    let mut output = BufReader::new(server.0.stdout.take().ok_or("no output")?);
    let mut text = String::new();
    let read = output.read_line(&mut text);
    read.map_err(|error| format!("Go: {error}"))?;
    let addr = text.trim().parse();
    let addr = addr.map_err(|error| format!("Go's address {text:?}: {error}"))?;
    Generator::start(addr, connections, plan, order)?.finish()?;
    text.clear();
    let read = output.read_to_string(&mut text);
    read.map_err(|error| format!("Go: {error}"))?;
    text.trim().parse()
}
