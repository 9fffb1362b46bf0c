//! What is below `/files/`, and what is not.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::time::{Duration, UNIX_EPOCH};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::client::{Response, request};
use crate::server::{HELLO, LARGE, SECRET, Server, Site, pattern};

#[test]
fn a_file_is_served_whole() {
    let content = pattern(8 << 20);
    let site = Site::new();
    site.file("8m.bin", &content);
    let server = Server::with(site, &[]);
    let mut client = server.connect();
    // Twice: what the first download cached must not change the second.
    for _ in 0..2 {
        let file = client.get("/files/8m.bin");
        assert_eq!((file.status, file.length()), (200, content.len()));
        assert!(file.body == content, "not what the file has");
    }
}

#[test]
fn files_of_all_sizes_are_served_whole() {
    let site = Site::new();
    // Around what buffers and pages may measure.
    let sizes = [
        1, 2, 511, 4095, 4096, 4097, 8191, 8192, 16_383, 16_385, 65_536, 65_537, 262_145,
    ];
    for size in sizes {
        site.file(&format!("{size}.bin"), pattern(size));
    }
    let server = Server::with(site, &[]);
    let mut client = server.connect();
    for size in sizes {
        let file = client.get(&format!("/files/{size}.bin"));
        assert!(file.body == pattern(size), "{size} bytes");
    }
}

#[test]
fn an_empty_file_is_served() {
    let site = Site::new();
    site.file("empty.txt", "");
    let server = Server::with(site, &[]);
    let mut client = server.connect();
    let empty = client.get("/files/empty.txt");
    assert_eq!((empty.status, empty.length()), (200, 0));
    assert_eq!(client.get("/files/hello.txt").body, HELLO.as_bytes());
}

#[test]
fn the_type_follows_the_name() {
    let site = Site::new();
    let types = [
        ("a.html", "text/html"),
        ("a.txt", "text/plain"),
        ("a.bin", "application/octet-stream"),
        ("noextension", "application/octet-stream"),
    ];
    for (name, _) in types {
        site.file(name, "x");
    }
    let server = Server::with(site, &[]);
    for (name, media) in types {
        let file = server.get(&format!("/files/{name}"));
        let found = file.field("content-type").unwrap();
        assert_eq!(found.split(';').next(), Some(media), "{name}");
    }
}

#[test]
fn last_modified_is_the_time_of_the_file() {
    let site = Site::new();
    let times = [
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_827_696, "Tue, 29 Feb 2000 12:34:56 GMT"),
        (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
    ];
    for (seconds, _) in times {
        // The header has whole seconds: the rest is cut off.
        let time = UNIX_EPOCH + Duration::new(seconds, 987_654_321);
        let name = format!("{seconds}.txt");
        site.file(&name, "x");
        let file = File::options().write(true).open(site.path(&name)).unwrap();
        file.set_modified(time).unwrap();
    }
    let server = Server::with(site, &[]);
    for (seconds, text) in times {
        let file = server.get(&format!("/files/{seconds}.txt"));
        assert_eq!(file.field("last-modified"), Some(text));
    }
}

#[test]
fn names_are_percent_decoded() {
    let site = Site::new();
    site.file("with space.txt", "space");
    site.file("sub/ä%.txt", "umlaut");
    let server = Server::with(site, &[]);
    assert_eq!(server.get("/files/with%20space.txt").body, b"space");
    assert_eq!(server.get("/files/sub/%c3%A4%25.txt").body, b"umlaut");
    assert_eq!(
        server.get("/files/hello.txt?q=/../x").body,
        HELLO.as_bytes()
    );
}

#[test]
fn a_missing_file_is_not_found() {
    let server = Server::start(&[]);
    for name in ["missing", "missing/file", "hello.tx", "hello.txt/x"] {
        assert_eq!(server.get(&format!("/files/{name}")).status, 404, "{name}");
    }
    let long = format!("/files/{}", "x".repeat(4000));
    assert_eq!(server.get(&long).status, 404);
}

/// The server may say no in any of these ways, as long as it keeps the secret.
#[track_caller]
fn refused(response: &Response, what: &str) {
    assert!(
        matches!(response.status, 400 | 403 | 404),
        "{what}: {}",
        response.status
    );
    let body = String::from_utf8_lossy(&response.body);
    assert!(!body.contains(SECRET), "{what}: {body}");
}

#[test]
fn a_directory_is_refused() {
    let site = Site::new();
    site.file("sub/file", "x");
    let server = Server::with(site, &[]);
    for target in [
        "/files/",
        "/files",
        "/files/sub",
        "/files/sub/",
        "/files/.",
        "/files//",
    ] {
        refused(&server.get(target), target);
    }
}

