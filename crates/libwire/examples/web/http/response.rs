//! Response heads: status lines, the fields every response has, and the date.

use std::cell::Cell;
use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use httpdate::HttpDate;

use super::buffer::Output;
use super::request::Persistence;

/// No response, its head and a body that is not a file, is longer than this.
pub(crate) const RESPONSE_MAX: usize = 1024;

/// The statuses that occur here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Ok,
    BadRequest,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    ExpectationFailed,
    HeadTooLarge,
    InternalError,
    NotImplemented,
    VersionNotSupported,
}

impl Status {
    /// As it stands in the status line.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Status::Ok => "200 OK",
            Status::BadRequest => "400 Bad Request",
            Status::Forbidden => "403 Forbidden",
            Status::NotFound => "404 Not Found",
            Status::MethodNotAllowed => "405 Method Not Allowed",
            Status::RequestTimeout => "408 Request Timeout",
            Status::ExpectationFailed => "417 Expectation Failed",
            Status::HeadTooLarge => "431 Request Header Fields Too Large",
            Status::InternalError => "500 Internal Server Error",
            Status::NotImplemented => "501 Not Implemented",
            Status::VersionNotSupported => "505 HTTP Version Not Supported",
        }
    }
}

/// What a response's head says.
#[derive(Clone, Copy, Debug)]
pub(super) struct ResponseHead {
    pub(super) status: Status,
    pub(super) media_type: &'static str,
    /// Of the body, whether or not it is sent.
    pub(super) length: u64,
    pub(super) modified: Option<SystemTime>,
    pub(super) persistence: Persistence,
}

impl ResponseHead {
    pub(super) fn write(&self, dates: &Dates, out: &mut Output<'_>) {
        out.push(b"HTTP/1.1 ");
        out.push(self.status.text().as_bytes());
        out.push(b"\r\nContent-Type: ");
        out.push(self.media_type.as_bytes());
        out.push(b"\r\nContent-Length: ");
        // Writing into an output cannot fail.
        let _ = write!(out, "{}", self.length);
        let now = dates.now();
        out.push(b"\r\nDate: ");
        out.push(&dates.text(now));
        if let Some(modified) = self.modified.and_then(|modified| http_date(modified, now)) {
            let _ = write!(out, "\r\nLast-Modified: {modified}");
        }
        if self.status == Status::MethodNotAllowed {
            out.push(b"\r\nAllow: GET, HEAD");
        }
        out.push(match self.persistence {
            Persistence::Keep => b"\r\n\r\n",
            Persistence::KeepAnnounced => b"\r\nConnection: keep-alive\r\n\r\n",
            Persistence::Close => b"\r\nConnection: close\r\n\r\n",
        });
    }
}

/// A date for `Last-Modified`: never in the future, and absent if HTTP cannot write it.
fn http_date(modified: SystemTime, now: u64) -> Option<HttpDate> {
    let seconds = modified.duration_since(UNIX_EPOCH).ok()?.as_secs();
    (seconds <= LATEST).then(|| date(seconds.min(now)))
}

/// The end of the year 9999, past which there is no way to write a date.
const LATEST: u64 = 253_402_300_799;

fn date(seconds: u64) -> HttpDate {
    (UNIX_EPOCH + std::time::Duration::from_secs(seconds.min(LATEST))).into()
}

/// The `Date` field, written once a second.
pub(super) struct Dates {
    second: Cell<u64>,
    text: Cell<[u8; 29]>,
}

impl Dates {
    pub(super) fn new() -> Dates {
        Dates {
            second: Cell::new(u64::MAX),
            text: Cell::new([b' '; 29]),
        }
    }

    /// Seconds since 1970.
    fn now(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| since.as_secs())
    }

    fn text(&self, second: u64) -> [u8; 29] {
        if self.second.replace(second) != second {
            let mut text = [b' '; 29];
            // Dates up to the year 9999 have this length.
            let _ = write!(&mut text[..], "{}", date(second));
            self.text.set(text);
        }
        self.text.get()
    }
}

impl fmt::Debug for Dates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dates").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn dates_are_written_anew_each_second() {
        let dates = Dates::new();
        for _ in 0..2 {
            assert_eq!(&dates.text(784_111_777), b"Sun, 06 Nov 1994 08:49:37 GMT");
        }
        assert_eq!(&dates.text(784_111_778), b"Sun, 06 Nov 1994 08:49:38 GMT");
        assert_eq!(&dates.text(u64::MAX), b"Fri, 31 Dec 9999 23:59:59 GMT");
        assert!(dates.now() > 1_700_000_000);
    }

    #[test]
    fn odd_modification_times_do_no_harm() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let written = |time| http_date(time, 1000).map(|date| date.to_string());
        assert_eq!(
            written(at(0)).as_deref(),
            Some("Thu, 01 Jan 1970 00:00:00 GMT")
        );
        // In the future: now at the latest.
        assert_eq!(written(at(2000)), written(at(1000)));
        assert_eq!(written(at(LATEST + 1)), None);
        assert_eq!(written(UNIX_EPOCH - Duration::from_secs(1)), None);
    }

    #[test]
    fn the_longest_head_fits() {
        let mut memory = [0; RESPONSE_MAX];
        let mut out = Output::new(&mut memory);
        let head = ResponseHead {
            status: Status::HeadTooLarge,
            media_type: "text/javascript; charset=utf-8",
            length: u64::MAX,
            modified: Some(UNIX_EPOCH),
            persistence: Persistence::KeepAnnounced,
        };
        head.write(&Dates::new(), &mut out);
        assert!(out.data().len() < 300, "{}", out.data().len());
    }
}
