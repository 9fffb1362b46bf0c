//! Who is measured, one module each, in the fastest configuration that its documentation has.

pub mod go;
mod may;
mod plain;
mod tokio;
mod wires;

use std::io;
use std::net::TcpListener;

use bench_harness::{Cost, Plan, Verdict, Who, stamp};
use clap::ValueEnum;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{Backlog, listen, setsockopt, sockopt};

use crate::generator::{Generator, Order};
use crate::row::Row;
use crate::{done, further};

/// Bytes of a request.
pub const REQUEST: usize = 64;
/// What a server reads into: with more room than a request fills, a short read tells that nothing is left.
const BUFFER: usize = 512;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Participant {
    Wires,
    /// An epoll loop as one would write it by hand
    Plain,
    Tokio,
    May,
    Go,
}

impl Who for Participant {
    type What = Row;

    const ALL: &'static [Participant] = &[
        Participant::Wires,
        Participant::Plain,
        Participant::Tokio,
        Participant::May,
        Participant::Go,
    ];
    const WIRES: Participant = Participant::Wires;
    const SAMPLES: usize = 15;
    const FEWEST: usize = 15;

    fn title(self) -> &'static str {
        match self {
            Participant::Wires => "wires",
            Participant::Plain => "plain loop",
            Participant::Tokio => "tokio",
            Participant::May => "may",
            Participant::Go => "Go",
        }
    }

    fn configuration(self) -> &'static str {
        match self {
            Participant::Wires => wires::CONFIGURATION,
            Participant::Plain => plain::CONFIGURATION,
            Participant::Tokio => tokio::CONFIGURATION,
            Participant::May => may::CONFIGURATION,
            Participant::Go => go::configuration(),
        }
    }

    fn abstains(self, row: Row) -> Option<&'static str> {
        match (self, row) {
            (Participant::Wires, _) => None,
            (_, Row::Yield | Row::YieldIdle) => Some("wires are measured against themselves"),
            (Participant::Go, _) if !go::is_installed() => Some("go: not installed"),
            (Participant::Go, Row::Sleep10000 | Row::Sleep100000) => Some("measured at echoes"),
            (Participant::Plain, Row::Sleep10000 | Row::Sleep100000) => Some("it has no timers"),
            (Participant::May, Row::Sleep100000) => Some("its guards do not go so far"),
            _ => None,
        }
    }

    fn is_one_thread(self) -> bool {
        !matches!(self, Participant::May | Participant::Go)
    }

    fn measure(self, row: Row, plan: Plan) -> Result<Cost, String> {
        if let Some(why) = self.abstains(row) {
            return Err(why.to_owned());
        }
        match row {
            Row::Yield | Row::YieldIdle => {
                let each = plan.each(2);
                if row == Row::Yield {
                    wires::yields(each);
                } else {
                    wires::yields_beside_a_descriptor(each);
                }
                return stamp::cost(each.operations * 2);
            }
            Row::Echo1 => return self.echo(1, plan, Order::Together),
            Row::Echo64 => return self.echo(64, plan, Order::Together),
            Row::Echo1000 => return self.echo(1_000, plan, Order::Together),
            Row::Sleep10000 => self.sleeps(10_000, plan)?,
            Row::Sleep100000 => self.sleeps(100_000, plan)?,
        }
        stamp::cost(plan.operations)
    }

    fn further(cpu: usize) -> Vec<Verdict> {
        further::sections(cpu)
    }
}

impl Participant {
    /// Serves this many connections until who asks has got enough answers.
    ///
    /// # Errors
    ///
    /// If one of the two did something else than it was told.
    pub fn echo(self, connections: usize, plan: Plan, order: Order) -> Result<Cost, String> {
        if self == Participant::Go {
            return go::echo(connections, plan, order);
        }
        done::plan(plan);
        raise_file_limit(connections)?;
        let failed = |error: io::Error| format!("the server: {error}");
        let listener = listener().map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let generator = Generator::start(addr, connections, plan, order)?;
        match self {
            Participant::Wires => wires::serve(listener, connections),
            Participant::Plain => plain::serve(&listener, connections),
            Participant::Tokio => tokio::serve(listener, connections),
            Participant::May => may::serve(listener, connections),
            Participant::Go => unreachable!("it serves elsewhere"),
        }
        .map_err(failed)?;
        let asked = generator.finish()?;
        if asked != done::count() {
            return Err(format!(
                "{asked} answers were received, {} sent",
                done::count()
            ));
        }
        stamp::cost(plan.operations)
    }

    fn sleeps(self, sleepers: usize, plan: Plan) -> Result<(), String> {
        done::plan(plan);
        match self {
            Participant::Wires => wires::sleeps(sleepers),
            Participant::Tokio => tokio::sleeps(sleepers),
            Participant::May => may::sleeps(sleepers),
            Participant::Plain | Participant::Go => return Err("it does not sleep".to_owned()),
        }
        Ok(())
    }
}

/// With room for all who come at once; what it accepts sends at once.
fn listener() -> io::Result<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listen(&listener, Backlog::MAXCONN)?;
    setsockopt(&listener, sockopt::TcpNoDelay, &true)?;
    Ok(listener)
}

/// A connection is an open file.
///
/// # Errors
///
/// If so many cannot be had.
pub fn raise_file_limit(connections: usize) -> Result<(), String> {
    let needed = connections as u64 + 50;
    let limits = getrlimit(Resource::RLIMIT_NOFILE);
    let (_, hard) = limits.map_err(|error| format!("the limit on open files: {error}"))?;
    if hard < needed {
        return Err(format!(
            "{connections} connections need {needed} open files; the hard limit is {hard}: raise it (ulimit -Hn)"
        ));
    }
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
        .map_err(|error| format!("the limit on open files: {error}"))
}
