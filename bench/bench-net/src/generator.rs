//! Who asks: a process of its own, which the server starts.

use std::io::Read;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use bench_harness::Plan;
use clap::ValueEnum;

/// In which order connections ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Order {
    /// All at once, and each again when it has its answer
    Together,
    /// The next one is opened when the last one has its answer; each asks once
    OneByOne,
}

/// The process; killed if it does not end.
pub struct Generator(Child);

impl Generator {
    /// Starts it. It asks for a little more than the plan has, so that no connection is out of work before
    /// the end is taken.
    ///
    /// # Errors
    ///
    /// If there is no such program.
    pub fn start(
        addr: SocketAddr,
        connections: usize,
        plan: Plan,
        order: Order,
    ) -> Result<Generator, String> {
        let requests = match order {
            Order::Together => plan.warm_up.max(1) + plan.operations + connections as u64,
            Order::OneByOne => connections as u64,
        };
        let path = beside("bench-net-load")?;
        let order = order.to_possible_value();
        let order = order.as_ref().map_or("", |value| value.get_name());
        let child = Command::new(&path)
            .args([&addr.to_string(), &connections.to_string()])
            .args([&requests.to_string(), order])
            .stdout(Stdio::piped())
            .spawn();
        child
            .map(Generator)
            .map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Waits until it has ended, and says how many answers it got.
    ///
    /// # Errors
    ///
    /// If it has not got them all.
    pub fn finish(mut self) -> Result<u64, String> {
        let failed = |error| format!("who asks: {error}");
        let mut text = String::new();
        if let Some(output) = &mut self.0.stdout {
            output.read_to_string(&mut text).map_err(failed)?;
        }
        let status = self.0.wait().map_err(failed)?;
        match text.trim().parse() {
            Ok(answers) if status.success() => Ok(answers),
            _ => Err(format!("who asks: {status}: {text:?}")),
        }
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The path of a program that is built beside this one.
///
/// # Errors
///
/// If it cannot be told where this one is.
pub fn beside(name: &str) -> Result<PathBuf, String> {
    let me = std::env::current_exe().map_err(|error| error.to_string())?;
    let directory = me.parent().unwrap_or(&me);
    // Tests lie one directory deeper.
    let directory = match directory.parent() {
        Some(parent) if directory.ends_with("deps") => parent,
        _ => directory,
    };
    Ok(directory.join(name))
}
