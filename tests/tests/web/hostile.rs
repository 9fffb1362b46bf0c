//! Clients that leave in the middle, or stay in each other's way. None of them may end the server,
//! or keep a place in it.

use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Client, PATIENCE, request};
use crate::server::{HELLO, LARGE, Server, Site, pattern};

/// Few places, so that one that is not given back is soon missed.
const FEW: [&str; 2] = ["--max-connections", "4"];

#[test]
fn a_client_may_vanish_in_the_middle_of_a_download() {
    let site = Site::new();
    site.sparse("large.bin", LARGE);
    let mut server = Server::with(site, &FEW);
    server.still_serves();
    let before = server.open_files();
    for round in 0..40 {
        let mut client = server.connect();
        client.send(request("GET", "/files/large.bin"));
        // At each point: before the head, after it, in the body. Closing with bytes unread makes it
        // a reset.
        if round % 3 > 0 {
            assert_eq!(client.head().status, 200);
        }
        if round % 3 > 1 {
            client.body(round * 10_000);
        }
    }
    server.still_serves();
    // Neither connections nor files stay open. One of each may just be on its way out.
    let deadline = Instant::now() + PATIENCE;
    while server.open_files() > before {
        assert!(
            Instant::now() < deadline,
            "{} files are open, {before} before",
            server.open_files()
        );
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_client_may_vanish_with_answers_on_their_way() {
    let mut server = Server::start(&FEW);
    for _ in 0..40 {
        let mut client = server.connect();
        client.send(request("GET", "/").repeat(500));
        assert_eq!(client.response().status, 200);
    }
    server.still_serves();
}

#[test]
fn a_client_may_vanish_at_any_point_of_a_request() {
    let mut server = Server::start(&FEW);
    let whole = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nbody";
    for end in 0..=whole.len() {
        let mut client = server.connect();
        client.send(&whole[..end]);
    }
    server.still_serves();
}

#[test]
fn a_request_cut_short_closes_cleanly() {
    let mut server = Server::start(&FEW);
    for part in ["", "G", "GET / HT", "GET / HTTP/1.1\r\nHost: a\r\n"] {
        let mut client = server.connect();
        client.send(part);
        client.finish_sending();
        // Nothing, or that it was no request.
        let (answer, orderly) = client.rest();
        assert!(orderly, "after {part:?}");
        let answer = String::from_utf8(answer).unwrap();
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{answer}"
        );
    }
    server.still_serves();
}

#[test]
fn a_body_cut_short_closes_cleanly() {
    let mut server = Server::start(&FEW);
    for method in ["GET", "POST"] {
        for body in [
            "Content-Length: 1000\r\n\r\n",
            "Content-Length: 1000\r\n\r\nonly this",
            "Transfer-Encoding: chunked\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n3e8\r\nonly this",
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
        ] {
            let mut client = server.connect();
            client.send(format!("{method} / HTTP/1.1\r\nHost: a\r\n{body}"));
            client.finish_sending();
            let status = client.response().status;
            assert!(
                matches!(status, 200 | 400 | 405 | 501),
                "{method} {body:?}: {status}"
            );
            client.ends();
        }
    }
    server.still_serves();
}

#[test]
fn connections_that_say_nothing_do_no_harm() {
    let mut server = Server::start(&FEW);
    for round in 0..100 {
        let stream = TcpStream::connect(server.address()).unwrap();
        match round % 3 {
            0 => drop(stream),
            1 => stream.shutdown(Shutdown::Both).unwrap(),
            _ => stream.shutdown(Shutdown::Write).unwrap(),
        }
    }
    server.still_serves();
}

#[test]
fn a_reader_that_stalls_is_in_nobodys_way() {
    let content = pattern(LARGE);
    let site = Site::new();
    site.file("large.bin", &content);
    let server = Server::with(site, &[]);
    let before = server.memory();
    let mut stalled: Vec<Client> = (0..8).map(|_| server.connect()).collect();
    for client in &mut stalled {
        client.send(request("GET", "/files/large.bin"));
        assert_eq!(client.head().length(), LARGE);
    }
    let mut other = server.connect();
    for _ in 0..100 {
        assert_eq!(other.get("/files/hello.txt").body, HELLO.as_bytes());
    }
    // Streamed, not held: one of these files alone is more than this.
    let grown = server.memory().saturating_sub(before);
    assert!(grown < LARGE / 4, "{grown} bytes for stalled clients");
    // And nothing was lost meanwhile.
    let file = stalled[0].body(LARGE);
    assert!(file == content, "not what the file has");
    assert_eq!(stalled[0].get("/").status, 200);
}

#[test]
fn two_hundred_clients_are_served_at_once() {
    const CLIENTS: usize = 200;
    let site = Site::new();
    let content = pattern(300_000);
    site.file("some.bin", &content);
    let server = Server::with(site, &["--max-connections", "256"]);
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| server.connect()).collect();
    for round in 0..3 {
        // All have requests out before any reads, so the server has them all in hand.
        for client in &mut clients {
            client.send(request("GET", "/files/some.bin") + &request("GET", "/"));
        }
        for (number, client) in clients.iter_mut().enumerate() {
            let file = client.response();
            assert!(file.body == content, "client {number}, round {round}");
            assert_eq!(client.response().status, 200);
        }
    }
}

#[test]
fn a_third_client_waits_for_one_of_two_places() {
    let server = Server::start(&["--max-connections", "2"]);
    let mut first = server.connect();
    let mut second = server.connect();
    assert_eq!(first.get("/").status, 200);
    assert_eq!(second.get("/").status, 200);
    // The kernel takes the connection, the server not yet. A server that took it would answer.
    let mut third = server.connect();
    third.send(request("GET", "/"));
    third.hears_nothing(Duration::from_millis(500));
    assert_eq!(first.get("/").status, 200);
    assert_eq!(second.get("/").status, 200);
    drop(first);
    assert_eq!(third.response().status, 200);
    // It has the place now, and a fourth waits for the next.
    let mut fourth = server.connect();
    fourth.send(request("GET", "/"));
    fourth.hears_nothing(Duration::from_millis(500));
    assert_eq!(third.get("/").status, 200);
    drop((second, third));
    assert_eq!(fourth.response().status, 200);
}

#[test]
fn one_place_serves_any_number_in_turn() {
    let mut server = Server::start(&["--max-connections", "1"]);
    let mut clients: Vec<Client> = (0..50).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send("GET /files/hello.txt HTTP/1.0\r\n\r\n");
    }
    for mut client in clients {
        assert_eq!(client.response().body, HELLO.as_bytes());
    }
    server.still_serves();
}
