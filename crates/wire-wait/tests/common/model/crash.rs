//! Sequences that end the process: says which one it was, and shrinks it in processes of their own.
//!
//! After a fault in `unsafe` code no check may come any more, and nothing can be tried again in the same
//! process. So a signal's handler tells the seed, and the rest is for another run.

use std::cell::Cell;
use std::fmt::{self, Write as _};
use std::process::{Command, Stdio};

use super::shrink::leave_out;
use super::steps::random;
use super::{Model, search};

/// Which of a sequence's steps are followed.
pub const ONLY: &str = "WIRE_MODEL_ONLY";
/// Asks for the one sequence to be shrunk, as one that ends the process.
pub const CRASHES: &str = "WIRE_MODEL_CRASHES";

thread_local! {
    /// The test of this thread, and the seed that it is at.
    static NOW: Cell<(&'static str, u64)> = const { Cell::new(("", 0)) };
}

/// From here on this thread follows the sequence of a seed.
pub fn begins(test: &'static str, seed: u64) {
    NOW.set((test, seed));
}

/// Has signals that end the process tell where it was.
#[cfg(unix)]
pub fn watch() {
    unsafe extern "C" {
        fn signal(number: i32, handler: usize) -> usize;
        fn write(file: i32, text: *const u8, length: usize) -> isize;
    }
    extern "C" fn tell(number: i32) {
        let mut text = Text([0; 512], 0);
        let (test, seed) = NOW.get();
        let _ = write!(
            text,
            "\nthe sequence of seed {seed} ended the process; shrink it by\n\n    {}\n\n",
            Again(test, seed, CRASHES)
        );
        // SAFETY: the text is that long. What follows the default is the end of the process.
        unsafe {
            write(2, text.0.as_ptr(), text.1);
            signal(number, 0);
        }
    }
    const SIGABRT: i32 = 6;
    const SIGSEGV: i32 = 11;
    let handler = tell as extern "C" fn(i32) as usize;
    // SAFETY: the handler reads what needs no initialising, and writes.
    unsafe {
        signal(SIGABRT, handler);
        // Where AddressSanitizer has something to say of it, it says more.
        if cfg!(not(wire_sanitize = "address")) {
            signal(SIGSEGV, handler);
        }
    }
}

#[cfg(not(unix))]
pub fn watch() {}

/// A command that does it again.
pub struct Again<'a>(pub &'a str, pub u64, pub &'a str);

impl fmt::Display for Again<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Again(test, seed, how) = self;
        let (package, file) = (env!("CARGO_PKG_NAME"), env!("CARGO_CRATE_NAME"));
        write!(
            f,
            "WIRE_MODEL_SEED={seed} {how}=1 cargo test --package {package} --test {file} -- --exact {test}"
        )
    }
}

/// Text written without an allocation; what is too long is cut off.
struct Text([u8; 512], usize);

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = &mut self.0[self.1..];
        let length = text.len().min(room.len());
        room[..length].copy_from_slice(&text.as_bytes()[..length]);
        self.1 += length;
        Ok(())
    }
}

/// The smallest part of a seed's sequence that still ends a process, or fails, in words.
pub fn shrink<M: Model>(test: &str, seed: u64) -> String {
    let mut steps = Vec::new();
    random::<M>(seed, &mut steps);
    let mut kept: Vec<usize> = (0..steps.len()).collect();
    let ends = |kept: &[usize]| {
        let only = kept.iter().map(usize::to_string).collect::<Vec<_>>();
        let status = Command::new(std::env::current_exe().expect("this test has a path"))
            .args(["--exact", test])
            .env_remove(CRASHES)
            .env("WIRE_MODEL_SEED", seed.to_string())
            .env(ONLY, only.join(","))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        !status.expect("this test can be started").success()
    };
    if !ends(&kept) {
        return format!("the sequence of seed {seed} does not end the process");
    }
    leave_out(&mut kept, &ends);
    let steps: Vec<_> = kept.iter().map(|&nth| steps[nth]).collect();
    format!(
        "the smallest part of the sequence of seed {seed} that ends the process or fails:\n\n{}",
        search::written::<M>(&steps)
    )
}

/// The steps to follow, if this process is one that [`shrink`] has started.
pub fn only() -> Option<Vec<usize>> {
    let only = std::env::var(ONLY).ok()?;
    let step = |number: &str| {
        number
            .parse()
            .expect("WIRE_MODEL_ONLY is a list of numbers")
    };
    Some(only.split_terminator(',').map(step).collect())
}
