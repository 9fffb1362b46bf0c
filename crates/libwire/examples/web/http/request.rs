//! One request's head: httparse finds the words, this finds what they mean.
//!
//! The rules are those of RFC 9112: where one server's guess could differ from another's (two
//! lengths, a length beside chunks), the request is refused, and the connection with it.

use std::mem::MaybeUninit;

use super::HEAD_LIMIT;
use super::body::Body;
use super::response::Status;

/// More header fields than any sane client sends. They are parsed on the stack: 2 KiB.
const MOST_FIELDS: usize = 64;

/// As many as nearly all send. Where each connection has a stack of its own, what is touched of it
/// for each request should be little.
const FEW_FIELDS: usize = 16;

/// What a request wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    /// A method of the standard that nothing here answers.
    Unsupported,
    /// No method of the standard.
    Unknown,
}

/// What becomes of the connection after the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// It stays, which goes without saying.
    Keep,
    /// It stays, which an HTTP/1.0 client must be told.
    KeepAnnounced,
    /// It ends, and the client is told.
    Close,
}

/// A request head that follows the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestHead<'b> {
    pub(crate) method: Method,
    /// The path, as sent, without the query.
    pub(crate) path: &'b str,
    pub(crate) persistence: Persistence,
    pub(crate) body: Body,
    pub(crate) expects: Expectation,
}

/// What the client wants to hear before it sends the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expectation {
    None,
    /// `100-continue`.
    Continue,
    /// Something nobody defined.
    Unknown,
}

/// Parses the head at the start of `data`. Gives it with its length, or `None` if it is not all
/// there yet.
///
/// # Errors
///
/// The status to refuse it with. What follows in `data` cannot be trusted then.
pub(crate) fn parse(data: &[u8]) -> Result<Option<(RequestHead<'_>, usize)>, Status> {
    match parse_with::<FEW_FIELDS>(data) {
        Err(Status::HeadTooLarge) => parse_with::<MOST_FIELDS>(data),
        parsed => parsed,
    }
}

// In a frame of its own, so that only the smaller one is used where that is enough.
#[inline(never)]
fn parse_with<const FIELDS: usize>(
    data: &[u8],
) -> Result<Option<(RequestHead<'_>, usize)>, Status> {
    let mut headers = [const { MaybeUninit::uninit() }; FIELDS];
    let mut request = httparse::Request::new(&mut []);
    let length = match request.parse_with_uninit_headers(data, &mut headers) {
        Ok(httparse::Status::Complete(length)) if length <= HEAD_LIMIT => length,
        Ok(httparse::Status::Partial) if data.len() < HEAD_LIMIT => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(Status::HeadTooLarge),
        Err(httparse::Error::Version) => return Err(refused_version(data)),
        Err(_) => return Err(Status::BadRequest),
    };
    // All three are there once parsing is complete.
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version)
    else {
        return Err(Status::BadRequest);
    };
    let method = match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" | "PUT" | "DELETE" | "CONNECT" | "OPTIONS" | "TRACE" | "PATCH" => {
            Method::Unsupported
        }
        _ => Method::Unknown,
    };
    let fields = Fields::read(request.headers)?;
    let body = fields.body(minor)?;
    if minor >= 1 && !fields.host {
        return Err(Status::BadRequest);
    }
    let head = RequestHead {
        method,
        path: path(target, method)?,
        persistence: match minor {
            _ if fields.close => Persistence::Close,
            0 if fields.keep_alive => Persistence::KeepAnnounced,
            0 => Persistence::Close,
            _ => Persistence::Keep,
        },
        body,
        // HTTP/1.0 knows no expectations.
        expects: if minor >= 1 {
            fields.expects
        } else {
            Expectation::None
        },
    };
    Ok(Some((head, length)))
}

