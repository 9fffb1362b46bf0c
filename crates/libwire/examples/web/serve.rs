//! Accepting connections, and serving one.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use libwire::pool::MappedPool;
use libwire::{Watch, deadline, timeout};

use crate::guests::Guest;
use crate::http::{Connection, HEAD_LIMIT, Input, Output, Patience, RESPONSE_MAX, Step};
use crate::{Server, add, files};

/// Enough for most heads. Lies on the wire's stack, where 9,000 idle connections have one each;
/// longer heads go on in a larger one further down.
const SMALL_HEAD: usize = 1024;

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
    let (mut small, mut memory) = ([0; SMALL_HEAD], [0; RESPONSE_MAX]);
    let mut talk = Talk {
        server,
        guest: &guest,
        stream: &stream,
        state: Connection::new(),
        out: Output::new(&mut memory),
        due: None,
    };
    let mut input = Input::new(&mut small);
    let ended = match talk.go_on(&mut input) {
        Ok(Pause::HeadTooLong) => with_large_input(&mut talk, &input),
        ended => ended,
    };
    match ended {
        Ok(Pause::Linger) => linger(&stream),
        Ok(_) => {}
        // The client vanished, did not take its answer in time, or time is up altogether: whatever
        // it was, it concerns this connection only.
        Err(_) => add(&server.totals.cut_short, 1),
    }
}

/// Not inlined, or every connection would have this much stack in use.
#[inline(never)]
fn with_large_input(talk: &mut Talk<'_>, input: &Input<'_>) -> io::Result<Pause> {
    let mut large = [0; HEAD_LIMIT];
    talk.go_on(&mut Input::continued(&mut large, input))
}

/// One connection, and what serving it takes.
pub(crate) struct Talk<'c> {
    pub(crate) server: &'c Server,
    guest: &'c Guest<'c>,
    pub(crate) stream: &'c Watch<TcpStream>,
    state: Connection,
    pub(crate) out: Output<'c>,
    /// When the request that is arriving has to be there.
    due: Option<Instant>,
}

/// Why the talk went no further.
enum Pause {
    /// It is over.
    End,
    /// It is over, but the client may not know yet.
    Linger,
    /// It needs a larger input.
    HeadTooLong,
}

impl Talk<'_> {
    fn go_on(&mut self, input: &mut Input<'_>) -> io::Result<Pause> {
        loop {
            let step = self.state.step(&self.server.handler, input, &mut self.out);
            if !matches!(step, Step::File(_)) {
                self.send()?;
            }
            match step {
                Step::Read(patience) => {
                    if !self.read(input, patience)? {
                        return Ok(Pause::End);
                    }
                }
                Step::Send => {}
                Step::File(request) => files::send(self, input, &request)?,
                Step::Grow => return Ok(Pause::HeadTooLong),
                Step::Close { linger: true } => return Ok(Pause::Linger),
                Step::Close { linger: false } => return Ok(Pause::End),
            }
        }
    }

    /// Reads what is there, waiting if nothing is. False at the end of the stream.
    fn read(&mut self, input: &mut Input<'_>, patience: Patience) -> io::Result<bool> {
        let mut stream = self.stream;
        let read = match (patience, self.due) {
            (Patience::Idle, _) => self
                .guest
                .idle(|| timeout(self.server.idle_timeout, || stream.read(input.spare()))),
            (Patience::Continues, Some(due)) => deadline(due, || stream.read(input.spare())),
            (Patience::Started | Patience::Continues, _) => {
                let due = Instant::now() + self.server.head_timeout;
                self.due = Some(due);
                deadline(due, || stream.read(input.spare()))
            }
        };
        match read.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(count) => {
                input.filled(count);
                Ok(count > 0)
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                self.state.timed_out(&self.server.handler, &mut self.out);
                Ok(true)
            }
            // Dismissed while idle.
            Err(_) if patience == Patience::Idle && libwire::check_interrupt().is_err() => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Sends what is in the output.
    pub(crate) fn send(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        self.write_all(self.out.data())?;
        self.out.sent(self.out.data().len());
        Ok(())
    }

    /// Writes all of `bytes`, unless the client does not take them in time.
    pub(crate) fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        let mut stream = self.stream;
        timeout(self.server.idle_timeout, || stream.write_all(bytes))
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

/// Says that nothing more will come and reads until the client has done the same: closing on unread
/// bytes would reset the connection, and that may overtake the response.
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
