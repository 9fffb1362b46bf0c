//! An HTTP client that believes nothing: it sends exactly the bytes it is given, takes responses
//! apart by the letter, and gives up on a server that hangs.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take before it counts as hung. Far more than a loaded machine needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// No sane response head is longer.
const HEAD_LIMIT: usize = 16 * 1024;

/// A request without a body.
pub(crate) fn request(method: &str, target: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
    /// Read, and not yet part of a response.
    ahead: Vec<u8>,
    /// The start of what was sent last, to tell which of many requests a test failed at.
    last: Vec<u8>,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The one field of this name.
    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut found = self.fields.iter().filter(|(known, _)| known == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} twice: {:?}", self.fields);
        value
    }

    /// What `Content-Length` says. Every response here has one.
    #[track_caller]
    pub(crate) fn length(&self) -> usize {
        let length = self.field("content-length").expect("a Content-Length");
        length.parse().expect("a number as Content-Length")
    }

    /// Whether the server said that this response is the connection's last.
    #[track_caller]
    pub(crate) fn says_close(&self) -> bool {
        self.field("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    fn parse(head: &[u8]) -> Response {
        let head = str::from_utf8(head).expect("a head in ASCII");
        let mut lines = head.split("\r\n");
        let line = lines.next().unwrap_or_default();
        let status = line
            .strip_prefix("HTTP/1.1 ")
            .filter(|rest| rest.as_bytes().get(3) == Some(&b' '))
            .and_then(|rest| rest[..3].parse().ok());
        let fields = lines.map(|line| {
            let (name, value) = line
                .split_once(':')
                .unwrap_or_else(|| panic!("no colon in {line:?}"));
            assert!(
                !name.is_empty() && !name.contains([' ', '\n', '\r']) && !value.contains('\n'),
                "malformed: {line:?}"
            );
            (name.to_ascii_lowercase(), value.trim().to_owned())
        });
        Response {
            status: status.unwrap_or_else(|| panic!("no status line: {line:?}")),
            fields: fields.collect(),
            body: Vec::new(),
        }
    }
}

impl Client {
    #[track_caller]
    pub(crate) fn connect(address: SocketAddr) -> Client {
        Client::try_connect(address).expect("a connection")
    }

    pub(crate) fn try_connect(address: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        // What a test writes on its own is to arrive on its own.
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Client {
            stream,
            ahead: Vec::new(),
            last: Vec::new(),
        })
    }

    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the server takes bytes");
    }

    /// For bytes that the server need not take to the end.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let bytes = bytes.as_ref();
        self.last = bytes[..bytes.len().min(200)].to_vec();
        self.stream.write_all(bytes)
    }

    /// Sends from another thread, while this one reads. Ends when the server takes no more.
    pub(crate) fn send_beside(
        &self,
        mut each: impl FnMut(&mut TcpStream) -> io::Result<()> + Send + 'static,
    ) -> thread::JoinHandle<()> {
        let mut stream = self.stream.try_clone().expect("a second handle");
        thread::spawn(move || while each(&mut stream).is_ok() {})
    }

    /// Says that no more will be sent, and goes on reading.
    #[track_caller]
    pub(crate) fn finish_sending(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("a shutdown");
    }

    /// A request for `target` and its response.
    #[track_caller]
    pub(crate) fn get(&mut self, target: &str) -> Response {
        self.send(request("GET", target));
        self.response()
    }

    /// The next response, to anything but HEAD.
    #[track_caller]
    pub(crate) fn response(&mut self) -> Response {
        self.try_response().expect("a response")
    }

    pub(crate) fn try_response(&mut self) -> io::Result<Response> {
        let mut response = self.try_head()?;
        response.body = self.try_body(response.length())?;
        Ok(response)
    }

    /// The head of the next response, which is all there is to a HEAD request.
    #[track_caller]
    pub(crate) fn head(&mut self) -> Response {
        self.try_head().expect("a response's head")
    }

    fn try_head(&mut self) -> io::Result<Response> {
        let deadline = Instant::now() + PATIENCE;
        let mut looked_at = 0;
        loop {
            let found = self.ahead[looked_at..].windows(4);
            let found = found.enumerate().find(|(_, four)| four == b"\r\n\r\n");
            if let Some((at, _)) = found {
                let head = self.take(looked_at + at + 4);
                return Ok(Response::parse(&head[..head.len() - 4]));
            }
            let length = self.ahead.len();
            assert!(
                length < HEAD_LIMIT,
                "no head: {:?}",
                self.ahead[..200].escape_ascii()
            );
            looked_at = length.saturating_sub(3);
            self.fill(deadline)?;
        }
    }

    /// The next `length` bytes.
    #[track_caller]
    pub(crate) fn body(&mut self, length: usize) -> Vec<u8> {
        self.try_body(length).expect("the whole body")
    }

    fn try_body(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let deadline = Instant::now() + PATIENCE;
        while self.ahead.len() < length {
            self.fill(deadline)?;
        }
        Ok(self.take(length))
    }

    /// Everything up to the end of the stream, and whether that was orderly: a reset is not.
    #[track_caller]
    pub(crate) fn rest(&mut self) -> (Vec<u8>, bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.fill(deadline) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    return (self.take(self.ahead.len()), true);
                }
                Err(error) if is_disconnect(&error) => {
                    return (self.take(self.ahead.len()), false);
                }
                Err(error) => panic!("the connection was not closed: {error}"),
            }
        }
    }

    /// The server closes the connection, orderly, and says nothing more.
    #[track_caller]
    pub(crate) fn ends(&mut self) {
        let end = if self.ahead.is_empty() {
            self.fill(Instant::now() + PATIENCE)
        } else {
            Ok(())
        };
        match end {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {}
            Err(error) => panic!("instead of an orderly end: {error}"),
            Ok(()) => panic!("instead of an end: {}", self.ahead.escape_ascii()),
        }
    }

    /// The server says nothing for as long as this.
    #[track_caller]
    pub(crate) fn hears_nothing(&mut self, time: Duration) {
        match self.fill(Instant::now() + time) {
            Err(error) if error.kind() == ErrorKind::TimedOut => {}
            other => panic!(
                "expected silence, got {other:?} {}",
                self.ahead.escape_ascii()
            ),
        }
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.ahead.split_off(length);
        std::mem::replace(&mut self.ahead, rest)
    }

    /// Reads once.
    fn fill(&mut self, deadline: Instant) -> io::Result<()> {
        let left = deadline.saturating_duration_since(Instant::now());
        // None at all would mean: for ever.
        let left = left.max(Duration::from_millis(1));
        self.stream.set_read_timeout(Some(left))?;
        let start = self.ahead.len();
        self.ahead.resize(start + 64 * 1024, 0);
        let read = self.stream.read(&mut self.ahead[start..]);
        self.ahead.truncate(start + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(()),
            // What a socket's timeout looks like depends on the system.
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(ErrorKind::TimedOut.into()),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("a client last sent: {}", self.last.escape_ascii());
        }
    }
}

/// Whether the other side is gone.
fn is_disconnect(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted
    )
}