#[test]
fn a_path_cannot_climb_out_of_the_root() {
    let site = Site::new();
    site.file("sub/file", "x");
    let absolute = site.secret().to_str().unwrap().to_owned();
    let server = Server::with(site, &[]);
    let targets = [
        "/files/../secret.txt",
        "/files/../../secret.txt",
        "/files/sub/../../secret.txt",
        "/files/./../secret.txt",
        "/files//../secret.txt",
        "/files/%2e%2e/secret.txt",
        "/files/%2e%2e%2fsecret.txt",
        "/files/..%2fsecret.txt",
        "/files/..%2Fsecret.txt",
        "/files/.%2e/secret.txt",
        "/files/sub%2f..%2f..%2fsecret.txt",
        "/files/%252e%252e/secret.txt",
        "/files/%c0%ae%c0%ae/secret.txt",
        "/files/..\\secret.txt",
        "/files/..%5csecret.txt",
        "/files/%00../secret.txt",
        "/files/../secret.txt%00",
        "/files/hello.txt%00.html",
        "/files/..;/secret.txt",
        "/files../secret.txt",
        "/../secret.txt",
        "/secret.txt",
        "/./files/../secret.txt",
        "http://localhost/files/../secret.txt",
        "http://localhost/../secret.txt",
        "../secret.txt",
        "/files/etc/passwd",
        "/files//etc/passwd",
        "/files/%2fetc/passwd",
        "/files/%2Fetc%2Fpasswd",
        "/files/%2e%2",
        "/files/%zz",
        &format!("/files{absolute}"),
        &format!("/files/{absolute}"),
        &format!("/files/{}", absolute.replace('/', "%2f")),
        &format!("/files/{}etc/passwd", "../".repeat(40)),
        absolute.as_str(),
    ];
    for target in targets {
        refused(&server.get(target), target);
        let mut client = server.connect();
        client.send(request("HEAD", target));
        assert!(
            matches!(client.head().status, 400 | 403 | 404),
            "HEAD {target}"
        );
    }
    refused(
        &server.ask(b"GET /files/../secret.txt\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
        "NUL",
    );
    refused(
        &server.ask(b"GET /files/\0../secret.txt HTTP/1.1\r\nHost: a\r\n\r\n"),
        "NUL",
    );
    assert_eq!(server.get("/files/hello.txt").body, HELLO.as_bytes());
}

#[test]
fn a_symbolic_link_cannot_lead_out_of_the_root() {
    let site = Site::new();
    site.file("sub/file", "x");
    let around = site.secret().parent().unwrap().to_owned();
    symlink(site.secret(), site.path("absolute")).unwrap();
    symlink("../secret.txt", site.path("relative")).unwrap();
    symlink("../../secret.txt", site.path("sub/deeper")).unwrap();
    symlink("relative", site.path("chained")).unwrap();
    symlink(&around, site.path("directory")).unwrap();
    symlink("..", site.path("parent")).unwrap();
    // Ends below the root, but leaves it on the way.
    symlink("../root/hello.txt", site.path("roundabout")).unwrap();
    symlink("/etc/passwd", site.path("passwd")).unwrap();
    symlink("/proc/self/environ", site.path("environ")).unwrap();
    symlink("/dev/zero", site.path("endless")).unwrap();
    symlink("loop", site.path("loop")).unwrap();
    symlink("nowhere", site.path("dangling")).unwrap();
    let server = Server::with(site, &[]);
    for name in [
        "absolute",
        "relative",
        "sub/deeper",
        "chained",
        "directory/secret.txt",
        "directory/root/hello.txt",
        "parent/secret.txt",
        "sub/../parent/secret.txt",
        "roundabout",
        "passwd",
        "environ",
        "endless",
        "loop",
        "dangling",
    ] {
        let response = server.get(&format!("/files/{name}"));
        assert!(
            matches!(response.status, 403 | 404),
            "{name}: {}",
            response.status
        );
        refused(&response, name);
    }
    assert_eq!(server.get("/files/hello.txt").body, HELLO.as_bytes());
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    let site = Site::new();
    // Opening one for reading waits for a writer, who never comes.
    mkfifo(&site.path("fifo"), Mode::S_IRWXU).unwrap();
    let server = Server::with(site, &[]);
    let mut clients: Vec<_> = (0..8).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(request("GET", "/files/fifo"));
    }
    for client in &mut clients {
        refused(&client.response(), "a FIFO");
        assert_eq!(client.get("/files/hello.txt").body, HELLO.as_bytes());
    }
}

#[test]
fn a_file_that_shrinks_ends_the_connection_early() {
    let site = Site::new();
    site.sparse("shrinking.bin", LARGE);
    let mut server = Server::with(site, &[]);
    let mut client = server.connect();
    client.send(request("GET", "/files/shrinking.bin"));
    assert_eq!(client.head().length(), LARGE);
    // The server is in the middle of it, since the kernel does not hold that much.
    let file = OpenOptions::new()
        .write(true)
        .open(server.site.path("shrinking.bin"));
    file.unwrap().set_len(4096).unwrap();
    // Nothing can stand in for what is missing, so the connection cannot go on.
    let (rest, _) = client.rest();
    assert!(rest.len() < LARGE, "{} bytes", rest.len());
    server.still_serves();
}

#[test]
fn a_file_that_grows_is_sent_at_the_length_promised() {
    let site = Site::new();
    site.sparse("growing.bin", LARGE);
    let server = Server::with(site, &[]);
    let mut client = server.connect();
    client.send(request("GET", "/files/growing.bin"));
    let length = client.head().length();
    let file = OpenOptions::new()
        .append(true)
        .open(server.site.path("growing.bin"));
    file.unwrap().write_all(b"more than was promised").unwrap();
    assert!(client.body(length).iter().all(|&byte| byte == 0));
    assert_eq!(client.get("/files/hello.txt").body, HELLO.as_bytes());
    client.send(request("HEAD", "/files/growing.bin"));
    assert_eq!(client.head().length(), LARGE + 22);
}
