//! The channel itself: two queues of which one at least is empty.
//!
//! ```text
//!   senders ──► Message ⇄ Message ⇄ …       each in the frame of a wire in `send`
//!   receivers ──► Waiting ⇄ arm ⇄ …         each in the frame of a wire in `recv`, or of one that
//!                                           waits for other things too
//! ```
//!
//! Who comes and finds the other side waiting does both parts, so that neither order nor message
//! depends on who runs next. A sender puts its message into `senders` and wakes `receivers`; being
//! woken, a receiver takes the oldest message (`Channel::fill`), on the spot and in the sender's
//! wire. That way a receiver can be an arm of wire-wait, of which this crate knows nothing.

use core::cell::Cell;
use core::fmt;
use core::marker::PhantomData;

use wire_core::{Kind, Reason, WaitQueue};
use wire_wait::Source;

use crate::error::{Closed, RecvError, TryRecvError};

static SEND: Kind = Kind::new("channel send");
static RECV: Kind = Kind::new("channel receive");

/// A rendezvous channel for messages of type `T`, without memory of its own.
pub struct Channel<T> {
    /// Nodes of [`Message`](crate::send::Message)s, and of nothing else.
    pub(crate) senders: WaitQueue,
    /// Whatever calls `fill` or [`try_recv`](Channel::try_recv) when woken.
    pub(crate) receivers: WaitQueue,
    pub(crate) closed: Cell<bool>,
    /// Messages go in and come out.
    messages: PhantomData<Cell<T>>,
}

impl<T> Channel<T> {
    /// An open channel.
    pub const fn new() -> Channel<T> {
        Channel {
            senders: WaitQueue::new(),
            receivers: WaitQueue::new(),
            closed: Cell::new(false),
            messages: PhantomData,
        }
    }

    /// Closes the channel, from whichever side, for good. Those who wait to send get their messages
    /// back, those who wait to receive learn that nothing will come, and so does everybody later.
    /// A message being worked on [in place](Channel::recv_with) counts as received.
    pub fn close(&self) {
        self.closed.set(true);
        self.senders.wake_all();
        self.receivers.wake_all();
    }

    /// Whether the channel is closed.
    pub fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Receives messages until the channel is closed. Also what `for message in &channel` does.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { channel: self }
    }

    pub(crate) fn sending(&self) -> Reason {
        Reason::on(&SEND, self)
    }

    pub(crate) fn receiving(&self) -> Reason {
        Reason::on(&RECV, self)
    }
}

impl<T> Default for Channel<T> {
    fn default() -> Channel<T> {
        Channel::new()
    }
}

impl<T> fmt::Debug for Channel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("senders_wait", &!self.senders.is_empty())
            .field("receivers_wait", &!self.receivers.is_empty())
            .field("closed", &self.closed.get())
            .finish()
    }
}

/// Waiting for a message as one of several things: the message, or that the channel is closed.
impl<T> Source for Channel<T> {
    type Item = Result<T, Closed>;

    fn try_take(&self) -> Option<Result<T, Closed>> {
        match self.try_recv() {
            Ok(value) => Some(Ok(value)),
            Err(TryRecvError::Closed) => Some(Err(Closed)),
            Err(TryRecvError::Empty) => None,
        }
    }

    fn queue(&self) -> &WaitQueue {
        &self.receivers
    }

    fn reason(&self) -> Reason {
        self.receiving()
    }
}

/// Receives messages until the channel is closed; see [`Channel::iter`].
///
/// A wire that is interrupted while it waits for the next one unwinds from there, up to the
/// enclosing `timeout` scope or its end; where that is not wanted, use [`Channel::recv`].
#[derive(Debug)]
#[must_use = "nothing is received before the iterator is used"]
pub struct Iter<'a, T> {
    channel: &'a Channel<T>,
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    /// # Panics
    ///
    /// Outside `run()`, unless the channel is closed or somebody is sending.
    #[track_caller]
    fn next(&mut self) -> Option<T> {
        match self.channel.recv() {
            Ok(value) => Some(value),
            Err(RecvError::Closed) => None,
            Err(RecvError::Interrupted(interrupt)) => interrupt.unwind(),
        }
    }
}

impl<'a, T> IntoIterator for &'a Channel<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}
