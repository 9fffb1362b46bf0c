//! A dump that is asked for from outside: by a signal handler, or by another OS thread.
//!
//! Whoever asks may not look at the wires: a handler may have interrupted whatever changes them. So
//! it only counts, and each scheduler compares the count with the one it saw last whenever it looks at
//! the clock.

use core::cell::Cell;
use core::fmt::{self, Write as _};
use core::sync::atomic::{AtomicU32, Ordering};
use std::io::{StderrLock, Write as _};

use crate::walk::dump;

static REQUESTS: AtomicU32 = AtomicU32::new(0);

/// Has each OS thread that is inside `run()` write what [`dump`](crate::dump()) gives to standard error,
/// behind a line that begins with `libwire:`. May be called from anywhere, in a signal handler too;
/// requests that come before the dump was written are one.
///
/// A thread writes at latest 1,024 switches later, on the stack of the wire that runs then, of which it
/// takes some 2 KiB (4 if built without optimisation). One that sleeps in the kernel does so when it goes
/// on; wire-fd's monitor does at once if a signal interrupts its sleep. A wire that never switches puts
/// it off for as long.
///
/// wire-stack's `detector::dump_on` has a signal ask for it.
pub fn request_dump() {
    REQUESTS.fetch_add(1, Ordering::Relaxed);
}

/// The requests that a scheduler has seen to.
pub(crate) struct Seen(Cell<u32>);

impl Seen {
    pub(crate) const fn new() -> Seen {
        Seen(Cell::new(0))
    }

    /// Those so far are not for this scheduler.
    pub(crate) fn skip(&self) {
        self.0.set(REQUESTS.load(Ordering::Relaxed));
    }

    /// Writes a dump if one was asked for since the last time.
    #[inline]
    pub(crate) fn serve(&self) {
        let now = REQUESTS.load(Ordering::Relaxed);
        if self.0.replace(now) != now {
            write();
        }
    }
}

/// Without allocating. If standard error cannot be written, that is nobody's fault here, and ignored.
#[cold]
#[inline(never)]
fn write() {
    let mut out = Buffered {
        to: std::io::stderr().lock(),
        bytes: [0; 256],
        used: 0,
    };
    let _ = out.write_str("libwire: all wires of this OS thread\n");
    let _ = dump(&mut out);
    out.flush();
}

/// Standard error, kept from other threads, with fewer system calls than a piece of text each.
struct Buffered<'a> {
    to: StderrLock<'a>,
    bytes: [u8; 256],
    used: usize,
}

impl Buffered<'_> {
    fn flush(&mut self) {
        let _ = self.to.write_all(&self.bytes[..self.used]);
        self.used = 0;
    }
}

impl fmt::Write for Buffered<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.as_bytes().chunks(self.bytes.len()) {
            if part.len() > self.bytes.len() - self.used {
                self.flush();
            }
            self.bytes[self.used..][..part.len()].copy_from_slice(part);
            self.used += part.len();
        }
        Ok(())
    }
}
