//! A descriptor's readiness as one of several things to wait for.

use std::fmt;

use wire_core::{Reason, WaitQueue};
use wire_wait::Source;

use crate::error::RegisterError;
use crate::monitor;
use crate::table::{CLOSED, Entry, READ};
use crate::watch::{Pollable, READABLE, WRITABLE, Watch};

/// Readiness of a [`Watch`] in one direction, to be waited for beside channels, locks and whatever
/// else is a [`Source`]. It takes nothing: what is ready stays so until a read or write finds
/// otherwise.
///
/// ```
/// use std::io::Write;
/// use std::os::unix::net::UnixStream;
/// use wire_fd::Watch;
/// use wire_wait::{Either, Wakeup, wait_two};
///
/// let (mut a, b) = UnixStream::pair()?;
/// wire_core::run(|| {
///     let (b, stop) = (Watch::new(b)?, Wakeup::new());
///     a.write_all(b"data")?;
///     let first = wait_two(&b.to_read()?, &stop);
///     assert_eq!(first, Ok(Either::First(())));
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
#[must_use = "it is there to be waited for"]
pub struct Ready<'a> {
    entry: &'a Entry,
    bit: u8,
}

impl<T: Pollable> Watch<T> {
    /// Readiness for reading, to be waited for as one of several. [`close`](Watch::close) makes it
    /// ready too.
    ///
    /// # Errors
    ///
    /// If the thread's monitor cannot be started: outside `run()`, above all.
    pub fn to_read(&self) -> Result<Ready<'_>, RegisterError> {
        Ready::new(self.entry(), READ)
    }

    /// Readiness for writing, to be waited for as one of several.
    ///
    /// # Errors
    ///
    /// If the thread's monitor cannot be started: outside `run()`, above all.
    pub fn to_write(&self) -> Result<Ready<'_>, RegisterError> {
        Ready::new(self.entry(), crate::table::WRITE)
    }
}

impl<'a> Ready<'a> {
    fn new(entry: &'a Entry, bit: u8) -> Result<Ready<'a>, RegisterError> {
        monitor::with(monitor::Monitor::start)??;
        Ok(Ready { entry, bit })
    }
}

impl Source for Ready<'_> {
    type Item = ();

    fn try_take(&self) -> Option<()> {
        self.entry.has(self.bit | CLOSED).then_some(())
    }

    fn queue(&self) -> &WaitQueue {
        monitor::about_to_wait();
        if self.bit == READ {
            &self.entry.readers
        } else {
            &self.entry.writers
        }
    }

    fn reason(&self) -> Reason {
        Reason::on(
            if self.bit == READ {
                &READABLE
            } else {
                &WRITABLE
            },
            self,
        )
    }
}

impl fmt::Debug for Ready<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready")
            .field("now", &self.try_take().is_some())
            .finish_non_exhaustive()
    }
}
