//! Receiving in place: working on the message in its sender's frame.

use core::cell::Cell;
use core::pin::{Pin, pin};
use core::ptr::NonNull;

use wire_core::{Node, block};

use crate::channel::Channel;
use crate::error::RecvError;
use crate::recv::RECEIVER_IN_PLACE;
use crate::send::{Message, SENDER};

/// A receiver that waits to work in place, in its frame.
#[repr(C)]
struct InPlace<T> {
    /// First, so that its address is the receiver's.
    node: Node,
    obtained: Cell<Option<Obtained<T>>>,
}

/// Lends a message to a receiver, and lets it go on.
///
/// # Safety
///
/// `node` was just taken off the `receivers` of a channel of `T`, as a [`RECEIVER_IN_PLACE`]; `message` was
/// [lent](Message::lend) for it.
pub(crate) unsafe fn lend_to<T>(node: NonNull<Node>, message: NonNull<Message<T>>) {
    // SAFETY: handed on.
    unsafe { give(node, Obtained::InPlace(Lent(message))) };
}

/// Moves a message to a receiver, and lets it go on.
///
/// # Safety
///
/// `node` was just taken off the `receivers` of a channel of `T`, as a [`RECEIVER_IN_PLACE`].
pub(crate) unsafe fn move_to<T>(node: NonNull<Node>, value: T) {
    // SAFETY: handed on.
    unsafe { give(node, Obtained::Moved(value)) };
}

/// # Safety
///
/// As for `move_to`.
unsafe fn give<T>(node: NonNull<Node>, obtained: Obtained<T>) {
    // SAFETY: such nodes are the first fields of `InPlace`s, and the receiver is in `obtain`.
    unsafe {
        node.cast::<InPlace<T>>()
            .as_ref()
            .obtained
            .set(Some(obtained));
        Node::unblock(node);
    }
}

/// A message that lies in its sender's frame, who waits until this is dropped.
struct Lent<T>(NonNull<Message<T>>);

impl<T> Drop for Lent<T> {
    fn drop(&mut self) {
        // SAFETY: made once for a message that was lent.
        unsafe { Message::give_back(self.0) };
    }
}

/// What one gets to work on.
enum Obtained<T> {
    InPlace(Lent<T>),
    /// From an arm, which cannot be kept from going on.
    Moved(T),
}

impl<T> Channel<T> {
    /// Receives the oldest message without moving it: `f` works on it in the sender's frame, and
    /// the sender goes on, and drops what is left, when `f` has returned or panicked.
    ///
    /// Until then the sender cannot be cancelled, nor its deadlines end its wait; so `f` may wait
    /// itself, but should not do so for long. Only a message of a wire that waits to send it
    /// [or something else](Channel::sending) is moved to `f`, as that wire goes on at once.
    ///
    /// ```
    /// use wire_channel::Channel;
    /// # use std::ptr::NonNull;
    /// # use wire_core::{Stack, Wire, run, scope};
    /// # fn stack() -> Stack<'static> {
    /// #     #[repr(align(16))]
    /// #     struct Memory([u8; 64 * 1024]);
    /// #     let memory = Box::leak(Box::new(Memory([0; 64 * 1024])));
    /// #     // SAFETY: leaked, aligned, used by nothing else, and ample for what runs here.
    /// #     unsafe { Stack::from_raw(NonNull::from(&mut memory.0).cast(), 64 * 1024) }
    /// # }
    /// // A request with room for its answer, lent rather than moved.
    /// struct Request<'a> { number: u64, answer: &'a mut u64 }
    ///
    /// let (mut answer, wire) = (0, Wire::new());
    /// run(|| {
    ///     let requests = Channel::new();
    ///     scope(|s| {
    ///         s.spawn(&wire, stack(), "squares", || {
    ///             requests.recv_with(|request: &mut Request| *request.answer = request.number.pow(2))
    ///         }).unwrap().detach();
    ///         requests.send(Request { number: 12, answer: &mut answer }).unwrap();
    ///     });
    /// });
    /// assert_eq!(answer, 144);
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`recv`](Channel::recv).
    ///
    /// # Panics
    ///
    /// When `f` does; outside `run()`, unless somebody is sending or the channel is closed.
    #[track_caller]
    pub fn recv_with<R>(&self, f: impl FnOnce(&mut T) -> R) -> Result<R, RecvError> {
        match self.obtain()? {
            // SAFETY: lent to this call, and given back when `lent` goes, after `f`.
            Obtained::InPlace(lent) => Ok(f(unsafe { Message::value(lent.0) })),
            Obtained::Moved(mut value) => Ok(f(&mut value)),
        }
    }

    /// The oldest message, if somebody is sending.
    fn lend(&self) -> Option<Obtained<T>> {
        if let Some(value) = self.take_offer() {
            return Some(Obtained::Moved(value));
        }
        loop {
            if let Some((node, _)) = self.senders.pop_if(&SENDER) {
                // SAFETY: just taken off the senders, as such a node; its wire waits until the message is *Done*.
                return Some(Obtained::InPlace(Lent(unsafe { Message::lend(node) })));
            }
            if let Some(value) = self.ask_sender()? {
                return Some(Obtained::Moved(value));
            }
        }
    }

    #[track_caller]
    fn obtain(&self) -> Result<Obtained<T>, RecvError> {
        if let Some(obtained) = self.lend() {
            return Ok(obtained);
        }
        if self.closed.get() {
            return Err(RecvError::Closed);
        }
        let waiting = pin!(InPlace {
            // SAFETY: the function of a `RECEIVER_IN_PLACE` is none.
            node: unsafe { Node::of_current_wire_calling(&RECEIVER_IN_PLACE) },
            obtained: Cell::new(None),
        });
        let waiting = waiting.into_ref();
        loop {
            // SAFETY: the node is pinned because what it is in is, and unlinks itself when that
            // goes; the channel is borrowed for longer. Not linked: new, or woken for nothing.
            unsafe {
                let node = Pin::map_unchecked(waiting, |waiting| &waiting.node);
                self.receivers.push(node);
            }
            let result = block(self.receiving_reason());
            if let Some(obtained) = waiting.obtained.take() {
                return Ok(obtained);
            }
            waiting.node.unlink();
            result.map_err(RecvError::Interrupted)?;
            // Woken by the end of the channel, or by somebody without a message.
            if let Some(obtained) = self.lend() {
                return Ok(obtained);
            }
            if self.closed.get() {
                return Err(RecvError::Closed);
            }
        }
    }
}
