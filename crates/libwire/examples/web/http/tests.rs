//! Whole conversations, fed in pieces of several sizes.

use super::response::RESPONSE_MAX;
use super::*;

/// How a conversation ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The server waits for more.
    Reads(Patience),
    Closes {
        linger: bool,
    },
}

const IDLE: End = End::Reads(Patience::Idle);
const CLOSED: End = End::Closes { linger: false };
const CLOSED_UNREAD: End = End::Closes { linger: true };

/// What a client sees that sends `bytes` in pieces of `piece`, reading all the while, where the
/// server's output has `room`. A file's content is its name.
fn talk_in(handler: &Handler, bytes: &[u8], piece: usize, room: usize) -> (String, End) {
    let (mut head, mut memory) = ([0; HEAD_LIMIT], vec![0; room]);
    let mut input = Input::new(&mut head);
    let mut out = Output::new(&mut memory);
    let mut connection = Connection::new();
    let mut seen = Vec::new();
    let mut pieces = bytes.chunks(piece);
    let mut rest: &[u8] = &[];
    let end = loop {
        let step = connection.step(handler, &mut input, &mut out);
        seen.extend_from_slice(out.data());
        out.sent(out.data().len());
        match step {
            Step::Read(patience) => {
                if rest.is_empty() {
                    let Some(next) = pieces.next() else {
                        break End::Reads(patience);
                    };
                    rest = next;
                }
                let spare = input.spare();
                let n = rest.len().min(spare.len());
                assert!(n > 0, "a step to read without room");
                spare[..n].copy_from_slice(&rest[..n]);
                input.filled(n);
                rest = &rest[n..];
            }
            Step::Send => {}
            Step::File(request) => {
                let mut name = [0; PATH_MAX];
                let mut body = &b""[..];
                match request.path(&input, &mut name) {
                    Ok(path) => {
                        let length = path.to_bytes().len() as u64;
                        let sent = handler.file(&request, path, length, None, &mut out);
                        body = &path.to_bytes()[..sent as usize];
                    }
                    Err(status) => handler.refuse_file(&request, status, &mut out),
                }
                seen.extend_from_slice(out.data());
                out.sent(out.data().len());
                seen.extend_from_slice(body);
            }
            Step::Close { linger } => break End::Closes { linger },
        }
    };
    (String::from_utf8(seen).unwrap(), end)
}

/// The same however the bytes come.
fn talk(bytes: impl AsRef<[u8]>) -> (String, End) {
    let bytes = bytes.as_ref();
    let fresh = |piece, room| {
        let (text, end) = talk_in(&Handler::new(), bytes, piece, room);
        (without_dates(&text), end)
    };
    let at_once = fresh(bytes.len().max(1), 4 * RESPONSE_MAX);
    for piece in [1, 2, 7, 100] {
        assert_eq!(fresh(piece, RESPONSE_MAX), at_once, "in pieces of {piece}");
    }
    at_once
}

/// Dates may differ between two runs.
fn without_dates(text: &str) -> String {
    let lines = text.split_inclusive("\r\n");
    lines.filter(|line| !line.starts_with("Date: ")).collect()
}

/// The status lines among the responses, by their codes.
fn codes(text: &str) -> Vec<&str> {
    let after = |(at, _): (usize, _)| &text[at + 9..at + 12];
    text.match_indices("HTTP/1.1 ").map(after).collect()
}

