//! Receiving: taking the oldest message.

use core::cell::{Cell, UnsafeCell};
use core::hint::assert_unchecked;
use core::pin::{Pin, pin};
use core::ptr::NonNull;

use wire_core::{Interrupt, Node, OnWake, Waiter, block_until};

use crate::channel::Channel;
use crate::error::{RecvError, TryRecvError};
use crate::send::{Message, SENDER, Showing};

/// The nodes of [`Waiting`]s in the `receivers` of their own channel.
pub(crate) static RECEIVER: OnWake = OnWake::unblock();
/// The nodes of [`InPlace`](crate::in_place::InPlace)s, likewise.
pub(crate) static RECEIVER_IN_PLACE: OnWake = OnWake::unblock();

/// A receiver that waits, in its frame.
#[repr(C)]
struct Waiting<T> {
    /// First, so that its address is the receiver's.
    node: Node,
    value: UnsafeCell<Option<T>>,
}

impl<T> Waiting<T> {
    #[inline(always)]
    fn is_filled(&self) -> bool {
        // SAFETY: as in `take`.
        unsafe { (*self.value.get()).is_some() }
    }

    #[inline(always)]
    fn take(&self) -> Option<T> {
        // SAFETY: nobody else has a reference into the cell, and this one ends here.
        unsafe { (*self.value.get()).take() }
    }
}

/// Gives a message to a receiver, and lets it go on.
///
/// # Safety
///
/// `node` was just taken off the `receivers` of a channel of `T`, as a [`RECEIVER`].
#[inline(always)]
pub(crate) unsafe fn fill<T>(node: NonNull<Node>, waiter: Waiter, value: T) {
    // SAFETY: such nodes are the first fields of `Waiting`s. The receiver is blocked, or has been woken for nothing and
    // not run yet; it looks into the value when it runs. There is none, as one that was filled is off the queue.
    unsafe {
        node.cast::<Waiting<T>>()
            .as_ref()
            .value
            .get()
            .write(Some(value));
        waiter.unblock();
    }
}

impl<T, const N: usize> Channel<T, N> {
    /// Takes the oldest message, if there is one.
    #[inline(always)]
    pub(crate) fn take(&self) -> Option<T> {
        if N > 0 {
            let value = self.buffer.pop()?;
            if !self.senders.is_empty() {
                self.refill();
            }
            return Some(value);
        }
        let (node, waiter) = self.senders.pop_if(&SENDER)?;
        // SAFETY: just taken off the senders of this channel, as such a node.
        Some(unsafe { Message::take(node, waiter) })
    }

    /// Has those who wait to send put their messages into the buffer, as far as there is room.
    #[inline(never)]
    fn refill(&self) {
        while self.buffer.has_room() {
            if let Some((node, waiter)) = self.senders.pop_if(&SENDER) {
                // SAFETY: just taken off the senders of this channel, as such a node.
                self.buffer.push(unsafe { Message::take(node, waiter) });
            } else if !self.senders.wake_one() {
                return;
            }
        }
    }

    /// Takes a message from whoever waits longest to send, of whatever kind.
    #[inline]
    fn take_from_sender(&self) -> Option<T> {
        loop {
            if let Some((node, waiter)) = self.senders.pop_if(&SENDER) {
                // SAFETY: just taken off the senders of this channel, as such a node.
                return Some(unsafe { Message::take(node, waiter) });
            }
            if let Some(value) = self.ask_sender()? {
                return Some(value);
            }
        }
    }

    /// Wakes whoever waits longest to send, not being plain, if there is somebody; gives the message, if that had one.
    pub(crate) fn ask_sender(&self) -> Option<Option<T>> {
        let want = Cell::new(None);
        let wanting = Showing::new(&self.want, &want);
        let somebody = self.senders.wake_one();
        drop(wanting);
        somebody.then(|| want.into_inner())
    }

