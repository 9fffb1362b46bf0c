//! What can go wrong with stack memory, each with what to do about it.

use std::fmt;
use std::io;

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
    /// The system gave no memory.
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
        /// Never known here.
        limit: Option<usize>,
        /// Never known here.
        enough: Option<usize>,
    },
    /// Never given here.
    Detector {
        /// What the system said.
        errno: i32,
    },
    /// Never given here.
    SignalTaken {
        /// Its number.
        signal: i32,
    },
    /// Signals cannot ask for dumps here.
    Signal {
        /// Its number.
        signal: i32,
        /// Always 0: the system was not asked.
        errno: i32,
    },
}

impl fmt::Display for StackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = io::Error::from_raw_os_error;
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
                "all {count} stacks of the arena are in use; build it with a larger count, or wait for a wire to end"
            ),
            StackError::InUse => f.write_str(
                "the static stack is in use: its wire is not over, or was not joined and its handle not dropped",
            ),
            StackError::Map { bytes, errno } => write!(
                f,
                "no {bytes} bytes for stacks: {}; this wire-stack cannot reserve more than the system has: ask for less",
                said(errno)
            ),
            StackError::Guard { errno, .. } => write!(
                f,
                "cannot guard a stack: {}; systems limit how many pieces a process's memory may be in: \
                 use fewer stacks at once, or raise the limit",
                said(errno)
            ),
            StackError::Detector { errno } => {
                write!(f, "cannot install the stack overflow detector: {}", said(errno))
            }
            StackError::SignalTaken { signal } | StackError::Signal { signal, .. } => write!(
                f,
                "signal {signal} cannot ask for a dump: this wire-stack handles no signals; call \
                 `wire_core::request_dump` in a handler of your own"
            ),
        }
    }
}

impl std::error::Error for StackError {}
