//! Accepting connections, and serving one.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use libwire::pool::MappedPool;
use libwire::{Watch, deadline, timeout};

use crate::desks::{Desk, Taken};
use crate::guests::Guest;
use crate::http::{Connection, Input, Output, Patience, Step};
use crate::{Server, add, files};

/// How long to read on after the last response, so that the client gets to see it.
const LINGER: Duration = Duration::from_secs(1);

/// When nothing can be accepted, for lack of open files say, wait for some to be closed.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts until cancelled. Each connection gets a wire of the pool; when it has none, waits.
pub(crate) fn accept(
    server: &'static Server,
    pool: &'static MappedPool,
    listener: Watch<TcpListener>,
) {
    loop {
        let accepted = listener.read_with(|listener| listener.accept());
        let stream = accepted.and_then(|(stream, _)| Ok(Watch::new(stream)?));
        let spawned = match stream {
            Ok(stream) => pool.spawn_wait("connection", move || connection(server, stream)),
            Err(error) if gone_already(&error) => continue,
            Err(_) if libwire::check_interrupt().is_err() => return,
            Err(error) => {
                eprintln!("web: accepting: {error}");
                libwire::sleep(PAUSE);
                continue;
            }
        };
        match spawned {
            Ok(wire) => wire.detach(),
            Err(libwire::pool::SpawnError::Interrupted(_)) => return,
            Err(error) => {
                // Memory is short, which may pass. The client sees its connection closed.
                eprintln!("web: starting a connection: {error}");
                libwire::sleep(PAUSE);
            }
        }
    }
}

/// Whether the client left while it waited to be accepted.
fn gone_already(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    )
}

fn connection(server: &Server, stream: Watch<TcpStream>) {
    let Some(guest) = server.guests.seat() else {
        return;
    };
    guest.sit_down();
    add(&server.totals.connections, 1);
    let mut talk = Talk {
        server,
        guest: &guest,
        stream: &stream,
        state: Connection::new(),
        due: None,
    };
    match talk.go_on() {
        Ok(End::Told) => {}
        Ok(End::Untold) => linger(&stream),
        // The client vanished, did not take its answer in time, or time is up altogether: whatever
        // it was, it concerns this connection only.
        Err(_) => add(&server.totals.cut_short, 1),
    }
}

/// How a connection ended.
enum End {
    /// Both sides know.
    Told,
    /// The client may not know yet.
    Untold,
}

/// One connection, and what serving it takes.
pub(crate) struct Talk<'c> {
    pub(crate) server: &'c Server,
    guest: &'c Guest<'c>,
    stream: &'c Watch<TcpStream>,
    state: Connection,
    /// When the request that is arriving has to be there.
    due: Option<Instant>,
}

impl<'c> Talk<'c> {
    fn go_on(&mut self) -> io::Result<End> {
        let mut desk = None;
        loop {
            let Some(mut taken) = self.next(desk)? else {
                // The client of a server that ends may be sending its next request.
                let ending = self.server.handler.closes_connections();
                return Ok(if ending { End::Untold } else { End::Told });
            };
            if let Some(end) = self.answer(&mut taken)? {
                return Ok(end);
            }
            desk = Some(taken);
        }
    }

    /// Sends what is left to send on the desk of the last request, and waits for the next one.
    /// `None` if there is none.
    fn next(&self, last: Option<Taken<'c>>) -> io::Result<Option<Taken<'c>>> {
        let mut sent = false;
        let next = within(self.server.idle_timeout, || {
            if let Some(mut desk) = last {
                self.send(&mut desk.out)?;
            }
            sent = true;
            if self.server.handler.closes_connections() {
                return Ok(None);
            }
            self.guest.idle(|| {
                self.stream.readable()?;
                // There are as many as connections.
                let mut desk = self.server.desks.take().ok_or(io::ErrorKind::OutOfMemory)?;
                let count = self.read(&mut desk.input)?;
                Ok((count > 0).then_some(desk))
            })
        });
        match next {
            // It was idle for too long, the server is ending, or the client is gone: however an
            // idle connection ends, nothing is missing.
            Err(_) if sent => Ok(None),
            next => next,
        }
    }

    /// Answers what is on the desk, until there is no request left there. The last answer may still
    /// be there to be sent.
    // Out of line: its frame lies where that of `next` did, and the same cache lines serve both.
    #[inline(never)]
    fn answer(&mut self, desk: &mut Desk) -> io::Result<Option<End>> {
        loop {
            let step = self
                .state
                .step(&self.server.handler, &mut desk.input, &mut desk.out);
            match step {
                Step::Read(Patience::Idle) => return Ok(None),
                Step::Read(patience) => {
                    if !self.read_on(desk, patience)? {
                        return Ok(Some(End::Told));
                    }
                }
                Step::Send => self.send_in_time(&mut desk.out)?,
                Step::File(request) => files::send(self, desk, &request)?,
                Step::Close { linger } => {
                    self.send_in_time(&mut desk.out)?;
                    return Ok(Some(if linger { End::Untold } else { End::Told }));
                }
            }
        }
    }

    /// Reads more of a request that has begun. False if the client ends in the middle of it.
    #[inline(never)]
    fn read_on(&mut self, desk: &mut Desk, patience: Patience) -> io::Result<bool> {
        let due = match self.due {
            Some(due) if patience == Patience::Continues => due,
            _ => Instant::now() + self.server.head_timeout,
        };
        self.due = Some(due);
        let mut sent = false;
        let read = deadline(due, || {
            self.send(&mut desk.out)?;
            sent = true;
            self.read(&mut desk.input)
        });
        match read.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Err(error) if sent && error.kind() == io::ErrorKind::TimedOut => {
                self.state.timed_out(&self.server.handler, &mut desk.out);
                Ok(true)
            }
            read => Ok(read? > 0),
        }
    }

    fn read(&self, input: &mut Input<'_>) -> io::Result<usize> {
        let mut stream = self.stream;
        let count = stream.read(input.spare())?;
        input.filled(count);
        Ok(count)
    }

    fn send(&self, out: &mut Output<'_>) -> io::Result<()> {
        let mut stream = self.stream;
        while !out.is_empty() {
            let count = stream.write(out.data())?;
            out.sent(count);
        }
        Ok(())
    }

    /// Sends what is in the output, unless the client does not take it.
    #[inline(never)]
    pub(crate) fn send_in_time(&self, out: &mut Output<'_>) -> io::Result<()> {
        if out.is_empty() {
            return Ok(());
        }
        within(self.server.idle_timeout, || self.send(out))
    }

    /// Writes all of `bytes`, unless the client does not take them.
    pub(crate) fn write_in_time(&self, bytes: &[u8]) -> io::Result<()> {
        let mut stream = self.stream;
        within(self.server.idle_timeout, || stream.write_all(bytes))
    }
}

/// Runs `f`, whose waits end with `TimedOut` when the time is up.
fn within<T>(time: Duration, f: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    timeout(time, f).unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Says that nothing more will come and reads until the client has done the same: closing on unread
/// bytes would reset the connection, and that may overtake the response.
// Out of line like all that happens rarely, so that idle connections have small frames.
#[inline(never)]
fn linger(stream: &Watch<TcpStream>) {
    if stream.get_ref().shutdown(Shutdown::Write).is_ok() {
        let mut rest = [0; 1024];
        let mut stream = stream;
        let _ = timeout(
            LINGER,
            || while matches!(stream.read(&mut rest), Ok(1..)) {},
        );
    }
}
