//! A server for one test, with a site of its own to serve.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::client::{Client, PATIENCE, Response};
use crate::process::{Exit, Process};

/// In every site, for tests that need just any file.
pub(crate) const HELLO: &str = "hello from a file\n";

/// Beside the root of every site. Nobody may ever see it.
pub(crate) const SECRET: &str = "the secret beside the root";

/// More than the kernel buffers between a server and a client that does not read.
pub(crate) const LARGE: usize = 64 << 20;

/// In milliseconds, a time that no test lives to see.
pub(crate) const NEVER: &str = "600000";

/// A directory to serve, and one around it that must not be served. Removed when dropped.
pub(crate) struct Site {
    around: PathBuf,
}

impl Site {
    pub(crate) fn new() -> Site {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("web-{}-{count}", process::id());
        let site = Site {
            around: Path::new(env!("CARGO_TARGET_TMPDIR")).join(name),
        };
        fs::create_dir_all(site.root()).expect("a directory to serve");
        site.file("hello.txt", HELLO);
        fs::write(site.secret(), SECRET).expect("a secret");
        site
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.around.join("root")
    }

    /// A file that is not below the root.
    pub(crate) fn secret(&self) -> PathBuf {
        self.around.join("secret.txt")
    }

    /// What a name below the root stands for.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, content).expect("a file");
    }

    /// A file of zeroes that takes no room, for tests that do not look at the content.
    pub(crate) fn sparse(&self, name: &str, length: usize) {
        let file = File::create(self.path(name)).expect("a file");
        file.set_len(length as u64).expect("a length");
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.around);
    }
}

/// Bytes of which no two blocks are alike, so that anything lost, repeated or swapped shows.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    let words = 0..length.div_ceil(8) as u64;
    let mut bytes: Vec<u8> = words
        .flat_map(|word| word.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes())
        .collect();
    bytes.truncate(length);
    bytes
}

/// A server that accepts connections.
pub(crate) struct Server {
    process: Process,
    address: SocketAddr,
    /// Goes after the process.
    pub(crate) site: Site,
}

impl Server {
    /// One with a site that has one small file.
    pub(crate) fn start(options: &[&str]) -> Server {
        Server::with(Site::new(), options)
    }

    pub(crate) fn with(site: Site, options: &[&str]) -> Server {
        let root = site.root();
        let root = root.to_str().expect("a path in UTF-8");
        let mut arguments = vec!["--addr", "127.0.0.1:0", "--root", root];
        arguments.extend(options);
        // No timeout but those a test asks for: it could end what the server forgot to.
        for timeout in ["--idle-timeout-ms", "--head-timeout-ms"] {
            if !options.contains(&timeout) {
                arguments.extend([timeout, NEVER]);
            }
        }
        let process = Process::start(arguments);
        let address = loop {
            let line = process.line().expect("the address, before the end");
            if let Some((_, rest)) = line.split_once("http://") {
                let end = rest.find(|c: char| !(c.is_ascii_digit() || ".:".contains(c)));
                let address = rest[..end.unwrap_or(rest.len())].parse();
                break address.unwrap_or_else(|_| panic!("no address: {line:?}"));
            }
        };
        Server {
            process,
            address,
            site,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    #[track_caller]
    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// The response to these bytes on a connection of their own.
    #[track_caller]
    pub(crate) fn ask(&self, request: impl AsRef<[u8]>) -> Response {
        let mut client = self.connect();
        client.send(request);
        client.response()
    }

    /// The response to a request for this on a connection of its own.
    #[track_caller]
    pub(crate) fn get(&self, target: &str) -> Response {
        self.connect().get(target)
    }

    /// Whatever happened before: it runs and answers.
    #[track_caller]
    pub(crate) fn still_serves(&mut self) {
        assert!(self.process.runs(), "the server has ended");
        let mut client = self.connect();
        assert_eq!(client.get("/").status, 200);
        assert_eq!(client.get("/files/hello.txt").body, HELLO.as_bytes());
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Waits until nobody new is served. Connections may be refused or closed without an answer.
    #[track_caller]
    pub(crate) fn stops_accepting(&self) {
        let deadline = Instant::now() + PATIENCE;
        let answers = || {
            let mut client = Client::try_connect(self.address).ok()?;
            client.try_send("GET / HTTP/1.0\r\n\r\n").ok()?;
            client.try_response().ok()
        };
        while answers().is_some() {
            assert!(Instant::now() < deadline, "it goes on accepting");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn exit(&mut self) -> Exit {
        self.process.exit()
    }

    /// How many files and sockets it has open.
    pub(crate) fn open_files(&self) -> usize {
        let path = format!("/proc/{}/fd", self.process.id());
        fs::read_dir(path).expect("the process's files").count()
    }

    /// Memory of its own, in bytes: pages of files do not count.
    pub(crate) fn memory(&self) -> usize {
        let path = format!("/proc/{}/status", self.process.id());
        let status = fs::read_to_string(path).expect("the process's status");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kilobytes
            .expect("RssAnon")
            .parse::<usize>()
            .expect("a number")
            << 10
    }
}
