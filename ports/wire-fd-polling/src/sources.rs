//! What is asked of the poller and what it reports: the one file that knows how.
//!
//! ```text
//!   it reports edges (epoll, kqueue)    asked once, for both directions and for good; each change is
//!                                       reported, and remembered until a read or write finds otherwise
//!   it does not (event ports, poll)     asked for a direction when somebody is about to wait for it,
//!                                       and answers once; remembered as above
//! ```
//!
//! Asking for each wait costs a call, but whatever is ready by then is reported: a short read that
//! says "drained" may be believed. With edges it may not: the poller does not tell whether the other
//! side's end came with the data, in one edge.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::stat::{SFlag, fstat};
use polling::{Event, Events, PollMode, Poller};

use crate::error::RegisterError;
use crate::mailbox::Mailbox;
use crate::monitor::notify;
use crate::sync::Arc;
use crate::table::{ASKS, Entry, READ, Table, WRITE};

/// As many events as one look takes, where the poller can be told. With more, what was touched to wake
/// the first wires has left the cache when they run; with fewer, system calls add up.
const EVENTS: NonZeroUsize = NonZeroUsize::new(64).expect("not zero");

/// The descriptors that a thread watches.
pub(crate) struct Sources {
    /// Its bell is the poller.
    mailbox: Arc<Mailbox>,
    edges: bool,
    table: Table,
    /// Taken out while it is in use.
    events: Cell<Option<Events>>,
}

impl Sources {
    pub(crate) fn new(mailbox: Arc<Mailbox>) -> Result<Sources, RegisterError> {
        Ok(Sources {
            edges: mailbox.bell.0.supports_edge(),
            mailbox,
            table: Table::map()?,
            events: Cell::new(Some(Events::with_capacity(EVENTS))),
        })
    }

    fn poller(&self) -> &Poller {
        &self.mailbox.bell.0
    }

    /// Registers a descriptor.
    pub(crate) fn register(&self, fd: BorrowedFd<'_>) -> Result<NonNull<Entry>, RegisterError> {
        // Epoll refuses them; others would call them ready for ever.
        let stat = fstat(fd)?;
        let kind = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
        if kind == SFlag::S_IFREG || kind == SFlag::S_IFDIR {
            return Err(RegisterError::NotPollable);
        }
        #[allow(clippy::unnecessary_cast, reason = "systems count in different types")]
        let file = (stat.st_dev as u64, stat.st_ino as u64);
        if let Some(stale) = self.table.stale(fd.as_raw_fd(), file) {
            // Closed behind its owner's back. Who waits for it finds that it is over.
            self.deregister(fd, stale, stale.key());
        }
        let place = self.table.claim(fd.as_raw_fd(), file)?;
        // SAFETY: just claimed.
        let entry = unsafe { place.as_ref() };
        let asked = if self.edges {
            READ | WRITE
        } else {
            entry.set(ASKS);
            READ // what most wait for first
        };
        match self.list(fd, entry, asked) {
            Ok(()) => self.make_room(),
            Err(error) => {
                self.table.release(entry);
                return Err(error);
            }
        }
        Ok(place)
    }

    /// Undoes `register`, while the descriptor is still open.
    pub(crate) fn deregister(&self, fd: BorrowedFd<'_>, entry: &Entry, key: usize) {
        if !entry.is(key) {
            return; // closed behind our back, and its number registered again
        }
        if entry.listed.get() {
            // It fails only if the descriptor was closed behind our back, which removed it.
            let _ = self.poller().delete(fd);
        }
        self.table.release(entry);
    }

    /// Sees to it that a direction is reported, to somebody who is about to wait for it.
    pub(crate) fn ask(&self, entry: &Entry, bits: u8) -> Result<(), RegisterError> {
        let asked = entry.asked.get();
        if asked & bits == bits {
            return Ok(());
        }
        self.list(entry.fd(), entry, asked | bits)
    }

