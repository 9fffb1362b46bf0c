//! Who asks: keeps connections busy with one request each, looks at every answer, and goes away.
//!
//! It keeps to the processors that whoever started it does not, if there are any.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;

use bench_net::generator::Order;
use bench_net::participant::{REQUEST, raise_file_limit};
use clap::Parser;
use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::signal::Signal;
use nix::sys::socket::{setsockopt, sockopt};
use nix::unistd::{Pid, alarm};

/// Seconds after which it is killed if it did not end.
const LONGEST: u32 = 60;

#[derive(Parser)]
struct Options {
    addr: SocketAddr,
    connections: usize,
    /// Of all connections together
    requests: u64,
    order: Order,
}

fn main() -> ExitCode {
    let options = Options::parse();
    // A server that is gone, or hangs, must not leave it behind.
    alarm::set(LONGEST);
    let outcome = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)
        .map_err(|error| error.to_string())
        .and_then(|()| raise_file_limit(options.connections))
        .and_then(|()| {
            keep_off();
            ask(&options).map_err(|error| error.to_string())
        });
    match outcome {
        Ok(answers) => {
            println!("{answers}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("who asks: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Leaves the server its processor; where there is no other, they share it.
fn keep_off() {
    let here = Pid::from_raw(0);
    let Ok(mine) = sched_getaffinity(here) else {
        return;
    };
    let mut others = CpuSet::new();
    for cpu in 0..CpuSet::count() {
        if !mine.is_set(cpu).unwrap_or(true) {
            let _ = others.set(cpu);
        }
    }
    // The kernel takes those that exist and refuses if there are none.
    let _ = sched_setaffinity(here, &others);
}

struct Client {
    stream: TcpStream,
    request: [u8; REQUEST],
    answer: [u8; REQUEST],
    /// Bytes of the answer that have come.
    filled: usize,
}

impl Client {
    fn connect(addr: SocketAddr, number: usize) -> io::Result<Client> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        // So that nothing remains of a connection, however many are made.
        let at_once = nix::libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        setsockopt(&stream, sockopt::Linger, &at_once)?;
        let mut request = [0; REQUEST];
        for (index, byte) in request.iter_mut().enumerate() {
            *byte = (number + index) as u8;
        }
        Ok(Client {
            stream,
            request,
            answer: [0; REQUEST],
            filled: 0,
        })
    }

    fn ask(&mut self) -> io::Result<()> {
        // Not the same twice.
        self.request[0] = self.request[0].wrapping_add(1);
        self.filled = 0;
        // The one before was answered, so there is room.
        self.stream.write_all(&self.request)
    }

    /// Whether the answer is complete.
    fn read(&mut self) -> io::Result<bool> {
        match self.stream.read(&mut self.answer[self.filled..]) {
            Ok(0) => Err(io::Error::other("the server ended a connection")),
            Ok(count) => {
                self.filled += count;
                if self.filled < REQUEST {
                    return Ok(false);
                }
                if self.answer != self.request {
                    return Err(io::Error::other("an answer is not the request's"));
                }
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn ask(options: &Options) -> io::Result<u64> {
    match options.order {
        Order::Together => together(options),
        Order::OneByOne => one_by_one(options),
    }
}

fn one_by_one(options: &Options) -> io::Result<u64> {
    let mut clients = Vec::with_capacity(options.connections);
    for number in 0..options.connections {
        let mut client = Client::connect(options.addr, number)?;
        client.ask()?;
        while !client.read()? {}
        clients.push(client);
    }
    Ok(options.connections as u64)
}

fn together(options: &Options) -> io::Result<u64> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    let mut clients = Vec::with_capacity(options.connections);
    for number in 0..options.connections {
        let client = Client::connect(options.addr, number)?;
        client.stream.set_nonblocking(true)?;
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
        epoll.add(&client.stream, EpollEvent::new(flags, number as u64))?;
        clients.push(client);
    }
    let mut asked = 0;
    for client in clients.iter_mut().take(options.requests as usize) {
        client.ask()?;
        asked += 1;
    }
    let mut answers = 0;
    let mut events = vec![EpollEvent::empty(); 1024];
    while answers < options.requests {
        let count = match epoll.wait(&mut events, EpollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            count => count?,
        };
        for event in &events[..count] {
            let client = &mut clients[event.data() as usize];
            // A partial read needs no second one: the rest makes another edge.
            if !client.read()? {
                continue;
            }
            answers += 1;
            if asked < options.requests {
                asked += 1;
                client.ask()?;
            }
        }
    }
    Ok(answers)
}
