//! Why a message did not go over.

use core::error::Error;
use core::fmt;

use wire_core::Interrupt;

/// The channel is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the channel is closed")
    }
}

impl Error for Closed {}

/// Why nothing was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecvError {
    /// The channel is closed, so nothing will ever come.
    Closed,
    /// The wire was interrupted while it waited, or is unwinding and cannot wait.
    Interrupted(Interrupt),
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecvError::Closed => Closed.fmt(f),
            RecvError::Interrupted(why) => write!(f, "receiving was interrupted: {why}"),
        }
    }
}

impl Error for RecvError {}

/// Why nothing was received at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TryRecvError {
    /// There is no message.
    Empty,
    /// The channel is closed, so nothing will ever come.
    Closed,
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryRecvError::Empty => f.write_str("there is no message"),
            TryRecvError::Closed => Closed.fmt(f),
        }
    }
}

impl Error for TryRecvError {}

/// Why a message was not received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// The channel is closed.
    Closed,
    /// There is no room, or in a rendezvous channel nobody who waits to receive. Only
    /// [`try_send`](crate::Channel::try_send) says so.
    Full,
    /// The wire was interrupted while it waited, or is unwinding and cannot wait.
    Interrupted(Interrupt),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Closed => Closed.fmt(f),
            Refusal::Full => f.write_str("there is no room, and nobody waits to receive"),
            Refusal::Interrupted(why) => write!(f, "sending was interrupted: {why}"),
        }
    }
}

impl Error for Refusal {}

/// A message that was not received, and why.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SendError<T> {
    /// The message, given back.
    pub value: T,
    /// What stood against it.
    pub why: Refusal,
}

impl<T> SendError<T> {
    /// The message, given back.
    pub fn into_value(self) -> T {
        self.value
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError")
            .field("why", &self.why)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}

impl<T> Error for SendError<T> {}
