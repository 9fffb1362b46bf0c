//! A descriptor that wires wait for.
//!
//! It is registered once, when it comes in, and taken out before it is closed. In between the
//! kernel reports changes only, and what it reported is remembered: no system call per wait, and no
//! read that could only find nothing. The shape, an owner with `read_with`, is that of async-io's
//! `Async` and tokio's `AsyncFd`.

use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, PipeReader, PipeWriter, Read, Write};
use std::mem::ManuallyDrop;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::{ChildStderr, ChildStdin, ChildStdout};
use std::ptr::NonNull;

use nix::errno::Errno;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use wire_core::{Kind, Reason, check_interrupt, outside, shield, yield_now};

use crate::error::{RegisterError, interrupt_to_io};
use crate::monitor;
use crate::table::{CLOSED, ENDING, Entry, READ, WRITE};

pub(crate) static READABLE: Kind = Kind::new("readable");
pub(crate) static WRITABLE: Kind = Kind::new("writable");

/// After this many operations on one descriptor that did not have to wait, others get a turn.
const BUDGET: u8 = 64;

/// Something with a descriptor that can be waited for.
pub trait Pollable: AsFd {
    /// Whether a read (write) that moved less than it had room (data) for has emptied (filled) the
    /// kernel's buffer, as long as the other side has neither ended nor reset. True of TCP. Not of
    /// unix sockets, where a read stops at a message that carries descriptors, nor of pipes in
    /// packet mode.
    const SHORT_MEANS_DONE: bool = false;
}

impl Pollable for TcpStream {
    const SHORT_MEANS_DONE: bool = true;
}
macro_rules! pollable {
    ($($name:ty),*) => { $(impl Pollable for $name {})* };
}
pollable!(
    TcpListener,
    UdpSocket,
    UnixStream,
    UnixListener,
    UnixDatagram,
    PipeReader,
    PipeWriter
);
pollable!(OwnedFd, File, ChildStdin, ChildStdout, ChildStderr);
pollable!(nix::sys::signalfd::SignalFd, nix::sys::eventfd::EventFd);

/// An owned, registered descriptor. Bound to the OS thread that registered it.
///
/// Any number of wires may wait on one, for reading and for writing, by shared reference.
///
/// ```
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
/// use wire_fd::Watch;
///
/// let (a, b) = UnixStream::pair()?;
/// wire_core::run(|| {
///     let (a, b) = (Watch::new(a)?, Watch::new(b)?);
///     (&a).write_all(b"ping")?;
///     let mut buf = [0; 16];
///     let n = (&b).read(&mut buf)?; // waits in this wire only
///     assert_eq!(&buf[..n], b"ping");
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub struct Watch<T: Pollable> {
    /// Dropped by hand: it must be open while it is deregistered.
    io: ManuallyDrop<T>,
    /// In the table of this thread.
    entry: NonNull<Entry>,
    generation: u32,
}

impl<T: Pollable> Watch<T> {
    /// Registers `io` and makes it non-blocking, which everyone sharing its open file sees.
    ///
    /// # Errors
    ///
    /// See [`RegisterError`]; a regular file is [`RegisterError::NotPollable`]. `io` is dropped.
    pub fn new(io: T) -> Result<Watch<T>, RegisterError> {
        let fd = io.as_fd();
        // One call, where fcntl would need two.
        // SAFETY: the descriptor is open, and the request reads one int.
        Errno::result(unsafe { libc::ioctl(fd.as_raw_fd(), libc::FIONBIO, &raw const ON) })?;
        Watch::new_nonblocking(io)
    }

    /// [`Watch::new`] for one that is non-blocking already.
    ///
    /// # Errors
    ///
    /// See [`RegisterError`]. `io` is dropped.
    pub fn new_nonblocking(io: T) -> Result<Watch<T>, RegisterError> {
        let entry = monitor::with(|monitor| monitor.register(io.as_fd()))??;
        // Most things can be written at once; if not, the first attempt finds out.
        // SAFETY: just registered; this owner keeps the entry until it is dropped.
        let known = unsafe { entry.as_ref() };
        known.set(WRITE);
        Ok(Watch {
            io: ManuallyDrop::new(io),
            entry,
            generation: known.generation(),
        })
    }

    /// What is watched. Reading and writing it directly bypasses what is remembered of it: use
    /// [`read_with`](Watch::read_with) and [`write_with`](Watch::write_with) for that.
    pub fn get_ref(&self) -> &T {
        &self.io
    }

    /// Gives it back, deregistered and still non-blocking.
    pub fn into_inner(self) -> T {
        let mut this = ManuallyDrop::new(self);
        this.deregister();
        // SAFETY: `this` is not dropped, so this is the one use.
        unsafe { ManuallyDrop::take(&mut this.io) }
    }

    pub(crate) fn entry(&self) -> &Entry {
        // SAFETY: entries never move, and their addresses stay mapped for good.
        unsafe { self.entry.as_ref() }
    }

    fn deregister(&self) {
        let _ = monitor::with(|monitor| {
            monitor.deregister(self.io.as_fd(), self.entry(), self.generation);
        });
    }

    /// Ends all waits on this descriptor, now and later, with the errno `EBADF`. For one that is
    /// shared by reference; the descriptor itself is closed when its owner drops it.
    pub fn close(&self) {
        if !self.entry().is_over(self.generation) {
            self.entry().set(CLOSED);
            monitor::notify(self.entry(), READ | WRITE);
        }
    }

