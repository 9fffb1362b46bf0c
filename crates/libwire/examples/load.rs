//! A load generator for HTTP/1.1: so many connections, each sending its next request when the
//! answer to the last is there.
//!
//! `cargo run --release --example load -- --addr 127.0.0.1:9090 --connections 500 --seconds 10`
//!
//! One thread and a plain epoll loop, so that it does not depend on what it measures. It ends with a
//! non-zero status if any connection had an error or any answer was not a 2xx.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

#[derive(Parser)]
#[command(about = "Keeps connections to an HTTP server busy and counts")]
struct Options {
    /// The server.
    #[arg(long, default_value = "127.0.0.1:9090")]
    addr: SocketAddr,
    /// Connections open at the same time.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// How long to go on, in seconds.
    #[arg(long, default_value_t = 10.0, value_parser = seconds)]
    seconds: f64,
    /// What to ask for.
    #[arg(long, default_value = "/")]
    path: String,
    /// Requests sent before the first answer is awaited.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pipeline: u32,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.01..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("between 0.01 and 86400".into()),
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(totals) => {
            totals.print(&options);
            if totals.errors > 0 || totals.not_2xx > 0 {
                ExitCode::FAILURE
            } else {
                ExitCode::SUCCESS
            }
        }
        Err(error) => {
            eprintln!("load: {}: {error}", options.addr);
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> io::Result<Totals> {
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\n\r\n",
        options.path, options.addr
    );
    let burst = request.repeat(options.pipeline as usize).into_bytes();
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    let mut connections = Vec::with_capacity(options.connections as usize);
    for index in 0..u64::from(options.connections) {
        let stream = TcpStream::connect(options.addr)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let events = EpollFlags::EPOLLIN
            | EpollFlags::EPOLLOUT
            | EpollFlags::EPOLLRDHUP
            | EpollFlags::EPOLLET;
        epoll.add(stream.as_fd(), EpollEvent::new(events, index))?;
        connections.push(Some(Connection::new(stream)));
    }
    let mut totals = Totals::new();
    let mut events = vec![EpollEvent::empty(); 1024];
    let start = Instant::now();
    let end = start + Duration::from_secs_f64(options.seconds);
    while totals.open(&connections) && Instant::now() < end {
        let count = match epoll.wait(&mut events, EpollTimeout::from(50_u8)) {
            Err(nix::errno::Errno::EINTR) => continue,
            count => count?,
        };
        for event in &events[..count] {
            let slot = &mut connections[event.data() as usize];
            let Some(connection) = slot else { continue };
            if let Err(error) = connection.go_on(&burst, options.pipeline, &mut totals) {
                totals.error(&error);
                *slot = None;
            }
        }
    }
    totals.elapsed = start.elapsed();
    Ok(totals)
}

/// One connection and what is known of the answer that is coming in.
struct Connection {
    stream: TcpStream,
    /// Of the burst, bytes not sent yet.
    unsent: usize,
    /// Answers of the burst that are not complete.
    awaited: u32,
    sent_at: Instant,
    /// The head of an answer, until it is complete.
    head: Vec<u8>,
    /// Bytes of the body still to come, once the head is complete.
    body: Option<u64>,
}

impl Connection {
    fn new(stream: TcpStream) -> Connection {
        let sent_at = Instant::now();
        Connection {
            stream,
            unsent: 0,
            awaited: 0,
            sent_at,
            head: Vec::with_capacity(1024),
            body: None,
        }
    }

    /// Sends and receives until the socket has had enough.
    fn go_on(&mut self, burst: &[u8], pipeline: u32, totals: &mut Totals) -> io::Result<()> {
        self.send(burst, pipeline)?;
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    self.receive(&buffer[..count], totals)?;
                    self.send(burst, pipeline)?;
                    // Less than there was room for: nothing is left, and the answer to what was just
                    // sent is a later edge.
                    if count < buffer.len() {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Begins the next burst if the last one was answered; sends what the socket takes.
    fn send(&mut self, burst: &[u8], pipeline: u32) -> io::Result<()> {
        if self.awaited == 0 {
            self.awaited = pipeline;
            self.unsent = burst.len();
            self.sent_at = Instant::now();
        }
        while self.unsent > 0 {
            match self.stream.write(&burst[burst.len() - self.unsent..]) {
                Ok(count) => self.unsent -= count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn receive(&mut self, mut data: &[u8], totals: &mut Totals) -> io::Result<()> {
        while !data.is_empty() {
            if let Some(left) = self.body {
                let count = left.min(data.len() as u64);
                data = &data[count as usize..];
                self.body = Some(left - count);
            } else {
                let before = self.head.len();
                self.head.extend_from_slice(data);
                let Some((length, status, body)) = parse(&self.head)? else {
                    return Ok(());
                };
                data = &data[length - before..];
                self.head.clear();
                self.body = Some(body);
                if !(200..300).contains(&status) {
                    totals.not_2xx += 1;
                }
            }
            if self.body == Some(0) {
                self.body = None;
                if self.awaited == 0 {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "an answer to no request",
                    ));
                }
                self.awaited -= 1;
                totals.answer(self.sent_at.elapsed());
            }
        }
        Ok(())
    }
}

/// Length of the head, status, length of the body; `None` if the head is not complete.
fn parse(head: &[u8]) -> io::Result<Option<(usize, u16, u64)>> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let status = response
        .parse(head)
        .map_err(|error| invalid(&error.to_string()))?;
    let httparse::Status::Complete(length) = status else {
        return Ok(None);
    };
    let body = response
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .and_then(|header| str::from_utf8(header.value).ok()?.trim().parse().ok())
        .ok_or_else(|| invalid("an answer without a length"))?;
    Ok(Some((length, response.code.unwrap_or(0), body)))
}

struct Totals {
    elapsed: Duration,
    errors: u64,
    not_2xx: u64,
    /// Of each answer, in microseconds.
    latencies: Vec<u32>,
    first_error: Option<String>,
}

impl Totals {
    fn new() -> Totals {
        Totals {
            elapsed: Duration::ZERO,
            errors: 0,
            not_2xx: 0,
            latencies: Vec::new(),
            first_error: None,
        }
    }

    fn open(&self, connections: &[Option<Connection>]) -> bool {
        (self.errors as usize) < connections.len()
    }

    fn answer(&mut self, latency: Duration) {
        self.latencies
            .push(latency.as_micros().try_into().unwrap_or(u32::MAX));
    }

    fn error(&mut self, error: &io::Error) {
        self.errors += 1;
        self.first_error.get_or_insert_with(|| error.to_string());
    }

    fn print(&self, options: &Options) {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let at = |share: f64| {
            let last = sorted.len().saturating_sub(1);
            sorted
                .get((share * last as f64) as usize)
                .copied()
                .unwrap_or(0)
        };
        let seconds = self.elapsed.as_secs_f64();
        println!("connections: {}", options.connections);
        println!("seconds: {seconds:.2}");
        println!("requests: {}", sorted.len());
        println!("requests/s: {:.0}", sorted.len() as f64 / seconds);
        println!("latency p50: {} us", at(0.5));
        println!("latency p99: {} us", at(0.99));
        println!("latency max: {} us", at(1.0));
        println!("not 2xx: {}", self.not_2xx);
        println!("socket errors: {}", self.errors);
        if let Some(error) = &self.first_error {
            println!("first error: {error}");
        }
    }
}
