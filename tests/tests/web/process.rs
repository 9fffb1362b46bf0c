//! The example as a process: found or built, started, listened to, and sure to be gone afterwards.

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::client::PATIENCE;

/// A running example. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    /// Lines of its standard output as they come.
    lines: Receiver<String>,
    /// Reads its standard error to the end.
    errors: Option<JoinHandle<String>>,
}

/// What is left of one.
pub(crate) struct Exit {
    pub(crate) status: ExitStatus,
    /// Lines of its standard output that nobody asked for before.
    pub(crate) lines: Vec<String>,
    /// Its standard error.
    pub(crate) errors: String,
}

impl Process {
    pub(crate) fn start<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Process {
        let mut child = Command::new(example())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the example starts");
        let (send, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut stderr = child.stderr.take().expect("a pipe");
        thread::spawn(move || {
            // Read to the end even if nobody listens: a full pipe would stop the example.
            for line in stdout.lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        let errors = thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stderr.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Process {
            child,
            lines,
            errors: Some(errors),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line of its standard output, or `None` if it closed that.
    pub(crate) fn line(&self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("the example says nothing"),
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.id()).expect("a process id");
        kill(Pid::from_raw(id), signal).expect("the example takes a signal");
    }

    /// Whether it has not ended yet.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().expect("a child to ask for").is_none()
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn exit(&mut self) -> Exit {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.try_wait().expect("a child to wait for") {
                Some(status) => break status,
                None if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
                None => panic!("the example does not end"),
            }
        };
        Exit {
            status,
            lines: self.lines.iter().collect(),
            errors: self.errors(),
        }
    }

    /// Its standard error, once it has ended.
    fn errors(&mut self) -> String {
        let errors = self.errors.take().map(JoinHandle::join);
        errors.and_then(Result::ok).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both do nothing if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let errors = self.errors();
        if thread::panicking() {
            eprintln!("the example's standard error: {errors:?}");
        } else {
            // A panic in a wire need not end the server, so nothing else might show it.
            assert!(!errors.contains("panicked"), "the example: {errors}");
        }
    }
}

/// Where the program to test is.
fn example() -> &'static Path {
    static EXAMPLE: OnceLock<PathBuf> = OnceLock::new();
    EXAMPLE.get_or_init(|| match env::var_os("WIRE_WEB_EXAMPLE") {
        Some(path) => path.into(),
        None => wire_tests::release_example("web"),
    })
}
