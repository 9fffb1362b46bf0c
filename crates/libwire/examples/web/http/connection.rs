//! The order of things on one connection: head, response, body, next head.
//!
//! ```text
//!             ┌──────────────────── step: File ────────────────────┐
//!             ▼                                                    │
//!   ┌─► [1] Head ── a whole head ──► respond ──┬─ body ──► [2] Body ──┐
//!   │         │                                │ no body              │ its end
//!   │         │ refused, timed_out             ▼                      │
//!   └─────────┼───────────────────────── keep or close? ◄─────────────┘
//!             ▼                                │ close
//!          [3] Over ◄──────────────────────────┘
//! ```
//!
//! The response goes out before the body is skipped: no answer depends on a body, and a client
//! that waits for the answer first is not kept waiting.

use super::HEAD_LIMIT;
use super::body::{Body, Chunks, SKIP_LIMIT, Skip};
use super::buffer::{Input, Output};
use super::handler::{Action, FileRequest, Handler};
use super::request::{self, Expectation, Persistence, RequestHead};
use super::response::Status;

/// One connection. Small: what it knows besides is in its two buffers.
#[derive(Debug)]
pub(crate) struct Connection {
    state: State,
    /// How much of the data was looked at for a head, in vain.
    looked_at: usize,
    /// Whether more bytes of the current request were waited for already.
    started: bool,
}

#[derive(Debug)]
enum State {
    /// [1]
    Head,
    /// [2]
    Body(Skip),
    /// [3]
    Over { unread: bool },
}

/// What the connection needs next. Before each of them, what is in the output is to be sent.
#[derive(Debug)]
pub(crate) enum Step {
    /// Bytes into the input. At the end of the stream, end the connection.
    Read(Patience),
    /// Room in the output.
    Send,
    /// A file. Its name is in the input, which stays as it is until the next step.
    File(FileRequest),
    /// The end.
    Close {
        /// Whether the client may still be sending. Closing on unread bytes resets the connection,
        /// and the reset may overtake the response: first close for writing, then read on for a
        /// while.
        linger: bool,
    },
}

/// How long to wait for bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// No request has begun: as long as idle connections may last.
    Idle,
    /// One has: from now on, as long as a request may take to arrive.
    Started,
    /// It is still on its way: the time that began with `Started` goes on.
    Continues,
}

impl Connection {
    pub(crate) fn new() -> Connection {
        Connection {
            state: State::Head,
            looked_at: 0,
            started: false,
        }
    }

    /// Goes as far as the input and the room in the output allow.
    pub(crate) fn step(
        &mut self,
        handler: &Handler,
        input: &mut Input<'_>,
        out: &mut Output<'_>,
    ) -> Step {
        loop {
            match &mut self.state {
                State::Over { unread } => return Step::Close { linger: *unread },
                State::Body(skip) => match skip.feed(input.data()) {
                    Ok((used, ended)) => {
                        input.consume(used);
                        if !ended {
                            return self.read(input);
                        }
                        self.state = State::Head;
                    }
                    // The answer is out; all that is left to say is that this is the end.
                    Err(_) => self.state = State::Over { unread: true },
                },
                State::Head => {
                    self.pass_over_blank_lines(input);
                    if input.data().is_empty() {
                        return self.read(input);
                    }
                    if !out.has_room() {
                        return Step::Send;
                    }
                    match self.head(input.data()) {
                        Ok(Some((head, length))) => {
                            let left = input.data().len() - length;
                            let file = self.answer(handler, &head, left, out);
                            let file = file.map(|file| file.within(input));
                            input.consume(length);
                            if let Some(file) = file {
                                return Step::File(file);
                            }
                        }
                        Ok(None) => return self.read(input),
                        Err(status) => self.refuse(handler, status, out),
                    }
                }
            }
        }
    }

    /// Some clients end a body by a line end that belongs to nothing, and no request begins with it.
    fn pass_over_blank_lines(&mut self, input: &mut Input<'_>) {
        let blank = blank(input.data());
        if blank > 0 {
            input.consume(blank);
            (self.looked_at, self.started) = (0, false);
        }
    }

    /// Parses the head at the start of `data`, if it may be all there: a client that sends it byte
    /// by byte does not have it parsed byte by byte.
    fn head<'i>(&mut self, data: &'i [u8]) -> Result<Option<(RequestHead<'i>, usize)>, Status> {
        let news = &data[self.looked_at..];
        if news.is_empty()
            || self.looked_at > 0 && data.len() < HEAD_LIMIT && !news.contains(&b'\n')
        {
            return Ok(None);
        }
        let parsed = request::parse(data)?;
        self.looked_at = if parsed.is_none() { data.len() } else { 0 };
        Ok(parsed)
    }

    /// Answers a request with `left` bytes behind its head, and moves on.
    fn answer<'i>(
        &mut self,
        handler: &Handler,
        head: &RequestHead<'i>,
        left: usize,
        out: &mut Output<'_>,
    ) -> Option<FileRequest<&'i str>> {
        self.started = false;
        let (skip, endless) = match head.body {
            Body::None => (None, false),
            // Who asks before sending a body is answered at once, and may or may not send it then.
            _ if head.expects != Expectation::None => (None, true),
            Body::Length(length) => (Some(Skip::Length(length)), length > SKIP_LIMIT),
            Body::Chunked => (Some(Skip::Chunked(Chunks::default())), false),
        };
        let mut persistence = handler.persistence(head);
        if endless {
            persistence = Persistence::Close;
        }
        self.state = match skip {
            _ if persistence == Persistence::Close => State::Over {
                // Unless the client announced the end, it may be sending the next request.
                unread: head.body != Body::None
                    || left > 0
                    || head.persistence != Persistence::Close,
            },
            Some(skip) => State::Body(skip),
            None => State::Head,
        };
        match handler.respond(head, persistence, out) {
            Action::Bytes => None,
            Action::File(path) => Some(FileRequest::new(head, path, persistence)),
        }
    }

    /// Wants more of what is half there, or the next request.
    fn read(&mut self, input: &mut Input<'_>) -> Step {
        input.compact();
        // There is room: a body was skipped, and a head of the input's size refused.
        Step::Read(
            if matches!(self.state, State::Head) && input.data().is_empty() {
                Patience::Idle
            } else if std::mem::replace(&mut self.started, true) {
                Patience::Continues
            } else {
                Patience::Started
            },
        )
    }

    /// Tells that the time for a request ran out. The next step is the end.
    pub(crate) fn timed_out(&mut self, handler: &Handler, out: &mut Output<'_>) {
        if matches!(self.state, State::Head) && self.started {
            self.refuse(handler, Status::RequestTimeout, out);
        } else {
            // Idle, or in a body, whose request was answered before.
            let unread = self.started;
            self.state = State::Over { unread };
        }
    }

    fn refuse(&mut self, handler: &Handler, status: Status, out: &mut Output<'_>) {
        handler.refuse(status, out);
        self.state = State::Over { unread: true };
    }
}

/// How many bytes of empty lines `data` starts with.
fn blank(data: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match &data[at..] {
            [b'\n', ..] => at += 1,
            [b'\r', b'\n', ..] => at += 2,
            _ => return at,
        }
    }
}
