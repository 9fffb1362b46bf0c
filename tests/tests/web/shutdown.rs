//! SIGINT and SIGTERM: nobody new, a fair end for those who are there, and a last word.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::client::{Client, request};
use crate::process::Exit;
use crate::server::{LARGE, NEVER, Server, Site, pattern};

/// Exit code 0, and totals, of which one is this number of requests.
#[track_caller]
fn ended_well(exit: &Exit, requests: u32) {
    let Exit {
        status,
        lines,
        errors,
    } = exit;
    assert_eq!(status.code(), Some(0), "{status}, {lines:?}, {errors}");
    let totals = lines.iter().rfind(|line| line.contains("requests"));
    let totals = totals.unwrap_or_else(|| panic!("no totals: {lines:?}, {errors}"));
    let mut words = totals.split(|c: char| !c.is_alphanumeric());
    assert!(
        words.any(|word| word == requests.to_string()),
        "not {requests}: {totals}"
    );
}

#[test]
fn sigint_ends_an_unused_server() {
    let mut server = Server::start(&[]);
    server.signal(Signal::SIGINT);
    ended_well(&server.exit(), 0);
}

#[test]
fn sigterm_ends_an_unused_server() {
    let mut server = Server::start(&[]);
    server.signal(Signal::SIGTERM);
    ended_well(&server.exit(), 0);
}

#[test]
fn every_request_is_in_the_totals() {
    let mut server = Server::start(&[]);
    let mut client = server.connect();
    client.send(request("GET", "/").repeat(5));
    for _ in 0..5 {
        assert_eq!(client.response().status, 200);
    }
    assert_eq!(server.get("/files/hello.txt").status, 200);
    assert_eq!(server.get("/missing").status, 404);
    drop(client);
    server.signal(Signal::SIGTERM);
    ended_well(&server.exit(), 7);
}

/// A client in the middle of a large file: the kernel does not hold that much of it.
fn downloading(server: &Server) -> Client {
    let mut client = server.connect();
    client.send(request("GET", "/files/large.bin"));
    assert_eq!(client.head().length(), LARGE);
    client
}

#[track_caller]
fn finishes_what_runs(signal: Signal) {
    let content = pattern(LARGE);
    let site = Site::new();
    site.file("large.bin", &content);
    let mut server = Server::with(site, &["--drain-ms", NEVER]);
    let mut clients: Vec<Client> = (0..3).map(|_| downloading(&server)).collect();
    server.signal(signal);
    server.stops_accepting();
    for client in &mut clients {
        let file = client.body(LARGE);
        assert!(file == content, "not what the file has");
        client.ends();
    }
    let exit = server.exit();
    assert_eq!(exit.status.code(), Some(0), "{}", exit.errors);
    assert!(
        exit.lines.iter().any(|line| line.contains("requests")),
        "{:?}",
        exit.lines
    );
}

#[test]
fn sigint_lets_running_downloads_finish() {
    finishes_what_runs(Signal::SIGINT);
}

#[test]
fn sigterm_lets_running_downloads_finish() {
    finishes_what_runs(Signal::SIGTERM);
}

#[test]
fn a_download_without_end_is_cut_at_the_limit() {
    let site = Site::new();
    site.sparse("large.bin", LARGE);
    let mut server = Server::with(site, &["--drain-ms", "700"]);
    let mut client = downloading(&server);
    let since = Instant::now();
    server.signal(Signal::SIGTERM);
    // The client reads nothing before the server has ended.
    let exit = server.exit();
    let took = since.elapsed();
    ended_well(&exit, 1);
    assert!(
        took >= Duration::from_millis(700),
        "ended after {took:?} already"
    );
    let (rest, _) = client.rest();
    assert!(rest.len() < LARGE, "the whole file");
}

#[test]
fn idle_connections_do_not_hold_the_end_up() {
    let mut server = Server::start(&["--drain-ms", NEVER]);
    let mut clients: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").status, 200);
    }
    server.signal(Signal::SIGTERM);
    for client in &mut clients {
        client.ends();
    }
    ended_well(&server.exit(), 20);
}

#[test]
fn waiting_for_a_place_does_not_hold_the_end_up() {
    let site = Site::new();
    site.sparse("large.bin", LARGE);
    let mut server = Server::with(site, &["--max-connections", "1", "--drain-ms", NEVER]);
    let mut running = downloading(&server);
    // The acceptor waits for a place when the signal comes.
    let mut waiting = server.connect();
    waiting.send(request("GET", "/"));
    server.signal(Signal::SIGINT);
    // Only then is it sure that the place becomes free after the signal.
    waiting.rest();
    assert_eq!(running.body(LARGE).len(), LARGE);
    running.ends();
    ended_well(&server.exit(), 1);
}