    /// [`take`](Channel::take), where that had nothing: from an arm that sends, or being one that is woken to
    /// receive.
    #[cold]
    #[inline(never)]
    pub(crate) fn take_specially(&self) -> Option<T> {
        if let Some(value) = self.take_offer() {
            return Some(value);
        }
        if N > 0 {
            self.refill();
            return self.buffer.pop();
        }
        self.take_from_sender()
    }

    /// Takes what is being sent, as an arm that is woken to receive it.
    #[inline(always)]
    pub(crate) fn take_offer(&self) -> Option<T> {
        // SAFETY: an offer is shown as long as it is there, and nobody has a reference into it.
        unsafe { self.offer.get().as_ref() }.and_then(Cell::take)
    }

    /// Whether `take_specially` might have something.
    #[inline(always)]
    pub(crate) fn is_special(&self) -> bool {
        !self.senders.is_empty() || !self.offer.get().is_null()
    }

    /// Receives the oldest message, waiting for one if need be. A sender that waited goes on.
    ///
    /// # Errors
    ///
    /// The channel is or was closed and nothing is left in it, or the wire was interrupted; nothing was taken then.
    /// Who was handed a message gets it, even if an interrupt came before it ran.
    ///
    /// # Panics
    ///
    /// Outside `run()`, unless there is a message or the channel is closed.
    #[inline(always)]
    #[track_caller]
    pub fn recv(&self) -> Result<T, RecvError> {
        if let Some(value) = self.take() {
            return Ok(value);
        }
        if (self.is_special() || self.closed.get())
            && let Some(result) = self.recv_specially()
        {
            return result;
        }
        let waiting = pin!(Waiting {
            // SAFETY: the function of a `RECEIVER` is none.
            node: unsafe { Node::of_current_wire_calling(&RECEIVER) },
            value: UnsafeCell::new(None),
        });
        let waiting = waiting.into_ref();
        loop {
            // SAFETY: the node is pinned because what it is in is, and unlinks itself when that
            // goes; the channel is borrowed for longer. Not linked: new, or woken for nothing.
            unsafe {
                let node = Pin::map_unchecked(waiting, |waiting| &waiting.node);
                self.receivers.push(node);
            }
            // SAFETY: whoever fills it unblocks the wire after that.
            let result = unsafe { block_until(self.receiving_reason(), || waiting.is_filled()) };
            if let Some(value) = waiting.take() {
                // SAFETY: whoever fills it takes the node off first. Said for the compiler, who would look otherwise.
                unsafe { assert_unchecked(!waiting.node.is_linked()) };
                return Ok(value);
            }
            if let Some(result) = self.nothing_came(&waiting.node, result) {
                return result;
            }
        }
    }

    #[cold]
    fn recv_specially(&self) -> Option<Result<T, RecvError>> {
        match self.take_specially() {
            Some(value) => Some(Ok(value)),
            None if self.closed.get() => Some(Err(RecvError::Closed)),
            None => None,
        }
    }

    /// What a wait for a sender came to that did not give a message.
    #[cold]
    pub(crate) fn nothing_came(
        &self,
        node: &Node,
        result: Result<(), Interrupt>,
    ) -> Option<Result<T, RecvError>> {
        node.unlink();
        if let Err(interrupt) = result {
            return Some(Err(RecvError::Interrupted(interrupt)));
        }
        // Woken by the end of the channel, or by somebody without a message.
        match self.take() {
            Some(value) => Some(Ok(value)),
            None => self.recv_specially(),
        }
    }

    /// Receives the oldest message if there is one, or somebody is sending.
    ///
    /// # Errors
    ///
    /// There is none, or the channel is closed.
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        if let Some(value) = self.take() {
            return Ok(value);
        }
        if self.is_special()
            && let Some(value) = self.take_specially()
        {
            return Ok(value);
        }
        Err(if self.closed.get() {
            TryRecvError::Closed
        } else {
            TryRecvError::Empty
        })
    }
}
