//! Allocations per request on the wire server's thread, counted by the server itself.

use crate::server::{self, Server};
use crate::{Options, Outcome};

pub(crate) fn section(options: &Options, failures: &mut Vec<String>) -> Outcome<()> {
    let server = Server::start(&options.server, &["--count-allocations"])?;
    let load = server::load(options, server.addr, 64)?;
    let output = server.stop()?;
    let each = output
        .lines()
        .find_map(|line| line.split_once("allocations per request: "))
        .and_then(|(_, rest)| rest.split_whitespace().next()?.parse::<f64>().ok())
        .ok_or_else(|| format!("the server did not say what it allocated: {output}"))?;
    println!(
        "\nallocations per request, over {} requests: {each}",
        load.requests
    );
    if each > 0.0 {
        failures.push(format!("{each} allocations per request, at most 0"));
    }
    Ok(())
}
