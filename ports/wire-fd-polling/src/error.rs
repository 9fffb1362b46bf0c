//! What can go wrong, without an allocation: `io::Error`s here are errno values and kinds.

use std::{fmt, io};

use nix::errno::Errno;
use wire_core::{Interrupt, SpawnError};
use wire_stack::StackError;

/// The interrupt of a wait as an `io::Error`: `ErrorKind::TimedOut` for a deadline, the errno
/// `ECANCELED` for a cancellation. Not `ErrorKind::Interrupted`, which callers retry.
pub fn interrupt_to_io(interrupt: Interrupt) -> io::Error {
    match interrupt {
        Interrupt::DeadlinePassed => io::ErrorKind::TimedOut.into(),
        _ => Errno::ECANCELED.into(),
    }
}

/// Why a descriptor could not be registered, or the monitor not be set up.
#[derive(Debug)]
#[non_exhaustive]
pub enum RegisterError {
    /// Such a descriptor is always ready: it is a regular file or a directory.
    NotPollable,
    /// The number is beyond the table.
    TooLarge {
        /// The descriptor's number.
        fd: i32,
        /// The first number that has no room.
        limit: usize,
    },
    /// The kernel has no descriptors of processes.
    NoPidfd,
    /// As many wires of this thread sleep or have deadlines as can.
    TooManyTimers {
        /// How many that is.
        limit: usize,
    },
    /// The stack for the monitor could not be had.
    Stack(StackError),
    /// The monitor could not be started.
    Spawn(SpawnError),
    /// This OS thread is ending and its monitor is gone.
    ThreadEnds,
    /// A system call failed.
    Os(Errno),
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RegisterError::NotPollable => f.write_str(
                "regular files and directories are always ready, so they cannot be waited for; read and write them with wire-io",
            ),
            RegisterError::TooLarge { fd, limit } => write!(
                f,
                "descriptor {fd} is beyond the table of {limit}, sized by the hard limit of open files when the thread first waited"
            ),
            RegisterError::NoPidfd => f.write_str(
                "this kernel cannot open a descriptor of a child (Linux 5.3 can): wait for SIGCHLD with `Signals`, \
                 or call the child's `wait` by `offload` of wire-io",
            ),
            RegisterError::TooManyTimers { limit } => write!(
                f,
                "all {limit} timers of this thread are in use; have fewer wires sleep at once, or more threads with wires"
            ),
            RegisterError::Stack(error) => write!(f, "no stack for the monitor: {error}"),
            RegisterError::Spawn(error) => write!(f, "the monitor could not be started: {error}"),
            RegisterError::ThreadEnds => f.write_str("this OS thread is ending; nothing can be waited for"),
            RegisterError::Os(Errno::EEXIST) => f.write_str(
                "this thread watches the descriptor already: share that `Watch`, or duplicate the descriptor",
            ),
            RegisterError::Os(Errno::ENOSPC) => f.write_str(
                "as many descriptors are watched as the user may: watch fewer, or raise the limit of the system",
            ),
            RegisterError::Os(Errno::EMFILE) => f.write_str(
                "the process has as many open files as it may: raise the limit (`ulimit -n`), or close some",
            ),
            RegisterError::Os(errno) => write!(f, "{}", errno.desc()),
        }
    }
}

impl std::error::Error for RegisterError {}

impl From<Errno> for RegisterError {
    fn from(errno: Errno) -> RegisterError {
        RegisterError::Os(errno)
    }
}

impl From<RegisterError> for io::Error {
    fn from(error: RegisterError) -> io::Error {
        match error {
            RegisterError::NotPollable => Errno::EPERM,
            RegisterError::TooLarge { .. } => Errno::EMFILE,
            RegisterError::Stack(_)
            | RegisterError::Spawn(_)
            | RegisterError::TooManyTimers { .. } => Errno::ENOMEM,
            RegisterError::NoPidfd => Errno::ENOSYS,
            RegisterError::ThreadEnds => Errno::ESRCH,
            RegisterError::Os(errno) => errno,
        }
        .into()
    }
}