    fn list(&self, fd: BorrowedFd<'_>, entry: &Entry, asked: u8) -> Result<(), RegisterError> {
        let interest = Event::new(entry.key(), asked & READ != 0, asked & WRITE != 0);
        let mode = if self.edges {
            PollMode::Edge
        } else {
            PollMode::Oneshot
        };
        let result = if entry.listed.get() {
            self.poller().modify_with_mode(fd, interest, mode)
        } else {
            // SAFETY: `deregister` takes it out again, which its owner calls before closing it.
            unsafe { self.poller().add_with_mode(fd.as_raw_fd(), interest, mode) }
        };
        match result.map_err(errno) {
            Ok(()) => {
                entry.listed.set(true);
                entry.asked.set(asked);
                Ok(())
            }
            Err(Errno::EPERM) => Err(RegisterError::NotPollable),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Whether somebody waits for a descriptor.
    pub(crate) fn has_waiters(&self) -> bool {
        self.table.has_waiters()
    }

    /// A poller without edges reports all that is ready at once, however much it is. The room for
    /// that is made here, so that waiting allocates nothing.
    fn make_room(&self) {
        if self.edges {
            return;
        }
        if let Some(events) = self.events.take() {
            let most = NonZeroUsize::new(self.table.claimed().next_power_of_two());
            self.events.set(Some(match most {
                Some(most) if most > events.capacity() => Events::with_capacity(most),
                _ => events,
            }));
        }
    }

    /// Waits for events, a bell or the time; `None` is for ever.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> io::Result<()> {
        let mut events = self.events.take().unwrap_or_default();
        let mut result = self.poller().wait(&mut events, timeout);
        // On poll(2), of a bell that rang when its byte had not arrived in its pipe yet. The poller takes
        // it for not answered then, and would swallow all later ones: it has to succeed once.
        while matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            result = self.poller().wait(&mut events, Some(Duration::ZERO));
        }
        self.events.set(Some(events));
        result.map(drop)
    }

    /// Wakes who waits for what came.
    pub(crate) fn report(&self) {
        let Some(mut events) = self.events.take() else {
            return;
        };
        for event in events.iter() {
            self.report_one(&event);
        }
        events.clear();
        self.events.set(Some(events));
    }

    fn report_one(&self, event: &Event) {
        let Some(entry) = self.table.find(event.key) else {
            return;
        };
        let bit = |said: bool, bit| if said { bit } else { 0 };
        let mut said = bit(event.readable, READ) | bit(event.writable, WRITE);
        // poll(2) says neither of a number that is not open.
        let gone = said == 0;
        if gone {
            said = READ | WRITE;
        }
        if self.edges {
            return notify(entry, said);
        }
        entry.asked.set(0);
        if gone || event.is_interrupt() || event.is_err() == Some(true) {
            // poll(2) would go on about it, asked or not. Who waits again will ask again.
            let _ = self.poller().delete(entry.fd());
            entry.listed.set(false);
        }
        notify(entry, said);
        // The answer was for both directions, and woke one. Waking may have run foreign code, too.
        if let Some(entry) = self.table.find(event.key) {
            let others = entry.awaited() & !said;
            if others != 0 && self.ask(entry, others).is_err() {
                // They will try, and be told why they cannot wait.
                notify(entry, others);
            }
        }
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources")
            .field("edges", &self.edges)
            .field("registered", &self.table.claimed())
            .finish_non_exhaustive()
    }
}

/// Pollers give errors of the system or, of what they find out themselves, kinds.
pub(crate) fn errno(error: io::Error) -> Errno {
    match (error.raw_os_error(), error.kind()) {
        (Some(number), _) => Errno::from_raw(number),
        (None, io::ErrorKind::AlreadyExists) => Errno::EEXIST,
        (None, io::ErrorKind::NotFound) => Errno::ENOENT,
        (None, io::ErrorKind::Unsupported) => Errno::ENOTSUP,
        (None, _) => Errno::EINVAL,
    }
}
