//! The end of a child process, by its pidfd: of this child alone, whatever others do.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::process::{Child, ExitStatus};

use nix::errno::Errno;

use crate::error::RegisterError;
use crate::ready::Ready;
use crate::watch::Watch;

/// Waits until `child` has ended and takes its status, like [`Child::wait`], but only the calling wire
/// waits. No other child is touched. Outside a wire it waits like the plain call.
///
/// ```
/// use std::process::Command;
///
/// wire_core::run(|| {
///     let mut child = Command::new("true").spawn()?;
///     assert!(wire_fd::wait_child(&mut child)?.success());
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
///
/// Those of [`Child::wait`] and of [`Exit::of`]; the interrupt that came first, as for
/// [`Watch::readable`]: the child goes on then, and can be waited for again.
pub fn wait_child(child: &mut Child) -> io::Result<ExitStatus> {
    // As std does: a child that reads to the end would never see it.
    drop(child.stdin.take());
    // One that was waited for before has no number of its own any more.
    if let Some(status) = child.try_wait()? {
        return Ok(status);
    }
    let exit = Exit::of(child)?;
    loop {
        exit.wait()?;
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
    }
}

/// The end of a child, to be waited for: alone, or beside other things with [`Exit::to_wait`]. It takes no
/// status, so the child is to be waited for afterwards, which then returns at once.
#[derive(Debug)]
#[must_use = "it is there to be waited for"]
pub struct Exit {
    pidfd: Watch<OwnedFd>,
}

impl Exit {
    /// The end of this child, which was not waited for yet.
    ///
    /// # Errors
    ///
    /// [`RegisterError::NoPidfd`] before Linux 5.3, else see [`RegisterError`].
    pub fn of(child: &Child) -> Result<Exit, RegisterError> {
        let (process, flags) = (child.id(), 0);
        // SAFETY: takes two numbers. The number is the child's until it is waited for.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, process, flags) };
        let fd = match Errno::result(fd) {
            Ok(fd) => fd as libc::c_int,
            Err(Errno::ENOSYS) => return Err(RegisterError::NoPidfd),
            Err(errno) => return Err(errno.into()),
        };
        // SAFETY: just opened, and owned by nobody else.
        let pidfd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Exit {
            pidfd: Watch::new_nonblocking(pidfd)?,
        })
    }

    /// Waits until the child has ended.
    ///
    /// # Errors
    ///
    /// As for [`Watch::readable`].
    pub fn wait(&self) -> io::Result<()> {
        self.pidfd.readable()
    }

    /// The end as one of several things to wait for.
    ///
    /// # Errors
    ///
    /// As for [`Watch::to_read`].
    pub fn to_wait(&self) -> Result<Ready<'_>, RegisterError> {
        self.pidfd.to_read()
    }
}