/// The codes of the responses to `bytes`, and the end.
fn outcome(bytes: impl AsRef<[u8]>) -> (String, End) {
    let (text, end) = talk(bytes);
    (codes(&text).join(" "), end)
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[test]
fn the_page_is_served_and_the_connection_kept() {
    let (text, _) = talk_in(&Handler::new(), get("/").as_bytes(), 999, RESPONSE_MAX);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let lines: Vec<_> = head.split("\r\n").collect();
    assert_eq!(lines[0], "HTTP/1.1 200 OK");
    assert_eq!(lines[1], "Content-Type: text/html; charset=utf-8");
    assert_eq!(lines[2], format!("Content-Length: {}", body.len()));
    assert!(lines[3].starts_with("Date: ") && lines[3].ends_with(" GMT"));
    assert_eq!(lines.len(), 4);
    assert!(body.starts_with("<!doctype html>") && body.ends_with("</html>\n"));
    assert_eq!(outcome(get("/")), ("200".into(), IDLE));
}

#[test]
fn head_is_get_without_the_body() {
    for target in ["/", "/files/a.txt", "/nothing", "/files/../x"] {
        let (full, _) = talk(get(target));
        let (bare, end) = talk(get(target).replace("GET", "HEAD"));
        let (head, _) = full.split_once("\r\n\r\n").unwrap();
        assert_eq!(bare, format!("{head}\r\n\r\n"), "{target}");
        assert_eq!(end, IDLE);
    }
}

#[test]
fn a_file_is_asked_for_by_its_plain_name() {
    let (text, end) = talk(get("/files/a%20b//c.png?x=y"));
    assert!(text.contains("Content-Type: image/png\r\nContent-Length: 9\r\n"));
    assert!(text.ends_with("\r\n\r\na b/c.png"), "{text}");
    assert_eq!(end, IDLE);
    let (text, _) = talk(get("/files/"));
    assert!(text.ends_with("\r\n\r\n."));
}

#[test]
fn files_that_are_none_are_refused() {
    for (target, code) in [
        ("/files/../secret", "403"),
        ("/files/%2e%2e/secret", "403"),
        ("/files/a%00b", "403"),
        ("/files/%zz", "400"),
        ("/filesx", "404"),
        ("/files", "404"),
        ("/other", "404"),
    ] {
        assert_eq!(outcome(get(target)), (code.into(), IDLE), "{target}");
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let many = get("/") + &get("/files/first") + &get("/nothing") + &get("/files/last");
    let (text, end) = talk(&many);
    assert_eq!(codes(&text), ["200", "200", "404", "200"]);
    assert!(text.find("\r\n\r\nfirst") < text.find("404 Not"));
    assert!(text.ends_with("\r\n\r\nlast"));
    assert_eq!(end, IDLE);
    let handler = Handler::new();
    talk_in(&handler, many.repeat(100).as_bytes(), 999, RESPONSE_MAX);
    assert_eq!(handler.served(), 400);
}

#[test]
fn what_closes_the_connection_is_announced() {
    let (text, end) = talk("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(text.contains("\r\nConnection: close\r\n\r\n"));
    assert_eq!(end, CLOSED);
    let (text, end) = talk("GET / HTTP/1.0\r\n\r\n");
    assert!(text.contains("\r\nConnection: close\r\n\r\n"));
    assert_eq!(end, CLOSED);
    let (text, end) = talk("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert!(text.contains("\r\nConnection: keep-alive\r\n\r\n"));
    assert_eq!(end, IDLE);
}

#[test]
fn nothing_is_answered_after_the_last_response() {
    let last = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let (text, end) = talk_in(
        &Handler::new(),
        (last.to_owned() + &get("/")).as_bytes(),
        999,
        RESPONSE_MAX,
    );
    assert_eq!((codes(&text), end), (vec!["200"], CLOSED_UNREAD));
}

#[test]
fn a_server_that_ends_closes_its_connections() {
    let handler = Handler::new();
    handler.close_connections();
    let (text, end) = talk_in(&handler, get("/").as_bytes(), 999, RESPONSE_MAX);
    assert!(text.contains("\r\nConnection: close\r\n\r\n"));
    assert_eq!(end, CLOSED_UNREAD);
}

#[test]
fn bodies_are_skipped_to_the_next_request() {
    let next = get("/files/next");
    for body in [
        "Content-Length: 11\r\n\r\nGET / HTTP/",
        "Content-Length: 0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nGET /\r\n6;a=b\r\n HTTP/\r\n0\r\nA: b\r\n\r\n",
    ] {
        for method in ["GET", "POST"] {
            let (text, end) = talk(format!("{method} / HTTP/1.1\r\nHost: a\r\n{body}{next}"));
            let first = if method == "GET" { "200" } else { "405" };
            assert_eq!(codes(&text), [first, "200"], "{method} {body}");
            assert!(text.ends_with("\r\n\r\nnext"));
            assert_eq!(end, IDLE);
        }
    }
}

#[test]
fn a_body_cut_short_waits_for_the_rest() {
    let half = b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf";
    for (piece, patience) in [(999, Patience::Started), (1, Patience::Continues)] {
        let (text, end) = talk_in(&Handler::new(), half, piece, RESPONSE_MAX);
        assert_eq!((codes(&text), end), (vec!["200"], End::Reads(patience)));
    }
}

#[test]
fn bodies_that_cannot_be_skipped_end_the_connection() {
    let post = |rest: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{rest}");
    let (text, end) = talk(post("Content-Length: 65537\r\n\r\n"));
    assert!(text.contains("\r\nConnection: close\r\n"), "{text}");
    assert_eq!((codes(&text), end), (vec!["405"], CLOSED_UNREAD));
    let broken = post("Transfer-Encoding: chunked\r\n\r\nnonsense\r\n") + &get("/");
    assert_eq!(outcome(broken), ("405".into(), CLOSED_UNREAD));
    let huge = post("Transfer-Encoding: chunked\r\n\r\nfffffff\r\n") + &get("/");
    assert_eq!(outcome(huge), ("405".into(), CLOSED_UNREAD));
}

#[test]
fn who_asks_before_sending_a_body_is_told_at_once() {
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n";
    let (text, end) = talk(post);
    assert!(text.contains("\r\nConnection: close\r\n"));
    assert_eq!((codes(&text), end), (vec!["405"], CLOSED_UNREAD));
    // Without a body there is nothing to expect.
    let get = get("/").replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(outcome(get), ("200".into(), IDLE));
    let odd = "GET / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n";
    assert_eq!(outcome(odd), ("417".into(), IDLE));
}

#[test]
fn methods_that_are_not_served_say_so() {
    let (text, end) = talk("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(text.contains("\r\nAllow: GET, HEAD\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\n405 Method Not Allowed"));
    assert_eq!(end, IDLE);
    let brew = "BREW / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned() + &get("/");
    assert_eq!(outcome(brew), ("501 200".into(), IDLE));
}

#[test]
fn bad_requests_end_the_connection() {
    for (text, code) in [
        ("nonsense\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", "505"),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
            "400",
        ),
    ] {
        let (seen, end) = talk(text);
        assert_eq!((codes(&seen), end), (vec![code], CLOSED_UNREAD), "{text}");
        assert!(seen.contains("\r\nConnection: close\r\n"));
    }
    let after_a_good_one = get("/") + "nonsense\r\n\r\n" + &get("/");
    assert_eq!(outcome(after_a_good_one), ("200 400".into(), CLOSED_UNREAD));
}

#[test]
fn heads_may_be_long_up_to_the_limit() {
    let long = |n: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nx: {}\r\n\r\n", "y".repeat(n));
    assert_eq!(outcome(long(7000) + &get("/")), ("200 200".into(), IDLE));
    assert_eq!(outcome(get("/") + &long(7000)), ("200 200".into(), IDLE));
    assert_eq!(outcome(long(9000)), ("431".into(), CLOSED_UNREAD));
    let fields = "a: b\r\n".repeat(65);
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    assert_eq!(outcome(many), ("431".into(), CLOSED_UNREAD));
}

#[test]
fn the_clock_starts_with_a_request_and_stops_with_it() {
    let handler = Handler::new();
    let (mut head, mut memory) = ([0; HEAD_LIMIT], [0; RESPONSE_MAX]);
    let (mut input, mut out) = (Input::new(&mut head), Output::new(&mut memory));
    let mut connection = Connection::new();
    let request = get("/");
    for _ in 0..2 {
        let mut patience = Vec::new();
        for byte in request.bytes() {
            match connection.step(&handler, &mut input, &mut out) {
                Step::Read(how_long) => patience.push(how_long),
                step => panic!("{step:?}"),
            }
            out.sent(out.data().len());
            input.spare()[0] = byte;
            input.filled(1);
        }
        assert_eq!(patience[..2], [Patience::Idle, Patience::Started]);
        assert!(patience[2..].iter().all(|&p| p == Patience::Continues));
    }
}

#[test]
fn a_request_out_of_time_is_told_and_an_idle_client_is_not() {
    for (sent, code) in [("", ""), ("GET / HTT", "408")] {
        let handler = Handler::new();
        let (mut head, mut memory) = ([0; HEAD_LIMIT], [0; RESPONSE_MAX]);
        let (mut input, mut out) = (Input::new(&mut head), Output::new(&mut memory));
        let mut connection = Connection::new();
        input.spare()[..sent.len()].copy_from_slice(sent.as_bytes());
        input.filled(sent.len());
        let step = connection.step(&handler, &mut input, &mut out);
        assert!(matches!(step, Step::Read(_)));
        connection.timed_out(&handler, &mut out);
        let seen = String::from_utf8(out.data().to_vec()).unwrap();
        assert_eq!(codes(&seen).join(""), code);
        out.sent(seen.len());
        let step = connection.step(&handler, &mut input, &mut out);
        let linger = !sent.is_empty();
        assert!(matches!(step, Step::Close { linger: l } if l == linger));
    }
}

#[test]
fn blank_lines_between_requests_are_no_request() {
    let text = "\r\n\n".to_owned() + &get("/") + "\r\n" + &get("/") + "\r\n";
    assert_eq!(outcome(text), ("200 200".into(), IDLE));
}
