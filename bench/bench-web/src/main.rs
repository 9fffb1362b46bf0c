//! What an HTTP request costs the server: wires beside tokio and a plain epoll loop, in one run.
//!
//! Each server is a process of its own on processor 0, the load generator one on processor 1; they
//! take turns, so that whatever else the machine does hits all of them. What counts is the
//! processor time the kernel accounts to the server, per request answered.

mod allocations;
mod idle;
mod server;
mod stats;

use std::path::PathBuf;
use std::process::ExitCode;

use bench_stats::{median, range, ratios};
use clap::Parser;

use server::Server;
use stats::Samples;

/// The wire server may cost this much of the plain loop, and no more than tokio.
const AGAINST_PLAIN: f64 = 1.05;
/// Connections at which `--check` looks.
const CHECKED: [u32; 2] = [64, 1000];

#[derive(Parser)]
#[command(about = "Server CPU per request: wires, tokio current_thread, a plain epoll loop")]
pub(crate) struct Options {
    /// The wire server (the example `web`).
    #[arg(long)]
    server: PathBuf,
    /// The load generator (the example `load`).
    #[arg(long)]
    load: PathBuf,
    /// Connections, one section each.
    #[arg(long, value_delimiter = ',', default_values_t = [64, 500, 1000])]
    connections: Vec<u32>,
    /// Seconds of load for one sample.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Samples of each server.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Idle keep-alive connections whose memory is measured; 0 leaves that out.
    #[arg(long, default_value_t = 9000)]
    idle: usize,
    /// End with an error if a limit is not kept or a peer did not run.
    #[arg(long)]
    check: bool,
    /// Print every sample.
    #[arg(long)]
    raw: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(failures) if failures.is_empty() => ExitCode::SUCCESS,
        Ok(failures) => {
            println!();
            for failure in &failures {
                println!("falls short: {failure}");
            }
            if options.check {
                ExitCode::FAILURE
            } else {
                ExitCode::SUCCESS
            }
        }
        Err(error) => {
            eprintln!("bench-web: {error}");
            ExitCode::FAILURE
        }
    }
}

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn run(options: &Options) -> Outcome<Vec<String>> {
    println!(
        "{}",
        bench_stats::versions(
            include_str!("../../Cargo.lock"),
            &["tokio", "mio", "httparse"]
        )
    );
    let mut failures = Vec::new();
    for connections in &options.connections {
        section(options, *connections, &mut failures)?;
    }
    allocations::section(options, &mut failures)?;
    if options.idle > 0 {
        idle::section(options, &mut failures)?;
    }
    Ok(failures)
}

/// The servers under comparison, the plain loop first.
fn peers(options: &Options) -> Outcome<[(&'static str, PathBuf); 3]> {
    let here = std::env::current_exe()?;
    let beside = |name: &str| here.with_file_name(name);
    Ok([
        ("plain epoll", beside("plain_epoll")),
        ("tokio current_thread", beside("tokio_current")),
        ("wires", options.server.clone()),
    ])
}

fn section(options: &Options, connections: u32, failures: &mut Vec<String>) -> Outcome<()> {
    let peers = peers(options)?;
    let mut servers = Vec::new();
    for (name, path) in &peers {
        servers.push((*name, Server::start(path, &[])?, Samples::default()));
    }
    for _ in 0..options.rounds {
        for (_, server, samples) in &mut servers {
            let before = server.cpu()?;
            let load = server::load(options, server.addr, connections)?;
            let cpu = server.cpu()? - before;
            samples.push(cpu as f64 / load.requests as f64, &load);
        }
    }
    println!(
        "\n{connections} connections, {} rounds of {} s",
        options.rounds, options.seconds
    );
    println!(
        "{:<22} {:>10} {:>19} {:>14} {:>10} {:>9} {:>9}",
        "server", "CPU ns/req", "min..max", "of the plain", "req/s", "p50 us", "p99 us"
    );
    let plain = servers[0].2.cpu.clone();
    let mut of_plain = Vec::new();
    for (name, _, samples) in &servers {
        // Round by round, since neighbours in time saw the same machine.
        let paired = median(&ratios(&samples.cpu, &plain));
        let (low, high) = range(&samples.cpu);
        println!(
            "{name:<22} {:>10.0} {:>19} {:>14.3} {:>10.0} {:>9.0} {:>9.0}",
            median(&samples.cpu),
            format!("{low:.0}..{high:.0}"),
            paired,
            median(&samples.rate),
            median(&samples.p50),
            median(&samples.p99),
        );
        if options.raw {
            println!("  raw CPU ns/req: {:.0?}", samples.cpu);
        }
        of_plain.push(paired);
        if samples.errors > 0 {
            failures.push(format!(
                "{name}, {connections} connections: {} socket errors",
                samples.errors
            ));
        }
    }
    let tokio = median(&ratios(&servers[2].2.cpu, &servers[1].2.cpu));
    println!("wires of tokio: {:.3}", tokio);
    if CHECKED.contains(&connections) {
        if of_plain[2] > AGAINST_PLAIN {
            failures.push(format!(
                "{connections} connections: {:.3} of the plain loop, at most {AGAINST_PLAIN}",
                of_plain[2]
            ));
        }
        if tokio > 1.0 {
            failures.push(format!(
                "{connections} connections: {:.3} of tokio, at most 1",
                tokio
            ));
        }
    }
    for (name, server, samples) in servers {
        let output = server.stop()?;
        // The wire server counts what it served; it must agree with who asked.
        if let Some(served) = server::number_before(&output, " requests")
            && (served as u64) < samples.requests
        {
            failures.push(format!(
                "{name} says {served} requests, {} were answered",
                samples.requests
            ));
        }
    }
    Ok(())
}