/// httparse knows 1.0 and 1.1. Another well-formed version is not malformed, only not served.
fn refused_version(data: &[u8]) -> Status {
    // Empty lines before the first are skipped by the parser too.
    let line = data.trim_ascii_start();
    let line = line.split(|&byte| byte == b'\r' || byte == b'\n').next();
    let version = line.and_then(|line| line.split(|&byte| byte == b' ').nth(2));
    match version.and_then(|version| version.strip_prefix(b"HTTP/")) {
        // The parser gives up at the first wrong byte; the rest may be yet to come.
        Some([b'0'..=b'9'] | [b'0'..=b'9', b'.'] | [b'0'..=b'9', b'.', b'0'..=b'9']) => {
            Status::VersionNotSupported
        }
        _ => Status::BadRequest,
    }
}

/// The header fields that matter here.
struct Fields<'b> {
    host: bool,
    length: Option<u64>,
    coding: Option<&'b [u8]>,
    close: bool,
    keep_alive: bool,
    expects: Expectation,
}

impl<'b> Fields<'b> {
    fn read(headers: &[httparse::Header<'b>]) -> Result<Fields<'b>, Status> {
        let mut fields = Fields {
            host: false,
            length: None,
            coding: None,
            close: false,
            keep_alive: false,
            expects: Expectation::None,
        };
        for header in headers {
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            let value = header.value;
            if is("Host") {
                if fields.host || !value.iter().all(|&byte| is_host(byte)) {
                    return Err(Status::BadRequest);
                }
                fields.host = true;
            } else if is("Content-Length") {
                // Twice the same would be allowed, but nobody honest sends it.
                if fields.length.is_some() {
                    return Err(Status::BadRequest);
                }
                fields.length = Some(number(value).ok_or(Status::BadRequest)?);
            } else if is("Transfer-Encoding") {
                if fields.coding.is_some() {
                    return Err(Status::BadRequest);
                }
                fields.coding = Some(value);
            } else if is("Connection") {
                for option in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
                    fields.close |= option.eq_ignore_ascii_case(b"close");
                    fields.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                }
            } else if is("Expect") {
                fields.expects = if value.eq_ignore_ascii_case(b"100-continue") {
                    Expectation::Continue
                } else {
                    Expectation::Unknown
                };
            }
        }
        Ok(fields)
    }

    fn body(&self, minor: u8) -> Result<Body, Status> {
        match (self.coding, self.length) {
            (None, None | Some(0)) => Ok(Body::None),
            (None, Some(length)) => Ok(Body::Length(length)),
            // Either could be the one that somebody else believes.
            (Some(_), Some(_)) => Err(Status::BadRequest),
            // HTTP/1.0 had no codings: whoever passed this on did not see them.
            (Some(_), None) if minor == 0 => Err(Status::BadRequest),
            (Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Body::Chunked),
            (Some(coding), None) => Err(last_coding(coding)),
        }
    }
}

/// Unless chunks come last, nobody can tell where the body ends.
fn last_coding(codings: &[u8]) -> Status {
    let last = codings.rsplit(|&byte| byte == b',').next();
    match last.map(<[u8]>::trim_ascii) {
        Some(last) if last.eq_ignore_ascii_case(b"chunked") => Status::NotImplemented,
        _ => Status::BadRequest,
    }
}

/// Digits only: no sign, no list, no overflow.
fn number(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0_u64, |number, byte| {
        let digit = char::from(*byte).to_digit(10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

/// What may stand in a host and port. Not checked further, since one site is served whatever its
/// name.
fn is_host(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b';' | b'-' | b'.' | b'_' | b'~' | b'%' | b'!'
        | b'$' | b'&'..=b'+' | b'=' | b'[' | b']')
}

/// The path of a target in origin form (`/a?b`) or absolute form (`http://host/a?b`).
fn path(target: &str, method: Method) -> Result<&str, Status> {
    let path = if target.starts_with('/') {
        target
    } else if matches!(method, Method::Unsupported | Method::Unknown) {
        // `*` and `host:port` are targets of methods that are refused for what they are.
        "/"
    } else {
        let (scheme, rest) = target.split_once("://").ok_or(Status::BadRequest)?;
        if !scheme.eq_ignore_ascii_case("http") || rest.starts_with(['/', '?']) || rest.is_empty() {
            return Err(Status::BadRequest);
        }
        let path = rest.find(['/', '?']).map_or("/", |at| &rest[at..]);
        if path.starts_with('?') { "/" } else { path }
    };
    Ok(path.split('?').next().unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Result<RequestHead<'_>, Status> {
        let (head, length) = parse(text.as_bytes())?.expect("a whole head");
        assert_eq!(length, text.len());
        Ok(head)
    }

    /// A request in version 1.1 with these extra fields.
    fn with(fields: &str) -> Result<RequestHead<'static>, Status> {
        head(Box::leak(
            format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").into_boxed_str(),
        ))
    }

    #[test]
    fn a_plain_request_is_understood() {
        assert_eq!(
            head("GET /a/b?c=d HTTP/1.1\r\nHost: localhost:80\r\nAccept: */*\r\n\r\n"),
            Ok(RequestHead {
                method: Method::Get,
                path: "/a/b",
                persistence: Persistence::Keep,
                body: Body::None,
                expects: Expectation::None,
            })
        );
    }

    #[test]
    fn a_head_may_come_byte_by_byte() {
        let text = b"\r\nHEAD /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET";
        let whole = text.len() - 3;
        for end in 0..whole {
            assert_eq!(parse(&text[..end]), Ok(None), "{end} bytes");
        }
        let (head, length) = parse(text).unwrap().unwrap();
        assert_eq!((head.method, length), (Method::Head, whole));
    }

    #[test]
    fn methods_are_told_apart() {
        let method = |name: &str| {
            head(&format!("{name} / HTTP/1.1\r\nHost: a\r\n\r\n")).map(|head| head.method)
        };
        assert_eq!(method("GET"), Ok(Method::Get));
        assert_eq!(method("HEAD"), Ok(Method::Head));
        for name in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"] {
            assert_eq!(method(name), Ok(Method::Unsupported), "{name}");
        }
        // Methods are case-sensitive.
        for name in ["BREW", "get", "GETS"] {
            assert_eq!(method(name), Ok(Method::Unknown), "{name}");
        }
    }

    #[test]
    fn persistence_follows_the_version_and_the_connection_field() {
        let one_one = |field: &str| with(field).unwrap().persistence;
        let one_zero = |field: &str| {
            head(&format!("GET / HTTP/1.0\r\n{field}\r\n"))
                .unwrap()
                .persistence
        };
        assert_eq!(one_one(""), Persistence::Keep);
        assert_eq!(one_one("Connection: keep-alive\r\n"), Persistence::Keep);
        assert_eq!(one_one("Connection: CLOSE\r\n"), Persistence::Close);
        assert_eq!(
            one_one("connection: x, close ,y\r\nConnection: keep-alive\r\n"),
            Persistence::Close
        );
        assert_eq!(one_zero(""), Persistence::Close);
        assert_eq!(
            one_zero("Connection: Keep-Alive\r\n"),
            Persistence::KeepAnnounced
        );
        assert_eq!(
            one_zero("Connection: keep-alive, close\r\n"),
            Persistence::Close
        );
    }

    #[test]
    fn bodies_are_framed_one_way_only() {
        let body = |fields: &str| with(fields).map(|head| head.body);
        assert_eq!(body("Content-Length: 0\r\n"), Ok(Body::None));
        assert_eq!(body("Content-Length: 42\r\n"), Ok(Body::Length(42)));
        assert_eq!(body("transfer-encoding: Chunked\r\n"), Ok(Body::Chunked));
        for fields in [
            "Content-Length: 1\r\nContent-Length: 2\r\n",
            "Content-Length: 1\r\nContent-Length: 1\r\n",
            "Content-Length: 1, 1\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: -1\r\n",
            "Content-Length: 0x1\r\n",
            "Content-Length:\r\n",
            "Content-Length: 18446744073709551616\r\n",
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked, gzip\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding:\r\n",
        ] {
            assert_eq!(body(fields), Err(Status::BadRequest), "{fields}");
        }
        assert_eq!(
            body("Transfer-Encoding: gzip, chunked\r\n"),
            Err(Status::NotImplemented)
        );
        assert_eq!(
            head("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
            Err(Status::BadRequest)
        );
    }

    #[test]
    fn the_host_is_named_exactly_once() {
        assert_eq!(head("GET / HTTP/1.1\r\n\r\n"), Err(Status::BadRequest));
        assert_eq!(with("Host: b\r\n"), Err(Status::BadRequest));
        assert_eq!(
            head("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
            Err(Status::BadRequest)
        );
        assert!(head("GET / HTTP/1.0\r\n\r\n").is_ok());
        assert!(head("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n").is_ok());
        assert!(head("GET / HTTP/1.1\r\nHost:\r\n\r\n").is_ok());
    }

    #[test]
    fn expectations_are_of_one_kind() {
        let expects = |fields: &str| with(fields).unwrap().expects;
        assert_eq!(expects(""), Expectation::None);
        assert_eq!(expects("Expect: 100-Continue\r\n"), Expectation::Continue);
        assert_eq!(expects("Expect: the worst\r\n"), Expectation::Unknown);
        let old = head("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").unwrap();
        assert_eq!(old.expects, Expectation::None);
    }

    #[test]
    fn targets_come_in_two_forms() {
        let path = |target: &str| {
            head(Box::leak(
                format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").into_boxed_str(),
            ))
            .map(|head| head.path)
        };
        assert_eq!(path("/"), Ok("/"));
        assert_eq!(path("/a?b?c"), Ok("/a"));
        assert_eq!(path("/?"), Ok("/"));
        assert_eq!(path("http://a/b?c"), Ok("/b"));
        assert_eq!(path("HTTP://a:80"), Ok("/"));
        assert_eq!(path("http://a?b/c"), Ok("/"));
        for target in ["*", "a:80", "a", "ftp://a/b", "http://", "http:///b"] {
            assert_eq!(path(target), Err(Status::BadRequest), "{target}");
        }
        let method = |line: &str| head(&format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n")).is_ok();
        assert!(method("OPTIONS *") && method("CONNECT a:80"));
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for text in [
            "GET\r\n\r\n",
            "GET /\r\n\r\n",
            " GET / HTTP/1.1\r\n\r\n",
            "GET  / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1 \r\n\r\n",
            "GET / http/1.1\r\n\r\n",
            "GET / HTCPCP/1.0\r\n\r\n",
            "G\0T / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nx: \0\r\n\r\n",
            "GET / HTTP/1.1\r\nno colon\r\n\r\n",
            "\x16\x03\x01\x02\0\x01\0",
        ] {
            assert_eq!(
                parse(text.as_bytes()),
                Err(Status::BadRequest),
                "{:?}",
                text.escape_debug()
            );
        }
    }

    #[test]
    fn other_versions_are_not_served() {
        for text in [
            "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.2\r\n",
            "GET / HTTP/0.9\r\n\r\n",
            "\r\nGET / HTTP/3",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ] {
            assert_eq!(
                parse(text.as_bytes()),
                Err(Status::VersionNotSupported),
                "{text}"
            );
        }
    }

    #[test]
    fn a_head_over_the_limit_is_refused() {
        let field = |n: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nx: {}", "y".repeat(n));
        let partial = field(HEAD_LIMIT - 29);
        assert_eq!(partial.len(), HEAD_LIMIT - 1);
        assert_eq!(parse(partial.as_bytes()), Ok(None));
        let one_more = field(HEAD_LIMIT - 28);
        assert_eq!(parse(one_more.as_bytes()), Err(Status::HeadTooLarge));
        let complete = field(HEAD_LIMIT) + "\r\n\r\n";
        assert_eq!(parse(complete.as_bytes()), Err(Status::HeadTooLarge));
        let enough = format!(
            "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
            "a: b\r\n".repeat(MOST_FIELDS - 1)
        );
        assert!(matches!(parse(enough.as_bytes()), Ok(Some(_))));
        let many = format!(
            "GET / HTTP/1.1\r\n{}\r\n",
            "a: b\r\n".repeat(MOST_FIELDS + 1)
        );
        assert_eq!(parse(many.as_bytes()), Err(Status::HeadTooLarge));
    }
}
