//! What takes too long is ended, and what does not is left alone.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Client, request};
use crate::server::{LARGE, NEVER, Server, Site, pattern};

/// A timeout short enough to wait for.
const SHORT: Duration = Duration::from_millis(400);

/// A server whose connections may be idle for this long, and whose heads may take that long.
fn server(idle: &str, head: &str) -> Server {
    Server::start(&["--idle-timeout-ms", idle, "--head-timeout-ms", head])
}

/// The connection ends, but not before the timeout, and with nothing said but that it was one.
#[track_caller]
fn times_out(client: &mut Client, since: Instant) {
    let (answer, _) = client.rest();
    let took = since.elapsed();
    let answer = String::from_utf8(answer).unwrap();
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 408 "),
        "{answer}"
    );
    assert!(took >= SHORT, "ended after {took:?} already");
}

#[test]
fn an_idle_connection_is_closed() {
    let mut server = server("400", NEVER);
    let mut client = server.connect();
    assert_eq!(client.get("/").status, 200);
    let since = Instant::now();
    client.send(request("GET", "/"));
    assert_eq!(client.response().status, 200);
    times_out(&mut client, since);
    server.still_serves();
}

#[test]
fn a_connection_that_never_says_anything_is_closed() {
    let mut server = server("400", "400");
    let since = Instant::now();
    let mut client = server.connect();
    times_out(&mut client, since);
    server.still_serves();
}

#[test]
fn half_a_head_is_not_waited_for() {
    let mut server = server(NEVER, "400");
    for before in [0, 1] {
        let mut client = server.connect();
        for _ in 0..before {
            assert_eq!(client.get("/").status, 200);
        }
        let since = Instant::now();
        client.send("GET / HTTP/1.1\r\nHost: a");
        times_out(&mut client, since);
    }
    server.still_serves();
}

#[test]
fn a_head_that_drips_is_not_waited_for() {
    let mut server = server(NEVER, "400");
    let mut client = server.connect();
    let since = Instant::now();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX: ");
    // Each byte comes in time; the head as a whole does not.
    let dripping = client.send_beside(|stream| {
        thread::sleep(Duration::from_millis(40));
        stream.write_all(b"x")
    });
    times_out(&mut client, since);
    drop(client);
    dripping.join().unwrap();
    server.still_serves();
}

#[test]
fn half_a_body_is_not_waited_for() {
    let mut server = server("400", "400");
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nonly this");
    assert_eq!(client.response().status, 200);
    client.ends();
    server.still_serves();
}

#[test]
fn a_stalled_client_gives_up_its_place() {
    let site = Site::new();
    site.sparse("large.bin", LARGE);
    let options = [
        "--max-connections",
        "1",
        "--idle-timeout-ms",
        "400",
        "--head-timeout-ms",
        "400",
    ];
    let mut server = Server::with(site, &options);
    let mut stalled = server.connect();
    stalled.send(request("GET", "/files/large.bin"));
    assert_eq!(stalled.head().status, 200);
    // It reads no more. There is one place, so to be served at all is to have been given it.
    server.still_serves();
    let (rest, _) = stalled.rest();
    assert!(rest.len() < LARGE, "the whole file");
}

#[test]
fn a_busy_connection_outlives_the_timeouts() {
    let server = server("2000", "2000");
    let mut client = server.connect();
    let since = Instant::now();
    // The time for a head begins anew with each, and so does being idle.
    while since.elapsed() < Duration::from_secs(5) {
        client.send(&request("GET", "/")[..10]);
        client.send(&request("GET", "/")[10..]);
        assert_eq!(client.response().status, 200);
    }
}

#[test]
fn a_download_outlives_the_timeouts() {
    let content = pattern(LARGE);
    let site = Site::new();
    site.file("large.bin", &content);
    let server = Server::with(
        site,
        &["--idle-timeout-ms", "2000", "--head-timeout-ms", "2000"],
    );
    let mut client = server.connect();
    client.send(request("GET", "/files/large.bin"));
    let length = client.head().length();
    let mut file = Vec::with_capacity(length);
    // A slow reader who never stops: in all, far longer than the timeouts.
    while file.len() < length {
        file.extend(client.body((length - file.len()).min(LARGE / 64)));
        thread::sleep(Duration::from_millis(80));
    }
    assert!(file == content, "not what the file has");
    assert_eq!(client.get("/").status, 200);
}
