//! A channel for one message.

use core::fmt;

use wire_core::{Reason, WaitQueue};
use wire_wait::Source;

use crate::channel::Channel;
use crate::error::{Closed, RecvError, TryRecvError};

/// A channel for one message, whose sender does not wait: for an answer.
///
/// It is used by reference, or [split](Oneshot::split) into two halves, each of which tells the other when it
/// is dropped.
///
/// ```
/// use wire_channel::{Oneshot, RecvError};
///
/// let mut answer = Oneshot::new();
/// wire_core::run(|| {
///     answer.send(42).unwrap();
///     assert_eq!(answer.send(43), Err(43), "one message only");
///     assert_eq!(answer.recv(), Ok(42));
///     assert_eq!(answer.recv(), Err(RecvError::Closed));
///
///     let (sender, receiver) = answer.split();
///     drop(sender);
///     assert_eq!(receiver.recv(), Err(RecvError::Closed));
/// });
/// ```
pub struct Oneshot<T> {
    channel: Channel<T, 1>,
}

impl<T> Oneshot<T> {
    /// One that nothing was sent through.
    pub const fn new() -> Oneshot<T> {
        Oneshot {
            channel: Channel::bounded(),
        }
    }

    /// Sends the message, without waiting.
    ///
    /// # Errors
    ///
    /// The message: another one was sent before, or the channel was closed.
    pub fn send(&self, value: T) -> Result<(), T> {
        if self.channel.is_closed() {
            return Err(value);
        }
        // There is room, and whoever waits for it gets it in order; so it cannot be refused.
        let sent = self.channel.try_send(value);
        self.channel.close();
        sent.map_err(|error| error.value)
    }

    /// Receives the message, waiting for it if need be. If several wait, the one that came first has it.
    ///
    /// # Errors
    ///
    /// The message was received before, or the channel closed without one; or the wire was interrupted.
    ///
    /// # Panics
    ///
    /// Outside `run()`, if it has to wait.
    #[track_caller]
    pub fn recv(&self) -> Result<T, RecvError> {
        self.channel.recv()
    }

    /// Receives the message, if it is there.
    ///
    /// # Errors
    ///
    /// It is not there yet, or will never be.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.channel.try_recv()
    }

    /// Says that no message will come, or that none is wanted any more. One that was sent stays.
    pub fn close(&self) {
        self.channel.close();
    }

    /// Whether nothing can be sent any more: that was done, or the channel was closed.
    pub fn is_closed(&self) -> bool {
        self.channel.is_closed()
    }

    /// A half for each side of a new conversation; what was sent and not received is dropped.
    pub fn split(&mut self) -> (OneshotSender<'_, T>, OneshotReceiver<'_, T>) {
        *self = Oneshot::new();
        (OneshotSender(self), OneshotReceiver(self))
    }
}

impl<T> Default for Oneshot<T> {
    fn default() -> Oneshot<T> {
        Oneshot::new()
    }
}

impl<T> fmt::Debug for Oneshot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Oneshot")
            .field("message", &!self.channel.is_empty())
            .field("closed", &self.is_closed())
            .finish()
    }
}

/// Waiting for the message as one of several things: the message, or that there will be none.
impl<T> Source for Oneshot<T> {
    type Item = Result<T, Closed>;

    fn try_take(&self) -> Option<Result<T, Closed>> {
        self.channel.try_take()
    }

    fn queue(&self) -> &WaitQueue {
        self.channel.queue()
    }

    fn reason(&self) -> Reason {
        self.channel.receiving_reason()
    }
}

/// The right to send the message of a [`Oneshot`]. Dropped unused, it says that none will come.
#[must_use = "dropping the sender says that nothing will come"]
pub struct OneshotSender<'a, T>(&'a Oneshot<T>);

impl<T> OneshotSender<'_, T> {
    /// Sends the message, without waiting.
    ///
    /// # Errors
    ///
    /// The message: the receiver is gone.
    pub fn send(self, value: T) -> Result<(), T> {
        self.0.send(value)
    }

    /// Whether the receiver is gone.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

impl<T> Drop for OneshotSender<'_, T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<T> fmt::Debug for OneshotSender<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OneshotSender").field(self.0).finish()
    }
}

/// The right to receive the message of a [`Oneshot`]. Dropped, it refuses the message: sending
/// gives it back from then on.
#[must_use = "dropping the receiver refuses the message"]
pub struct OneshotReceiver<'a, T>(&'a Oneshot<T>);

impl<T> OneshotReceiver<'_, T> {
    /// Receives the message, waiting for it if need be. To wait for it or something else, see
    /// [`source`](OneshotReceiver::source).
    ///
    /// # Errors
    ///
    /// The sender is gone and has sent nothing, the message was received before, or the wire was interrupted.
    ///
    /// # Panics
    ///
    /// Outside `run()`, if it has to wait.
    #[track_caller]
    pub fn recv(&self) -> Result<T, RecvError> {
        self.0.recv()
    }

    /// Receives the message, if it is there.
    ///
    /// # Errors
    ///
    /// It is not there yet, or will never be.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.0.try_recv()
    }

    /// The message as something to wait for.
    pub fn source(&self) -> &Oneshot<T> {
        self.0
    }
}

impl<T> Drop for OneshotReceiver<'_, T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<T> fmt::Debug for OneshotReceiver<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OneshotReceiver").field(self.0).finish()
    }
}
