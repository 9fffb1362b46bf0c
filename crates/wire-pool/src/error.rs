//! Why a pool started no wire.

use std::fmt;

use wire_core::Interrupt;
use wire_stack::StackError;

/// Why a pool started no wire. The closure is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpawnError {
    /// The pool was closed, before or while the caller waited.
    Closed,
    /// The caller was interrupted while it waited for a free wire.
    Interrupted(Interrupt),
    /// A wire that was never used before got no stack.
    Stack(StackError),
    /// The wire could not be started; it is free again.
    Wire(wire_core::SpawnError),
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpawnError::Closed => f.write_str("the pool is closed"),
            SpawnError::Interrupted(why) => {
                write!(f, "waiting for a free wire was interrupted: {why}")
            }
            SpawnError::Stack(why) => write!(f, "no stack for another wire of the pool: {why}"),
            SpawnError::Wire(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for SpawnError {}

/// Why a pool started no wire at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySpawnError<F> {
    /// All wires are in use, or promised to others who wait. The closure comes back.
    Full(F),
    /// It would have failed with a free wire, too. The closure is dropped.
    Failed(SpawnError),
}

impl<F> From<SpawnError> for TrySpawnError<F> {
    fn from(why: SpawnError) -> Self {
        TrySpawnError::Failed(why)
    }
}

// By hand, since closures have no `Debug`.
impl<F> fmt::Debug for TrySpawnError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrySpawnError::Full(_) => f.write_str("Full(..)"),
            TrySpawnError::Failed(why) => f.debug_tuple("Failed").field(why).finish(),
        }
    }
}

impl<F> fmt::Display for TrySpawnError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrySpawnError::Full(_) => {
                f.write_str("all wires of the pool are in use; wait for one with `spawn_wait`, or make it larger")
            }
            TrySpawnError::Failed(why) => why.fmt(f),
        }
    }
}

impl<F> std::error::Error for TrySpawnError<F> {}