    /// Waits until a read would not block, or would report the end or an error.
    ///
    /// # Errors
    ///
    /// `TimedOut` if the deadline of a scope around passed, `ECANCELED` if the wire was cancelled,
    /// `EBADF` after [`close`](Watch::close).
    pub fn readable(&self) -> io::Result<()> {
        self.wait(READ)
    }

    /// Waits until a write would not block, or would report an error.
    ///
    /// # Errors
    ///
    /// As for [`readable`](Watch::readable).
    pub fn writable(&self) -> io::Result<()> {
        self.wait(WRITE)
    }

    /// Outside a wire, and while it unwinds and so cannot switch, this waits like any blocking call.
    fn wait(&self, bit: u8) -> io::Result<()> {
        let entry = self.entry();
        loop {
            // Over, too, if somebody closed the descriptor behind our back and its number came again.
            if entry.has(CLOSED) || entry.is_over(self.generation) {
                return Err(Errno::EBADF.into());
            }
            if entry.has(bit) {
                return Ok(());
            }
            if !outside::in_wire() || std::thread::panicking() {
                return self.poll(bit);
            }
            let (queue, kind) = if bit == READ {
                (&entry.readers, &READABLE)
            } else {
                (&entry.writers, &WRITABLE)
            };
            monitor::with(|monitor| {
                let _waiting = monitor.waiting().map_err(io::Error::from)?;
                queue.wait(Reason::on(kind, self)).map_err(interrupt_to_io)
            })??;
        }
    }

    fn poll(&self, bit: u8) -> io::Result<()> {
        let flags = if bit == READ {
            PollFlags::POLLIN
        } else {
            PollFlags::POLLOUT
        };
        loop {
            match poll(
                &mut [PollFd::new(self.io.as_fd(), flags)],
                PollTimeout::NONE,
            ) {
                Err(Errno::EINTR) => {}
                result => return result.map(drop).map_err(io::Error::from),
            }
        }
    }

    /// Calls `op`, a read of some kind, when it need not wait; again if it says `WouldBlock`.
    ///
    /// # Errors
    ///
    /// Those of `op`, and as for [`readable`](Watch::readable).
    pub fn read_with<R>(&self, op: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.attempt(READ, op)
    }

    /// Calls `op`, a read of some kind, if what is remembered does not say that it would have to wait.
    pub(crate) fn try_read_with<R>(
        &self,
        op: impl FnOnce(&T) -> io::Result<R>,
    ) -> Option<io::Result<R>> {
        let entry = self.entry();
        if !entry.has(READ) {
            return None;
        }
        match op(&self.io) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                entry.clear(READ);
                None
            }
            result => Some(result),
        }
    }

    /// Calls `op`, a write of some kind, when it need not wait; again if it says `WouldBlock`.
    ///
    /// # Errors
    ///
    /// Those of `op`, and as for [`writable`](Watch::writable).
    pub fn write_with<R>(&self, op: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.attempt(WRITE, op)
    }

    fn attempt<R>(&self, bit: u8, mut op: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        let entry = self.entry();
        // One that is always ready would never let go of the thread.
        if entry.spend() == BUDGET {
            entry.refill();
            // Shielded, for this can say what came instead of unwinding.
            shield(yield_now);
            check_interrupt().map_err(interrupt_to_io)?;
        }
        loop {
            self.wait(bit)?;
            match op(&self.io) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => entry.clear(bit),
                result => return result,
            }
        }
    }

    /// Remembers what a read or write tells besides its result.
    fn learn(&self, bit: u8, moved: usize, asked: usize) {
        let entry = self.entry();
        if T::SHORT_MEANS_DONE && moved < asked && moved > 0 && !entry.has(ENDING) {
            entry.clear(bit);
        }
    }
}

static ON: libc::c_int = 1;

impl<T: Pollable> Drop for Watch<T> {
    fn drop(&mut self) {
        self.deregister();
        // SAFETY: dropped here and nowhere else (`into_inner` forgets the rest).
        unsafe { ManuallyDrop::drop(&mut self.io) };
    }
}

impl<T: Pollable> Read for &Watch<T>
where
    for<'a> &'a T: Read,
{
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.read_with(|mut io| io.read(buf))?;
        self.learn(READ, n, buf.len());
        Ok(n)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let n = self.read_with(|mut io| io.read_vectored(bufs))?;
        self.learn(READ, n, bufs.iter().map(|buf| buf.len()).sum());
        Ok(n)
    }
}

impl<T: Pollable> Write for &Watch<T>
where
    for<'a> &'a T: Write,
{
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.write_with(|mut io| io.write(buf))?;
        self.learn(WRITE, n, buf.len());
        Ok(n)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let n = self.write_with(|mut io| io.write_vectored(bufs))?;
        self.learn(WRITE, n, bufs.iter().map(|buf| buf.len()).sum());
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_with(|mut io| io.flush())
    }
}

impl<T: Pollable> Read for Watch<T>
where
    for<'a> &'a T: Read,
{
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(bufs)
    }
}

impl<T: Pollable> Write for Watch<T>
where
    for<'a> &'a T: Write,
{
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self).flush()
    }
}

impl<T: Pollable> AsFd for Watch<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.as_fd()
    }
}

impl<T: Pollable + fmt::Debug> fmt::Debug for Watch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("io", &*self.io)
            .finish_non_exhaustive()
    }
}
