//! What can go wrong with stack memory, each with what to do about it.

use std::fmt;

use nix::errno::Errno;
use nix::sys::signal::Signal;

/// Why there is no stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StackError {
    /// The size asked for is below what safe code may run on.
    TooSmall {
        /// Bytes asked for, or left after guard and alignment.
        size: usize,
        /// Bytes it takes.
        least: usize,
    },
    /// Count times size is more than there are addresses.
    TooLarge,
    /// All stacks of the arena are in use.
    Exhausted {
        /// How many it has.
        count: usize,
    },
    /// The static stack is in use.
    InUse,
    /// The system gave no address space.
    Map {
        /// Bytes asked for.
        bytes: usize,
        /// What it said.
        errno: i32,
    },
    /// The system installed no guard.
    Guard {
        /// What it said.
        errno: i32,
        /// The limit on mappings per process, `vm.max_map_count`, if it can be read.
        limit: Option<usize>,
        /// A limit that would be enough for all stacks of the arena.
        enough: Option<usize>,
    },
    /// The overflow detector could not be installed.
    Detector {
        /// What the system said.
        errno: i32,
    },
    /// The signal that was to ask for a dump has a handler.
    SignalTaken {
        /// Its number.
        signal: i32,
    },
    /// The signal cannot ask for a dump.
    Signal {
        /// Its number.
        signal: i32,
        /// What the system said; 0 if it is one that faults send.
        errno: i32,
    },
}

impl fmt::Display for StackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            StackError::TooSmall { size, least } => write!(
                f,
                "a stack of {size} bytes is too small: safe code needs {least}, which is what a panic takes and a little"
            ),
            StackError::TooLarge => {
                f.write_str("the stacks together are larger than the address space; ask for fewer or smaller ones")
            }
            StackError::Exhausted { count } => write!(
                f,
                "all {count} stacks of the arena are in use; map it with a larger count, or wait for a wire to end"
            ),
            StackError::InUse => f.write_str(
                "the static stack is in use: its wire is not over, or was not joined and its handle not dropped",
            ),
            StackError::Map { bytes, errno } => write!(
                f,
                "cannot map {bytes} bytes for stacks: {}; look at `ulimit -v`, vm.overcommit_memory and vm.max_map_count",
                Said(errno)
            ),
            StackError::Guard {
                errno,
                limit,
                enough,
            } => {
                write!(f, "cannot guard a stack: {}; ", Said(errno))?;
                let (limit, enough) = (Value(limit, " = ", ""), Value(enough, "=", "=…"));
                write!(
                    f,
                    "without guard markers (Linux 6.13 and later) each stack takes two of the process's mappings, \
                     of which vm.max_map_count{limit} allows so many; raise it with `sysctl -w vm.max_map_count{enough}`"
                )
            }
            StackError::Detector { errno } => {
                write!(f, "cannot install the stack overflow detector: {}", Said(errno))
            }
            StackError::SignalTaken { signal } => write!(
                f,
                "{} has a handler already; choose another signal for dumps, or call `request_dump` in that handler",
                Name(signal)
            ),
            StackError::Signal { signal, errno: 0 } => write!(
                f,
                "{} is what faults send, and cannot ask for a dump; choose another, SIGUSR1 for instance",
                Name(signal)
            ),
            StackError::Signal { signal, errno } => write!(
                f,
                "{} cannot be handled: {}; choose another, SIGUSR1 for instance",
                Name(signal),
                Said(errno)
            ),
        }
    }
}

impl std::error::Error for StackError {}

/// An error number in words, without allocating.
struct Said(i32);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errno = Errno::from_raw(self.0);
        write!(f, "{} ({errno:?})", errno.desc())
    }
}

/// A signal's name.
struct Name(i32);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Signal::try_from(self.0) {
            Ok(signal) => f.write_str(signal.as_str()),
            Err(_) => write!(f, "signal {}", self.0),
        }
    }
}

/// A number behind a sign, or what stands for an unknown one.
struct Value(Option<usize>, &'static str, &'static str);

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => write!(f, "{}{number}", self.1),
            None => f.write_str(self.2),
        }
    }
}
