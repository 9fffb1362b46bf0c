//! The channel itself: a buffer, and two queues of which one at least is empty.
//!
//! ```text
//!   senders ──► Message ⇄ arm ⇄ …           each in the frame of a wire in `send`, or of one that
//!                                           waits for other things too
//!   buffer  ──► up to N messages            full while somebody is in `senders`
//!   receivers ──► Waiting ⇄ arm ⇄ …         likewise for `recv`; then the buffer is empty
//! ```
//!
//! Who comes and finds the other side waiting does both parts, so that neither order nor message
//! depends on who runs next. To `Message` and `Waiting`, which only this crate makes, the message is
//! handed over on the spot. Any other node is an arm of wire-wait, of which this crate knows nothing:
//! it is woken while `offer` or `want` says what there is to hand over, and takes or gives it by
//! [`try_recv`](Channel::try_recv) or by [`Sending`](crate::Sending).

use core::cell::Cell;
use core::fmt;
use core::ptr;

use wire_core::{Kind, Reason, WaitQueue};
use wire_wait::Source;

use crate::buffer::Buffer;
use crate::error::{Closed, RecvError, TryRecvError};

static SEND: Kind = Kind::new("channel send");
static RECV: Kind = Kind::new("channel receive");

/// A channel for messages of type `T`, with room for `N` of them. Without room, which is the default, it is a
/// rendezvous: a sender waits until its message is received.
///
/// [`Channel::new`] makes a rendezvous channel, [`Channel::bounded`] one with room, whose messages lie in it.
pub struct Channel<T, const N: usize = 0> {
    /// Messages of those who wait to send, and arms.
    pub(crate) senders: WaitQueue,
    /// Those who wait to receive, and arms.
    pub(crate) receivers: WaitQueue,
    /// What is being sent, while an arm is woken that may receive it.
    pub(crate) offer: Cell<*const Cell<Option<T>>>,
    /// Where to put a message, while an arm is woken that may have one.
    pub(crate) want: Cell<*const Cell<Option<T>>>,
    pub(crate) closed: Cell<bool>,
    pub(crate) buffer: Buffer<T, N>,
}

// SAFETY: nobody waits at a channel that is owned, since those who do borrow it: the queues are empty, and the
// pointers null, as they are between calls. What is left are the messages, which are sent along.
unsafe impl<T: Send, const N: usize> Send for Channel<T, N> {}

impl<T> Channel<T> {
    /// An open rendezvous channel.
    pub const fn new() -> Channel<T> {
        Channel::bounded()
    }
}

impl<T, const N: usize> Channel<T, N> {
    /// An open channel with room for `N` messages.
    ///
    /// ```
    /// use wire_channel::Channel;
    ///
    /// let jobs = Channel::<&str, 2>::bounded();
    /// jobs.try_send("first").unwrap();
    /// jobs.try_send("second").unwrap();
    /// assert!(jobs.try_send("third").is_err(), "it is full");
    /// assert_eq!(jobs.try_recv(), Ok("first"));
    /// ```
    pub const fn bounded() -> Channel<T, N> {
        Channel {
            senders: WaitQueue::new(),
            receivers: WaitQueue::new(),
            offer: Cell::new(ptr::null()),
            want: Cell::new(ptr::null()),
            closed: Cell::new(false),
            buffer: Buffer::new(),
        }
    }

    /// Closes the channel, from whichever side, for good. Those who wait to send get their messages
    /// back, those who wait to receive learn that nothing will come, and so does everybody later.
    /// What is in the buffer can still be received, and a message being worked on
    /// [in place](Channel::recv_with) counts as received.
    pub fn close(&self) {
        self.closed.set(true);
        self.senders.wake_all();
        self.receivers.wake_all();
    }

    /// Whether the channel is closed. There may be messages in its buffer all the same.
    pub fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// How many messages there is room for.
    pub const fn capacity(&self) -> usize {
        N
    }

    /// How many messages are in the buffer. Those of senders that wait do not count.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether no message is in the buffer.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Receives messages until the channel is closed. Also what `for message in &channel` does.
    pub fn iter(&self) -> Iter<'_, T, N> {
        Iter { channel: self }
    }

    #[inline(always)]
    pub(crate) fn sending_reason(&self) -> Reason {
        Reason::on(&SEND, self)
    }

    #[inline(always)]
    pub(crate) fn receiving_reason(&self) -> Reason {
        Reason::on(&RECV, self)
    }
}

impl<T, const N: usize> Default for Channel<T, N> {
    fn default() -> Channel<T, N> {
        Channel::bounded()
    }
}

impl<T, const N: usize> fmt::Debug for Channel<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Channel");
        if N > 0 {
            f.field("messages", &self.len());
        }
        f.field("senders_wait", &!self.senders.is_empty())
            .field("receivers_wait", &!self.receivers.is_empty())
            .field("closed", &self.closed.get())
            .finish()
    }
}

/// Waiting for a message as one of several things: the message, or that the channel is closed.
impl<T, const N: usize> Source for Channel<T, N> {
    type Item = Result<T, Closed>;

    #[inline]
    fn try_take(&self) -> Option<Result<T, Closed>> {
        // First, as this is mostly why an arm is woken.
        if let Some(value) = self.take_offer() {
            return Some(Ok(value));
        }
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
        self.receiving_reason()
    }
}

/// Receives messages until the channel is closed; see [`Channel::iter`].
///
/// A wire that is interrupted while it waits for the next one unwinds from there, up to the
/// enclosing `timeout` scope or its end; where that is not wanted, use [`Channel::recv`], and so in a destructor that
/// may run while the wire unwinds: the iterator could not wait there, and aborts.
#[must_use = "nothing is received before the iterator is used"]
pub struct Iter<'a, T, const N: usize = 0> {
    channel: &'a Channel<T, N>,
}

impl<T, const N: usize> Iterator for Iter<'_, T, N> {
    type Item = T;

    /// # Panics
    ///
    /// Outside `run()`, unless the channel is closed or somebody is sending.
    #[inline]
    #[track_caller]
    fn next(&mut self) -> Option<T> {
        match self.channel.recv() {
            Ok(value) => Some(value),
            Err(RecvError::Closed) => None,
            Err(RecvError::Interrupted(interrupt)) => interrupt.unwind(),
        }
    }
}

impl<T, const N: usize> fmt::Debug for Iter<'_, T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iter")
            .field("channel", self.channel)
            .finish()
    }
}

impl<'a, T, const N: usize> IntoIterator for &'a Channel<T, N> {
    type Item = T;
    type IntoIter = Iter<'a, T, N>;

    fn into_iter(self) -> Iter<'a, T, N> {
        self.iter()
    }
}
