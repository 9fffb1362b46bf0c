//! Waiting by mode, with level semantics: the C library's `wire_fd_mode_*`.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr::NonNull;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use wire_core::outside;
use wire_core::{Reason, WaitQueue};
use wire_wait::Source;

use crate::error::{RegisterError, interrupt_to_io};
use crate::monitor;
use crate::table::{CLOSED, Entry, READ, WRITE};
use crate::watch::{Pollable, READABLE, WRITABLE, Watch};

/// What a [`Mode`] waits for: the bits of the table, or neither.
const NONE: u8 = 0;

/// A descriptor that is waited for in one direction at a time, chosen by [`read`](Mode::read),
/// [`write`](Mode::write) and [`none`](Mode::none).
///
/// It is *ready* as long as the kernel says so, whatever was read or written meanwhile and by whom; it
/// reads nothing itself and does not make the descriptor non-blocking. For code that brings its own reads,
/// of a foreign library, say; asking the kernel costs a system call for each wait, which a
/// [`Watch`] does not need. It is a [`Source`].
///
/// ```
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
/// use wire_fd::Mode;
///
/// let (mut a, mut b) = UnixStream::pair()?;
/// wire_core::run(|| {
///     a.write_all(b"two")?;
///     let mode = Mode::new(&b)?;
///     mode.read();
///     mode.wait()?;
///     mode.wait()?; // still
///     std::io::Result::Ok(())
/// })?;
/// b.read_exact(&mut [0; 3])?; // as it was: blocking
/// # std::io::Result::Ok(())
/// ```
#[must_use = "it is there to be waited for"]
pub struct Mode<'fd> {
    fd: BorrowedFd<'fd>,
    entry: NonNull<Entry>,
    key: usize,
    /// It belongs to a `Watch`, which ends the registration itself.
    shared: bool,
    wanted: Cell<u8>,
    /// Those who wait while nothing is wanted.
    idle: WaitQueue,
}

