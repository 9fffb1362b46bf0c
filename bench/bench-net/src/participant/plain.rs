//! The yardstick: what one would write by hand. One thread, one epoll loop; each connection is registered once,
//! edge-triggered, and a request is one read and one write.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::BUFFER;
use crate::done;

pub(super) const CONFIGURATION: &str =
    "one epoll loop, edge-triggered, registered once; one read, one write";

/// The event that is no connection's.
const LISTENER: u64 = u64::MAX;

const EDGES: EpollFlags = EpollFlags::EPOLLIN
    .union(EpollFlags::EPOLLOUT)
    .union(EpollFlags::EPOLLRDHUP)
    .union(EpollFlags::EPOLLET);

/// After these, a short read may have left the end of the stream behind.
const ENDING: EpollFlags = EpollFlags::EPOLLRDHUP
    .union(EpollFlags::EPOLLHUP)
    .union(EpollFlags::EPOLLERR);

struct Client {
    stream: TcpStream,
    /// Read, and not taken by the other side yet.
    unsent: Vec<u8>,
}

pub(super) fn serve(listener: &TcpListener, connections: usize) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    let mut clients: Vec<Option<Client>> = Vec::with_capacity(connections);
    let mut gone = 0;
    let mut events = vec![EpollEvent::empty(); 1024];
    let mut buffer = [0; BUFFER];
    while gone < connections {
        let count = match epoll.wait(&mut events, EpollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            count => count?,
        };
        for event in &events[..count] {
            if event.data() == LISTENER {
                accept(listener, &epoll, &mut clients)?;
                continue;
            }
            let place = &mut clients[event.data() as usize];
            let Some(client) = place else { continue };
            // What an error says is that the client went away, as it does in the end.
            if !client.go_on(&mut buffer, event.events()).unwrap_or(false) {
                *place = None;
                gone += 1;
            }
        }
    }
    Ok(())
}

fn accept(
    listener: &TcpListener,
    epoll: &Epoll,
    clients: &mut Vec<Option<Client>>,
) -> io::Result<()> {
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        stream.set_nonblocking(true)?;
        epoll.add(&stream, EpollEvent::new(EDGES, clients.len() as u64))?;
        clients.push(Some(Client {
            stream,
            unsent: Vec::new(),
        }));
    }
}

impl Client {
    /// Whether it stays.
    fn go_on(&mut self, buffer: &mut [u8], events: EpollFlags) -> io::Result<bool> {
        if !self.unsent.is_empty() {
            let sent = some(self.stream.write(&self.unsent))?.unwrap_or(0);
            self.unsent.drain(..sent);
            if !self.unsent.is_empty() {
                return Ok(true);
            }
        }
        if !events.intersects(ENDING.union(EpollFlags::EPOLLIN)) {
            return Ok(true);
        }
        loop {
            let Some(count) = some(self.stream.read(buffer))? else {
                return Ok(true);
            };
            if count == 0 {
                return Ok(false);
            }
            done::note();
            let sent = some(self.stream.write(&buffer[..count]))?.unwrap_or(0);
            if sent < count {
                self.unsent.extend_from_slice(&buffer[sent..count]);
                return Ok(true);
            }
            if count < buffer.len() && !events.intersects(ENDING) {
                return Ok(true);
            }
        }
    }
}

/// Nothing, if it would have to wait.
fn some(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        result => result.map(Some),
    }
}
