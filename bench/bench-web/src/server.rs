//! Servers and load generators as child processes, each on a processor of its own.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{Options, Outcome};

/// A server under measurement. Killed if it is not stopped.
pub(crate) struct Server {
    child: Child,
    output: BufReader<ChildStdout>,
    pub(crate) addr: SocketAddr,
}

impl Server {
    /// Starts a server on a free port and waits until it has printed its address.
    pub(crate) fn start(program: &Path, arguments: &[&str]) -> Outcome<Server> {
        let mut command = Command::new(program);
        command.args(["--addr", "127.0.0.1:0"]).args(arguments);
        pin(&mut command, 0);
        let failed = |error| format!("{} did not start: {error}", program.display());
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(failed)?;
        let mut output = BufReader::new(child.stdout.take().ok_or("no output")?);
        loop {
            let mut line = String::new();
            if output.read_line(&mut line)? == 0 {
                return Err(format!("{} ended without an address", program.display()).into());
            }
            let addr = line.split_once("http://").and_then(|(_, rest)| {
                let end = rest.find(|c: char| !(c.is_ascii_digit() || ".:".contains(c)));
                rest[..end.unwrap_or(rest.len())].parse().ok()
            });
            if let Some(addr) = addr {
                return Ok(Server {
                    child,
                    output,
                    addr,
                });
            }
        }
    }

    /// Nanoseconds on a processor so far, of all threads.
    pub(crate) fn cpu(&self) -> Outcome<u64> {
        let mut sum = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let line = fs::read_to_string(task?.path().join("schedstat"))?;
            sum += line.split(' ').next().unwrap_or("0").parse::<u64>()?;
        }
        Ok(sum)
    }

    /// Bytes of memory in use.
    pub(crate) fn resident(&self) -> Outcome<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line
            .and_then(|line| line.split_whitespace().next())
            .ok_or("no VmRSS")?;
        Ok(kib.parse::<u64>()? * 1024)
    }

    /// Ends it by SIGTERM; gives what it printed since its address.
    pub(crate) fn stop(mut self) -> Outcome<String> {
        kill(
            Pid::from_raw(self.child.id().cast_signed()),
            Signal::SIGTERM,
        )?;
        let mut text = String::new();
        self.output.read_to_string(&mut text)?;
        let status = self.child.wait()?;
        if !status.success() {
            return Err(format!("a server ended with {status}: {text}").into());
        }
        Ok(text)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Keeps a child on one processor.
fn pin(command: &mut Command, processor: usize) {
    let run = move || {
        let mut set = CpuSet::new();
        set.set(processor)?;
        // A machine with one processor measures all the same.
        let _ = sched_setaffinity(Pid::from_raw(0), &set);
        Ok(())
    };
    // SAFETY: only system calls between fork and exec, nothing that allocates or locks.
    unsafe { command.pre_exec(run) };
}

/// What the load generator printed.
pub(crate) struct Load {
    pub(crate) requests: u64,
    pub(crate) rate: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) errors: u64,
}

/// One sample's load.
pub(crate) fn load(options: &Options, addr: SocketAddr, connections: u32) -> Outcome<Load> {
    let mut command = Command::new(&options.load);
    command.args([
        "--addr",
        &addr.to_string(),
        "--connections",
        &connections.to_string(),
    ]);
    command.args(["--seconds", &options.seconds.to_string()]);
    pin(&mut command, 1);
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let number = |what: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(what));
        let word = line.and_then(|line| line.split_whitespace().next());
        word.and_then(|word| word.parse::<f64>().ok())
            .ok_or(format!(
                "the load generator did not say {what:?}: {text}{}",
                String::from_utf8_lossy(&output.stderr)
            ))
    };
    Ok(Load {
        requests: number("requests: ")? as u64,
        rate: number("requests/s: ")?,
        p50: number("latency p50: ")?,
        p99: number("latency p99: ")?,
        errors: number("socket errors: ")? as u64 + number("not 2xx: ")? as u64,
    })
}

/// The number in front of the first `unit` in a server's output.
pub(crate) fn number_before(text: &str, unit: &str) -> Option<f64> {
    let (before, _) = text.split_once(unit)?;
    before.split_whitespace().next_back()?.parse().ok()
}
