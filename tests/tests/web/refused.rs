//! Requests that break the rules: each has its status, and nothing behind it is believed.

use std::io::Write;

use crate::client::request;
use crate::server::{HELLO, Server};

/// A request with these fields, and one behind it that must not be answered if the first is
/// refused for where it ends.
fn with_another_behind(fields: &str, body: &str) -> String {
    let next = request("GET", "/files/hello.txt");
    format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}{next}")
}

/// Refused with 400, and the connection with it.
#[track_caller]
fn is_malformed(server: &Server, bytes: &[u8]) {
    let mut client = server.connect();
    client.send(bytes);
    let response = client.response();
    assert_eq!(response.status, 400, "{}", bytes.escape_ascii());
    client.ends();
}

#[test]
fn a_malformed_request_is_400() {
    let mut server = Server::start(&[]);
    for bytes in [
        &b"what is this\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / \r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        b"GET / http/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/one\r\nHost: a\r\n\r\n",
        b"GET hello HTTP/1.1\r\nHost: a\r\n\r\n",
        b"G\0T / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n: no name\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        // What a client that expects TLS says first.
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\xff\xfe\xfd\r\n\r\n",
    ] {
        is_malformed(&server, bytes);
    }
    server.still_serves();
}

#[test]
fn a_body_that_ends_in_two_places_is_400() {
    let mut server = Server::start(&[]);
    for fields in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 0\r\nContent-Length: 44\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\ncontent-length: 0\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 5 5\r\n",
        "Content-Length: five\r\n",
        "Content-Length:\r\n",
        "Content-Length: 18446744073709551621\r\n",
        "Content-Length : 5\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
    ] {
        is_malformed(&server, with_another_behind(fields, "0\r\n\r\n").as_bytes());
    }
    server.still_serves();
}

#[test]
fn a_coding_nobody_knows_is_refused() {
    let server = Server::start(&[]);
    for coding in [
        "xchunked",
        "gzip",
        "gzip, chunked",
        "chunked\x0b",
        "\"chunked\"",
    ] {
        let mut client = server.connect();
        let fields = format!("Transfer-Encoding: {coding}\r\n");
        client.send(with_another_behind(&fields, "0\r\n\r\n"));
        let status = client.response().status;
        assert!(matches!(status, 400 | 501), "{coding:?}: {status}");
        client.ends();
    }
}

#[test]
fn broken_chunks_end_the_connection() {
    let server = Server::start(&[]);
    for chunks in [
        "x\r\n",
        "-1\r\n",
        "5 5\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "ffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "10000000000000000\r\n\r\n0\r\n\r\n",
    ] {
        let mut client = server.connect();
        client.send(with_another_behind(
            "Transfer-Encoding: chunked\r\n",
            chunks,
        ));
        // The head was good, so either answer is; what lies behind the chunks is lost.
        let status = client.response().status;
        assert!(matches!(status, 200 | 400), "{chunks:?}: {status}");
        client.ends();
    }
}

#[test]
fn an_oversized_head_is_431() {
    let mut server = Server::start(&[]);
    let start = "GET / HTTP/1.1\r\nHost: a\r\n";
    for request in [
        // One long field, very many short ones, a long target.
        format!("{start}X: {}\r\n\r\n", "x".repeat(100_000)),
        format!("{start}{}\r\n", "a: b\r\n".repeat(10_000)),
        format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(100_000)),
        // Never finished: it must not be waited for.
        format!("{start}X: {}", "x".repeat(100_000)),
    ] {
        let mut client = server.connect();
        client.send(&request);
        client.finish_sending();
        let response = client.response();
        // For a target, HTTP has another status.
        let target = request.starts_with("GET /x");
        assert!(
            response.status == 431 || (target && response.status == 414),
            "{}: {}",
            &request[..40],
            response.status
        );
        // A reset, which closing on what is not read yet makes, may overtake the answer.
        client.ends();
    }
    server.still_serves();
}

#[test]
fn an_endless_head_is_cut_off() {
    let mut server = Server::start(&[]);
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n");
    // Reading on for ever would be no better than waiting for ever. Ends only when the server
    // takes no more.
    let sender = client.send_beside(|stream| stream.write_all(&[b'x'; 1024]));
    assert_eq!(client.response().status, 431);
    let (rest, _) = client.rest();
    assert!(rest.is_empty(), "it goes on: {}", rest.escape_ascii());
    sender.join().unwrap();
    server.still_serves();
}

#[test]
fn a_head_of_a_sane_size_is_taken() {
    let server = Server::start(&[]);
    let cookie = format!("Cookie: {}\r\n", "c".repeat(6000));
    let fields = "X-Field: a value\r\n".repeat(40);
    for fields in [cookie, fields] {
        let request = format!("GET /files/hello.txt HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        assert_eq!(server.ask(request).body, HELLO.as_bytes());
    }
}

#[test]
fn an_unknown_method_is_refused() {
    let server = Server::start(&[]);
    for method in ["BREW", "get", "GETS", "X-1"] {
        let status = server.ask(request(method, "/")).status;
        assert!(matches!(status, 405 | 501), "{method}: {status}");
    }
}

#[test]
fn a_method_that_does_not_apply_is_refused() {
    let server = Server::start(&[]);
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE"] {
        for target in ["/", "/files/hello.txt", "/files/new.txt"] {
            let response = server.ask(request(method, target));
            assert!(
                matches!(response.status, 405 | 501),
                "{method}: {}",
                response.status
            );
            if response.status == 405 {
                let allowed = response.field("allow").unwrap();
                assert!(
                    allowed.contains("GET") && allowed.contains("HEAD"),
                    "{allowed}"
                );
            }
        }
    }
    for request in [
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
    ] {
        let status = server.ask(request).status;
        assert!(matches!(status, 200 | 405 | 501), "{request}: {status}");
    }
    assert_eq!(server.get("/files/hello.txt").body, HELLO.as_bytes());
    assert_eq!(server.get("/files/new.txt").status, 404);
}

#[test]
fn a_refused_post_hides_nothing_in_its_body() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let hidden = request("GET", "/files/hello.txt");
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{hidden}{}",
        hidden.len(),
        request("GET", "/")
    ));
    let refused = client.response();
    assert!(matches!(refused.status, 405 | 501), "{}", refused.status);
    if refused.says_close() {
        client.ends();
    } else {
        let next = client.response();
        assert!(next.field("content-type").unwrap().starts_with("text/html"));
    }
}

#[test]
fn another_version_is_refused() {
    let server = Server::start(&[]);
    for request in [
        "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        "GET / HTTP/0.9\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut client = server.connect();
        client.send(request);
        let status = client.response().status;
        assert!(matches!(status, 400 | 505), "{request:?}: {status}");
        client.ends();
    }
}

#[test]
fn an_expectation_is_met_or_refused() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    // The client waits for an answer, or for leave to send the body. Without either: for ever.
    client.send("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    let mut answer = client.head();
    if answer.status == 100 {
        client.send("xx");
        answer = client.head();
    }
    assert!(matches!(answer.status, 200 | 417), "{}", answer.status);
    assert_eq!(client.body(answer.length()).len(), answer.length());
}
