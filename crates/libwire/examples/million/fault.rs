//! Hitting a guard on purpose, and looking at one without hitting it.

use std::fs::File;
use std::hint::black_box;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::{io, process};

use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, dup2_stderr, fork, pipe};

/// Asks the system whether memory can be read, which a fault would tell less politely.
pub(crate) struct Probe {
    from: OwnedFd,
    to: OwnedFd,
}

impl Probe {
    pub(crate) fn new() -> Result<Probe, String> {
        let (from, to) = pipe().map_err(|error| error.to_string())?;
        Ok(Probe { from, to })
    }

    pub(crate) fn may_read(&self, address: usize) -> bool {
        let byte = std::ptr::without_provenance::<libc::c_void>(address);
        let mut copy = 0_u8;
        // SAFETY: the system reads the byte, or says that it cannot; it writes one byte to `copy`.
        unsafe {
            libc::write(self.to.as_raw_fd(), byte, 1) == 1
                && libc::read(self.from.as_raw_fd(), (&raw mut copy).cast(), 1) == 1
        }
    }
}

/// A number below `end`.
pub(crate) fn random(end: usize) -> Result<usize, String> {
    let mut bytes = [0; 8];
    let source = "/dev/urandom";
    File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| format!("{source}: {error}"))?;
    Ok((u64::from_le_bytes(bytes) % end as u64) as usize)
}

/// Tells where it is, and goes deeper than its stack.
pub(crate) fn overflow(number: usize) {
    let here = black_box(0_u8);
    eprintln!("wire {number} has a frame at {:p}", &raw const here);
    black_box(recurse(usize::MAX));
}

fn recurse(depth: usize) -> usize {
    let frame = black_box([depth; 64]);
    if depth == 0 {
        return frame[0];
    }
    recurse(black_box(depth - 1)) + black_box(frame)[63]
}

/// Runs `f` in a copy of this process, and says what it wrote to standard error until a fault ended it.
pub(crate) fn in_child(f: impl FnOnce()) -> Result<String, String> {
    let said = |error: nix::Error| format!("the child process: {error}");
    let (from, to) = pipe().map_err(said)?;
    // SAFETY: this process has no other thread that could hold a lock.
    match unsafe { fork() }.map_err(said)? {
        ForkResult::Child => {
            // A core file of this process would be large.
            let ready = dup2_stderr(&to).and_then(|()| setrlimit(Resource::RLIMIT_CORE, 0, 0));
            if ready.is_ok() {
                f();
            }
            process::abort();
        }
        ForkResult::Parent { child } => {
            drop(to);
            let mut told = String::new();
            let read = File::from(from).read_to_string(&mut told);
            let ended = waitpid(child, None).map_err(said)?;
            read.map_err(|error: io::Error| error.to_string())?;
            match ended {
                WaitStatus::Signaled(_, Signal::SIGSEGV, _) => Ok(told),
                other => Err(format!(
                    "no overflow ended the child process: {other:?}, {told}"
                )),
            }
        }
    }
}

/// Whether the report names the stack that the frame was on.
pub(crate) fn check(told: &str) -> Result<(), String> {
    let number = |text: &str| -> Option<usize> {
        let digits = text.strip_prefix("0x")?;
        let end = digits
            .find(|c: char| !c.is_ascii_hexdigit())
            .unwrap_or(digits.len());
        usize::from_str_radix(&digits[..end], 16).ok()
    };
    let after = |mark: &str| number(told.split_once(mark)?.1);
    let named = || {
        let (frame, low) = (after("a frame at ")?, after("the stack ")?);
        let high = after("..")?;
        told.contains("overflowed its stack")
            .then_some(low <= frame && frame < high)
    };
    match named() {
        Some(true) => Ok(()),
        _ => Err("the report does not name the stack of the wire".into()),
    }
}
