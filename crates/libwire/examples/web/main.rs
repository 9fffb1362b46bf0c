//! A web server on wires: one OS thread, a wire per connection, each written as if it could block.
//!
//! `cargo run --release --example web` serves a page and the files below the current directory on
//! 127.0.0.1:9090; `--help` lists the options.
//!
//! ```text
//!   main wire ── waits for SIGINT, SIGTERM ──► cancels the acceptor and the idle connections
//!   acceptor ─── accepts ──► a wire of the pool; waits when none is free
//!   connection ─ reads, answers, reads … ──► wire-io for files
//! ```

mod count;
mod desks;
mod files;
mod guests;
mod http;
mod serve;

use std::cell::Cell;
use std::error::Error;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use libwire::pool::MappedPool;
use libwire::{Builder, Signal, Signals, Watch};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{Backlog, listen, setsockopt, sockopt};

use desks::Desks;
use files::Root;
use guests::Guests;
use http::Handler;

#[derive(Parser)]
#[command(about = "A web server on wires: one OS thread, a wire per connection")]
struct Options {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:9090")]
    addr: SocketAddr,
    /// The directory served at /files/.
    #[arg(long, default_value = ".")]
    root: PathBuf,
    /// Connections served at the same time; the next one waits until one of them ends.
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_connections: u32,
    /// The stack of each connection's wire.
    #[arg(long, default_value_t = 64 * 1024, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(48 * 1024..))]
    stack_size: u32,
    /// How long a connection may be idle, or not take what is sent.
    #[arg(long, default_value_t = 60_000, value_name = "MS")]
    idle_timeout_ms: u64,
    /// How long a request may take to arrive, from its first byte.
    #[arg(long, default_value_t = 10_000, value_name = "MS")]
    head_timeout_ms: u64,
    /// How long what runs may go on after SIGINT or SIGTERM.
    #[arg(long, default_value_t = 5_000, value_name = "MS")]
    drain_ms: u64,
    /// Tell at the end what was allocated for each request.
    #[arg(long, hide = true)]
    count_allocations: bool,
}

/// `println!`, except that a reader who went away is no reason to panic.
macro_rules! say {
    ($($text:tt)*) => {{
        let _ = writeln!(io::stdout(), $($text)*);
    }};
}

fn main() -> ExitCode {
    let options = Options::parse();
    match libwire::run(|| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("web: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What all connections share, for as long as the program runs.
struct Server {
    handler: Handler,
    root: Root,
    guests: Guests,
    desks: Desks,
    idle_timeout: Duration,
    head_timeout: Duration,
    totals: Totals,
}

#[derive(Default)]
struct Totals {
    connections: Cell<u64>,
    /// Ended by an error or by us, and not after a response.
    cut_short: Cell<u64>,
    file_bytes: Cell<u64>,
}

fn add(total: &Cell<u64>, n: u64) {
    total.set(total.get() + n);
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    // First, so that any thread started later leaves the signals to this one.
    let signals = Signals::new(&[Signal::SIGINT, Signal::SIGTERM])?;
    libwire::stack::detector::install()?;
    raise_file_limit();

    let root = Root::open(&options.root)
        .map_err(|error| format!("--root {}: {error}", options.root.display()))?;
    let listener =
        bind(options.addr).map_err(|error| format!("--addr {}: {error}", options.addr))?;
    let addr = listener.get_ref().local_addr()?;
    // Wires outlive the frames that start them, so what they share is never given back.
    let pool: &'static MappedPool = Box::leak(Box::new(
        MappedPool::builder()
            .max(options.max_connections as usize)
            .stack_size(options.stack_size as usize)
            .build()?,
    ));
    let server: &'static Server = Box::leak(Box::new(Server {
        handler: Handler::new(),
        root,
        guests: Guests::new(options.max_connections),
        desks: Desks::new(options.max_connections),
        idle_timeout: Duration::from_millis(options.idle_timeout_ms),
        head_timeout: Duration::from_millis(options.head_timeout_ms),
        totals: Totals::default(),
    }));
    let acceptor = Builder::new()
        .name("acceptor")
        .spawn(move || serve::accept(server, pool, listener))?;

    say!("listening on http://{addr}");
    say!("  curl -i http://{addr}/");
    say!("  curl -I http://{addr}/files/README.md");
    say!("  cargo run --release --example load -- --addr {addr} --connections 500 --seconds 10");
    say!("Ctrl-C ends it.");
    let (start, allocations) = (Instant::now(), count::allocations());

    let signal = signals.wait()?;
    let allocations = count::allocations() - allocations;
    say!(
        "{signal}: what runs may take {} ms to end",
        options.drain_ms
    );
    // A second signal ends the program at once.
    drop(signals);
    server.handler.close_connections();
    acceptor.cancel();
    // It ends by the cancellation, and closes the listener.
    let _ = acceptor.join();
    server.guests.dismiss_idle();
    let limit = Duration::from_millis(options.drain_ms);
    let in_time = libwire::timeout(limit, || pool.wait_until_idle());
    if !matches!(in_time, Ok(Ok(()))) {
        say!("cutting {} connections short", pool.in_use());
        server.guests.dismiss_all();
        pool.wait_until_idle()?;
    }
    print_totals(server, start.elapsed());
    if options.count_allocations {
        print_allocations(allocations, server.handler.served());
    }
    Ok(())
}

/// A listener with room for many who come at once.
fn bind(addr: SocketAddr) -> Result<Watch<TcpListener>, Box<dyn Error>> {
    let listener = TcpListener::bind(addr)?;
    listen(&listener, Backlog::MAXCONN)?;
    // Inherited by what it accepts. Responses are written whole; none has to wait for the next.
    setsockopt(&listener, sockopt::TcpNoDelay, &true)?;
    Ok(Watch::new(listener)?)
}

/// A connection is an open file. If the limit stays low, the acceptor lives with that.
fn raise_file_limit() {
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
}

fn print_totals(server: &Server, time: Duration) {
    let totals = &server.totals;
    say!(
        "{} requests on {} connections in {:.1} s; {} bytes of files; {} connections cut short",
        server.handler.served(),
        totals.connections.get(),
        time.as_secs_f64(),
        totals.file_bytes.get(),
        totals.cut_short.get(),
    );
}

fn print_allocations(allocations: u64, served: u64) {
    say!("{allocations} allocations for {served} answers");
    let each = allocations as f64 / served.max(1) as f64;
    say!("allocations per request: {each}");
}
