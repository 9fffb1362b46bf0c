//! The yardstick: what one would write by hand. One thread, one epoll loop, no timers, and for each
//! request one wait, one read, one write.
//!
//! The handler is the example's own; files are left out.

#[expect(
    dead_code,
    unused_imports,
    reason = "files, timers and totals are the example's alone"
)]
#[path = "../../../../crates/libwire/examples/web/http/mod.rs"]
mod http;

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;

use clap::Parser;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{Backlog, listen, setsockopt, sockopt};

use http::{Connection, HEAD_LIMIT, Handler, Input, Output, RESPONSE_MAX, Status, Step};

#[derive(Parser)]
struct Options {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:9090")]
    addr: SocketAddr,
}

/// Events that are no connection's.
const LISTENER: u64 = u64::MAX;
const SIGNAL: u64 = u64::MAX - 1;

/// Edge-triggered, for both directions: a connection is registered once and for all.
const EDGES: EpollFlags = EpollFlags::EPOLLIN
    .union(EpollFlags::EPOLLOUT)
    .union(EpollFlags::EPOLLRDHUP)
    .union(EpollFlags::EPOLLET);

/// After these, a short read may have left the end of the stream behind.
const ENDING: EpollFlags = EpollFlags::EPOLLRDHUP
    .union(EpollFlags::EPOLLHUP)
    .union(EpollFlags::EPOLLERR);

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGINT);
    signals.thread_block()?;
    let signal = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC)?;
    let listener = TcpListener::bind(options.addr)?;
    listen(&listener, Backlog::MAXCONN)?;
    setsockopt(&listener, sockopt::TcpNoDelay, &true)?;
    listener.set_nonblocking(true)?;
    println!("listening on http://{}", listener.local_addr()?);

    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(&signal, EpollEvent::new(EpollFlags::EPOLLIN, SIGNAL))?;
    epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    let mut server = Server {
        handler: Handler::new(),
        input: vec![0; HEAD_LIMIT],
        output: vec![0; 4 * RESPONSE_MAX],
        clients: Vec::new(),
        free: Vec::new(),
    };
    let mut events = vec![EpollEvent::empty(); 1024];
    loop {
        let count = match epoll.wait(&mut events, EpollTimeout::NONE) {
            Err(nix::errno::Errno::EINTR) => continue,
            count => count?,
        };
        for event in &events[..count] {
            match event.data() {
                SIGNAL => {
                    println!("{} requests", server.handler.served());
                    return Ok(());
                }
                LISTENER => server.accept(&listener, &epoll)?,
                index => server.go_on(index as usize, event.events()),
            }
        }
    }
}

/// The connections, and buffers that all of them share: what is left over in them between two
/// events is rarely more than nothing.
struct Server {
    handler: Handler,
    input: Vec<u8>,
    output: Vec<u8>,
    clients: Vec<Option<Client>>,
    free: Vec<usize>,
}

struct Client {
    stream: TcpStream,
    connection: Connection,
    /// Read and not used up.
    unread: Vec<u8>,
    /// Written and not taken.
    unsent: Vec<u8>,
}

impl Server {
    fn accept(&mut self, listener: &TcpListener, epoll: &Epoll) -> io::Result<()> {
        loop {
            let stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            let index = self.free.pop().unwrap_or_else(|| {
                self.clients.push(None);
                self.clients.len() - 1
            });
            epoll.add(stream.as_fd(), EpollEvent::new(EDGES, index as u64))?;
            self.clients[index] = Some(Client {
                stream,
                connection: Connection::new(),
                unread: Vec::new(),
                unsent: Vec::new(),
            });
        }
    }

    fn go_on(&mut self, index: usize, events: EpollFlags) {
        let Some(client) = &mut self.clients[index] else {
            return;
        };
        let (input, output) = (&mut self.input[..], &mut self.output[..]);
        if !matches!(client.go_on(&self.handler, input, output, events), Ok(true)) {
            self.clients[index] = None;
            self.free.push(index);
        }
    }
}

impl Client {
    /// Whether the connection stays.
    fn go_on(
        &mut self,
        handler: &Handler,
        input: &mut [u8],
        output: &mut [u8],
        events: EpollFlags,
    ) -> io::Result<bool> {
        if !self.unsent.is_empty() {
            let sent = write(&mut self.stream, &self.unsent)?;
            self.unsent.drain(..sent);
            if !self.unsent.is_empty() {
                return Ok(true);
            }
        }
        let mut input = Input::new(input);
        if !self.unread.is_empty() {
            input.spare()[..self.unread.len()].copy_from_slice(&self.unread);
            input.filled(self.unread.len());
            self.unread.clear();
        }
        let mut out = Output::new(output);
        let mut drained = false;
        let stays = loop {
            let step = self.connection.step(handler, &mut input, &mut out);
            if !out.is_empty() {
                let sent = write(&mut self.stream, out.data())?;
                out.sent(sent);
            }
            if !out.is_empty() {
                self.unsent.extend_from_slice(out.data());
                break true;
            }
            match step {
                Step::Read(_) if drained => break true,
                Step::Read(_) => {
                    let room = input.spare().len();
                    match self.stream.read(input.spare()) {
                        Ok(0) => break false,
                        Ok(count) => {
                            input.filled(count);
                            drained = count < room && !events.intersects(ENDING);
                        }
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => break true,
                        Err(error) => return Err(error),
                    }
                }
                Step::Send => {}
                Step::File(request) => handler.refuse_file(&request, Status::NotFound, &mut out),
                Step::Close { .. } => break false,
            }
        };
        self.unread.extend_from_slice(input.data());
        Ok(stays)
    }
}

/// How much the socket took.
fn write(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    match stream.write(bytes) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        result => result,
    }
}
