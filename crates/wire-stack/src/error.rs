//! What can go wrong with stack memory, each with what to do about it.

use std::fmt;

use nix::errno::Errno;

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
    },
    /// The overflow detector could not be installed.
    Detector {
        /// What the system said.
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
            StackError::Guard { errno, limit } => {
                write!(f, "cannot guard a stack: {}; ", Said(errno))?;
                let limit = Limit(limit);
                write!(
                    f,
                    "without guard markers (Linux 6.13 and later) each stack takes two of the process's mappings, \
                     of which vm.max_map_count{limit} allows so many; raise it with `sysctl -w vm.max_map_count=…`"
                )
            }
            StackError::Detector { errno } => {
                write!(f, "cannot install the stack overflow detector: {}", Said(errno))
            }
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

struct Limit(Option<usize>);

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |limit| write!(f, " = {limit}"))
    }
}