impl<'fd> Mode<'fd> {
    /// Begins to watch a descriptor, for nothing yet, until this is dropped.
    ///
    /// # Errors
    ///
    /// See [`RegisterError`]. A descriptor that a [`Watch`] or another `Mode` of this thread has is refused;
    /// see [`Watch::mode`].
    pub fn new(fd: &'fd impl AsFd) -> Result<Mode<'fd>, RegisterError> {
        let fd = fd.as_fd();
        let entry = monitor::with(|monitor| monitor.sources.register(fd))??;
        Ok(Mode::on(fd, entry, false))
    }

    fn on(fd: BorrowedFd<'fd>, entry: NonNull<Entry>, shared: bool) -> Mode<'fd> {
        // SAFETY: registered; entries never move, and stay mapped.
        let known = unsafe { entry.as_ref() };
        if !shared {
            // The first wait asks.
            known.set(READ | WRITE);
        }
        Mode {
            fd,
            entry,
            key: known.key(),
            shared,
            wanted: Cell::new(NONE),
            idle: WaitQueue::new(),
        }
    }

    /// Waits from now on until there is something to read, or the end, or an error.
    pub fn read(&self) {
        self.set(READ);
    }

    /// Waits from now on until something can be written, or an error told.
    pub fn write(&self) {
        self.set(WRITE);
    }

    /// Waits for nothing from now on: it is never ready.
    pub fn none(&self) {
        self.set(NONE);
    }

    /// Those who wait already go on to wait for what is wanted now.
    fn set(&self, wanted: u8) {
        let before = self.wanted.replace(wanted);
        if before != wanted {
            self.queue_of(before).wake_all();
        }
    }

    /// Waits until it is ready. Others may change the mode meanwhile. Outside a wire, and while it unwinds and so
    /// cannot switch, this waits like `poll(2)`.
    ///
    /// # Errors
    ///
    /// `TimedOut` if the deadline of a scope around passed, `ECANCELED` if the wire was cancelled, `EBADF` if the
    /// [`Watch`] it belongs to was closed.
    pub fn wait(&self) -> io::Result<()> {
        loop {
            if self.is_closed() {
                return Err(Errno::EBADF.into());
            }
            if self.is_ready() {
                return Ok(());
            }
            if !outside::in_wire() || std::thread::panicking() {
                ask(self.fd, self.wanted.get(), PollTimeout::NONE)?;
                return Ok(());
            }
            let wanted = self.wanted.get();
            monitor::with(|monitor| {
                // For nothing, only another wire can end the wait, and not the kernel.
                let waiting = if wanted == NONE {
                    None
                } else {
                    let waiting = monitor.waiting().map_err(io::Error::from)?;
                    let asked = monitor.sources.ask(self.entry(), wanted);
                    asked.map_err(io::Error::from)?;
                    Some(waiting)
                };
                let result = self.queue_of(wanted).wait(self.reason());
                drop(waiting);
                result.map_err(interrupt_to_io)
            })??;
        }
    }

    fn is_closed(&self) -> bool {
        self.entry().has(CLOSED) || !self.entry().is(self.key)
    }

    /// The kernel is only asked if there may have been a change since it said no.
    fn is_ready(&self) -> bool {
        let wanted = self.wanted.get();
        if wanted == NONE || !self.entry().has(wanted) {
            return false;
        }
        let ready = !matches!(ask(self.fd, wanted, PollTimeout::ZERO), Ok(false));
        if !ready {
            self.entry().clear(wanted);
        }
        ready
    }

    fn entry(&self) -> &Entry {
        // SAFETY: entries never move, and their addresses stay mapped for good.
        unsafe { self.entry.as_ref() }
    }

    fn queue_of(&self, wanted: u8) -> &WaitQueue {
        match wanted {
            READ => &self.entry().readers,
            WRITE => &self.entry().writers,
            _ => &self.idle,
        }
    }
}

impl<T: Pollable> Watch<T> {
    /// Level semantics for what is watched here: see [`Mode`]. What the kernel says then is remembered for reads
    /// and writes of this `Watch`, too.
    pub fn mode(&self) -> Mode<'_> {
        Mode::on(self.get_ref().as_fd(), self.entry().into(), true)
    }
}

/// Asks the kernel; `false` if it is not ready in time.
fn ask(fd: BorrowedFd<'_>, wanted: u8, time: PollTimeout) -> io::Result<bool> {
    let flags = match wanted {
        READ => PollFlags::POLLIN,
        WRITE => PollFlags::POLLOUT,
        _ => PollFlags::empty(),
    };
    loop {
        match poll(&mut [PollFd::new(fd, flags)], time) {
            Err(Errno::EINTR) => {}
            result => return result.map(|count| count > 0).map_err(io::Error::from),
        }
    }
}

impl Source for Mode<'_> {
    type Item = ();

    fn try_take(&self) -> Option<()> {
        (self.is_closed() || self.is_ready()).then_some(())
    }

    fn queue(&self) -> &WaitQueue {
        monitor::about_to_wait(self.entry(), self.wanted.get());
        self.queue_of(self.wanted.get())
    }

    fn reason(&self) -> Reason {
        let kind = match self.wanted.get() {
            WRITE => &WRITABLE,
            _ => &READABLE,
        };
        Reason::on(kind, self)
    }
}

impl Drop for Mode<'_> {
    fn drop(&mut self) {
        if !self.shared {
            let _ = monitor::with(|monitor| {
                monitor.sources.deregister(self.fd, self.entry(), self.key);
            });
        }
    }
}

impl fmt::Debug for Mode<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wanted = match self.wanted.get() {
            READ => "read",
            WRITE => "write",
            _ => "none",
        };
        f.debug_struct("Mode")
            .field("fd", &self.fd)
            .field("wanted", &wanted)
            .finish_non_exhaustive()
    }
}
