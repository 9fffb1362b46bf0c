//! Requests that follow the rules, in all the ways they may arrive.

use std::io::{Error, ErrorKind, Write};
use std::thread;
use std::time::Duration;

use crate::client::request;
use crate::server::{HELLO, Server, Site, pattern};

#[test]
fn the_root_is_a_small_page() {
    let server = Server::start(&[]);
    let page = server.get("/");
    assert_eq!(page.status, 200);
    let media = page.field("content-type").unwrap();
    assert!(media.starts_with("text/html"), "{media}");
    assert_eq!(page.length(), page.body.len());
    assert!((1..64 * 1024).contains(&page.body.len()));
    assert!(
        page.field("date")
            .is_some_and(|date| date.ends_with(" GMT"))
    );
    // A query changes nothing here, and a proxy sends the whole address.
    assert_eq!(server.get("/?a=b").body, page.body);
    assert_eq!(server.get("http://localhost/").body, page.body);
}

#[test]
fn a_connection_is_kept_alive() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for _ in 0..50 {
        let page = client.get("/");
        assert_eq!((page.status, page.says_close()), (200, false));
        let file = client.get("/files/hello.txt");
        assert_eq!((file.status, file.says_close()), (200, false));
        assert_eq!(file.body, HELLO.as_bytes());
    }
}

#[test]
fn a_refused_page_does_not_end_the_connection() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for target in ["/missing", "/files/missing", "/filesystem"] {
        assert_eq!(client.get(target).status, 404, "{target}");
        assert_eq!(client.get("/").status, 200, "after {target}");
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let site = Site::new();
    for number in 0..20 {
        // Some larger than a buffer, so that files and pages really have to wait for each other.
        site.file(&format!("{number}.bin"), pattern(number * 7919));
    }
    let server = Server::with(site, &[]);
    let mut client = server.connect();
    let mut requests = String::new();
    for number in 0..20 {
        requests += &request("GET", &format!("/files/{number}.bin"));
        requests += &request("HEAD", "/files/19.bin");
        requests += &request("GET", "/");
        requests += &request("GET", "/missing");
    }
    client.send(requests);
    for number in 0..20 {
        let file = client.response();
        assert_eq!(file.status, 200);
        assert!(file.body == pattern(number * 7919), "file {number}");
        assert_eq!(client.head().length(), 19 * 7919);
        assert_eq!(client.response().status, 200);
        assert_eq!(client.response().status, 404);
    }
}

#[test]
fn a_client_may_send_far_ahead_of_reading() {
    const REQUESTS: usize = 20_000;
    let server = Server::start(&[]);
    let mut client = server.connect();
    // Both directions fill up: the server has to stop reading while it cannot write.
    let mut left = request("GET", "/files/hello.txt")
        .repeat(REQUESTS)
        .into_bytes();
    let sender = client.send_beside(move |stream| {
        stream.write_all(&std::mem::take(&mut left))?;
        Err(Error::other("all sent"))
    });
    for number in 0..REQUESTS {
        let file = client.response();
        assert_eq!(file.body, HELLO.as_bytes(), "response {number}");
    }
    sender.join().unwrap();
}

#[test]
fn head_is_get_without_a_body() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for (target, status) in [("/", 200), ("/files/hello.txt", 200), ("/missing", 404)] {
        let get = client.get(target);
        client.send(request("HEAD", target));
        let head = client.head();
        assert_eq!((get.status, head.status), (status, status), "{target}");
        assert_eq!(head.length(), get.body.len(), "{target}");
        for name in ["content-type", "last-modified"] {
            assert_eq!(head.field(name), get.field(name), "{target}");
        }
        // Were there a body, it would be taken for this response.
        assert_eq!(client.get("/").status, 200, "after {target}");
    }
}

#[test]
fn a_request_may_arrive_byte_by_byte() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for _ in 0..2 {
        for byte in request("GET", "/files/hello.txt").bytes() {
            client.send([byte]);
            // Long enough that the server mostly sees them one by one.
            thread::sleep(Duration::from_micros(500));
        }
        assert_eq!(client.response().body, HELLO.as_bytes());
    }
}

#[test]
fn a_request_may_be_cut_anywhere() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let one = request("GET", "/files/hello.txt");
    // Each write ends one request and begins the next.
    client.send(&one[..20]);
    for cut in 20..one.len() {
        client.send(format!("{}{}", &one[cut..], &one[..=cut]));
        assert_eq!(client.response().body, HELLO.as_bytes(), "cut at {cut}");
        if cut + 1 == one.len() {
            assert_eq!(client.response().body, HELLO.as_bytes(), "cut at {cut}");
            break;
        }
    }
}

#[test]
fn empty_lines_before_a_request_are_passed_over() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for _ in 0..2 {
        client.send("\r\n");
        assert_eq!(client.get("/").status, 200);
    }
}

#[test]
fn http_1_0_closes_after_the_response() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.send("GET /files/hello.txt HTTP/1.0\r\n\r\n");
    assert_eq!(client.response().body, HELLO.as_bytes());
    client.ends();
}

#[test]
fn http_1_0_keeps_the_connection_only_if_both_say_so() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let request = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    client.send(request);
    let page = client.response();
    let kept = page.field("connection");
    if kept.is_some_and(|value| value.eq_ignore_ascii_case("keep-alive")) {
        client.send(request);
        assert_eq!(client.response().status, 200);
    } else {
        client.ends();
    }
}

#[test]
fn connection_close_is_honoured() {
    let server = Server::start(&[]);
    for target in ["/", "/files/hello.txt", "/missing"] {
        let mut client = server.connect();
        // What follows it is not answered.
        client.send(format!(
            "GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n{}",
            request("GET", "/")
        ));
        assert!(client.response().says_close(), "{target}");
        client.ends();
    }
}

#[test]
fn a_client_that_stops_sending_still_gets_its_answer() {
    let site = Site::new();
    site.file("8m.bin", pattern(8 << 20));
    let server = Server::with(site, &[]);
    for target in ["/", "/files/hello.txt", "/files/8m.bin"] {
        let mut client = server.connect();
        client.send(request("GET", target));
        client.finish_sending();
        let response = client.response();
        assert_eq!(response.status, 200);
        if target.ends_with("8m.bin") {
            assert!(response.body == pattern(8 << 20), "not what the file has");
        }
        client.ends();
    }
}

#[test]
fn a_body_is_passed_over() {
    let server = Server::start(&[]);
    // A request hidden in a body must stay hidden.
    let hidden = request("GET", "/files/hello.txt");
    let length = hidden.len();
    for body in [
        format!("Content-Length: {length}\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{hidden}\r\n0\r\n\r\n"),
    ] {
        let mut client = server.connect();
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{body}"));
        client.send(request("GET", "/missing"));
        let page = client.response();
        assert_eq!(page.status, 200);
        if page.says_close() {
            client.ends();
        } else {
            assert_eq!(client.response().status, 404, "after {body:?}");
        }
    }
}

#[test]
fn a_body_may_be_longer_than_any_buffer() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let length = 16 << 20;
    client.send(format!(
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"
    ));
    // Reading it to the end is one way, closing the connection the other.
    let _ = client.try_send(vec![b'x'; length]);
    assert_eq!(client.response().status, 200);
    let _ = client.try_send(request("GET", "/missing"));
    match client.try_response() {
        Ok(next) => assert_eq!(next.status, 404),
        Err(error) => assert_ne!(error.kind(), ErrorKind::TimedOut, "neither"),
    }
}
