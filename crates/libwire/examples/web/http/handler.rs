//! What is served: a page at `/`, and the files of a directory at `/files/`.

use std::cell::Cell;
use std::ffi::CStr;
use std::ops::Range;
use std::time::SystemTime;

use super::buffer::{Input, Output};
use super::path::{self, PATH_MAX};
use super::request::{Expectation, Method, Persistence, RequestHead};
use super::response::{Dates, ResponseHead, Status};

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

const PAGE: &str = "<!doctype html>
<html lang=en>
<meta charset=utf-8>
<title>libwire</title>
<h1>It runs on wires</h1>
<p>One OS thread, one wire per connection. Each is written as if it could block, and none does.
<p>Files are below <code>/files/</code>.
</html>
";

/// Answers requests. One per server; shared by its connections on one thread.
#[derive(Debug)]
pub(crate) struct Handler {
    dates: Dates,
    closing: Cell<bool>,
    served: Cell<u64>,
}

/// What is left to do for a request.
#[derive(Debug)]
pub(super) enum Action<'i> {
    /// The response is in the output.
    Bytes,
    /// A file of this name is wanted, which takes input and output of its own.
    File(&'i str),
}

/// A request for a file. Whoever opens it answers by [`Handler::file`] or [`Handler::refuse_file`].
///
/// Once handed out, its path is a place in the input.
#[derive(Clone, Debug)]
pub(crate) struct FileRequest<P = Range<usize>> {
    path: P,
    head_only: bool,
    persistence: Persistence,
}

impl<'i> FileRequest<&'i str> {
    pub(super) fn new(head: &RequestHead<'_>, path: &'i str, persistence: Persistence) -> Self {
        FileRequest {
            path,
            head_only: head.method == Method::Head,
            persistence,
        }
    }

    /// The same with the path's place in `input`, which it lies in.
    pub(super) fn within(self, input: &Input<'_>) -> FileRequest {
        FileRequest {
            path: input.place_of(self.path.as_bytes()),
            head_only: self.head_only,
            persistence: self.persistence,
        }
    }
}

impl FileRequest {
    /// The file's name below the root, decoded into `buffer`. `input` is that of the step that
    /// asked for the file.
    ///
    /// # Errors
    ///
    /// The status to refuse the request with.
    pub(crate) fn path<'m>(
        &self,
        input: &Input<'_>,
        buffer: &'m mut [u8; PATH_MAX],
    ) -> Result<&'m CStr, Status> {
        path::decode(input.at(&self.path), buffer)
    }
}

impl Handler {
    /// One that answers nothing yet.
    pub(crate) fn new() -> Handler {
        Handler {
            dates: Dates::new(),
            closing: Cell::new(false),
            served: Cell::new(0),
        }
    }

    /// From now on, each response is the last on its connection.
    pub(crate) fn close_connections(&self) {
        self.closing.set(true);
    }

    /// Whether it is so.
    pub(crate) fn closes_connections(&self) -> bool {
        self.closing.get()
    }

    /// How many requests have been answered.
    pub(crate) fn served(&self) -> u64 {
        self.served.get()
    }

    /// What becomes of the connection after the response to `head`.
    pub(super) fn persistence(&self, head: &RequestHead<'_>) -> Persistence {
        if self.closing.get() {
            Persistence::Close
        } else {
            head.persistence
        }
    }

    /// Answers a request, which leaves the connection as `persistence` says.
    pub(super) fn respond<'i>(
        &self,
        head: &RequestHead<'i>,
        persistence: Persistence,
        out: &mut Output<'_>,
    ) -> Action<'i> {
        let head_only = match head.method {
            Method::Get => false,
            Method::Head => true,
            Method::Unsupported => {
                return self.error(Status::MethodNotAllowed, false, persistence, out);
            }
            Method::Unknown => {
                return self.error(Status::NotImplemented, false, persistence, out);
            }
        };
        if head.expects == Expectation::Unknown {
            return self.error(Status::ExpectationFailed, head_only, persistence, out);
        }
        if head.path == "/" {
            self.bytes(Status::Ok, HTML, PAGE, head_only, persistence, out);
            Action::Bytes
        } else if let Some(raw) = head.path.strip_prefix("/files/") {
            Action::File(raw)
        } else {
            self.error(Status::NotFound, head_only, persistence, out)
        }
    }

    /// Answers a file request by the file's head. Gives how much of it to send after that.
    pub(crate) fn file(
        &self,
        request: &FileRequest,
        path: &CStr,
        length: u64,
        modified: Option<SystemTime>,
        out: &mut Output<'_>,
    ) -> u64 {
        let head = ResponseHead {
            status: Status::Ok,
            media_type: path::media_type(path.to_bytes()),
            length,
            modified,
            persistence: request.persistence,
        };
        head.write(&self.dates, out);
        self.count();
        if request.head_only { 0 } else { length }
    }

    /// Answers a file request without a file.
    pub(crate) fn refuse_file(&self, request: &FileRequest, status: Status, out: &mut Output<'_>) {
        self.error(status, request.head_only, request.persistence, out);
    }

    /// Answers what was no proper request. The connection ends with it.
    pub(super) fn refuse(&self, status: Status, out: &mut Output<'_>) {
        self.error(status, false, Persistence::Close, out);
    }

    fn error(
        &self,
        status: Status,
        head_only: bool,
        persistence: Persistence,
        out: &mut Output<'_>,
    ) -> Action<'static> {
        self.bytes(status, TEXT, status.text(), head_only, persistence, out);
        Action::Bytes
    }

    fn bytes(
        &self,
        status: Status,
        media_type: &'static str,
        body: &str,
        head_only: bool,
        persistence: Persistence,
        out: &mut Output<'_>,
    ) {
        let head = ResponseHead {
            status,
            media_type,
            length: body.len() as u64,
            modified: None,
            persistence,
        };
        head.write(&self.dates, out);
        if !head_only {
            out.push(body.as_bytes());
        }
        self.count();
    }

    fn count(&self) {
        self.served.set(self.served.get() + 1);
    }
}
