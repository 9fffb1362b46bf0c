//! Receiving: taking the oldest message, or working on it where it is.

use core::cell::Cell;
use core::pin::{Pin, pin};
use core::ptr::NonNull;

use wire_core::Node;

use crate::channel::Channel;
use crate::error::{RecvError, TryRecvError};
use crate::send::Message;

/// What a receiver wants, and has got.
enum Slot<T> {
    /// To be given the message.
    Move(Cell<Option<T>>),
    /// To be lent it.
    InPlace(Cell<Option<NonNull<Message<T>>>>),
}

impl<T> Slot<T> {
    fn is_full(&self) -> bool {
        match self {
            // SAFETY: nobody else has a reference into the cell; this one ends here.
            Slot::Move(value) => unsafe { (*value.as_ptr()).is_some() },
            Slot::InPlace(message) => message.get().is_some(),
        }
    }
}

/// A receiver that waits, in its frame.
#[repr(C)]
struct Waiting<'a, T> {
    /// First, so that its address is the receiver's.
    node: Node,
    channel: &'a Channel<T>,
    slot: &'a Slot<T>,
}

/// Takes the oldest message for the receiver that `node` is of, if there is one.
///
/// # Safety
///
/// The node is that of a [`Waiting`] of a channel of `T`, was linked until now, and is no longer.
unsafe fn woken<T>(node: NonNull<Node>) {
    // SAFETY: by contract; the node is the first field, and its wire is in `obtain`.
    unsafe {
        let waiting = node.cast::<Waiting<'_, T>>().as_ref();
        waiting.channel.fill(waiting.slot);
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

impl<T> Channel<T> {
    /// Takes the oldest message into an empty slot, if there is one.
    fn fill(&self, slot: &Slot<T>) -> bool {
        let Some(node) = self.senders.pop() else {
            return false;
        };
        // SAFETY: just taken off the queue, which only holds messages.
        unsafe {
            match slot {
                Slot::Move(value) => value.set(Message::take(node)),
                Slot::InPlace(message) => message.set(Some(Message::lend(node))),
            }
        }
        true
    }

    /// Waits until the slot is full.
    #[track_caller]
    fn obtain(&self, slot: &Slot<T>) -> Result<(), RecvError> {
        if self.fill(slot) {
            return Ok(());
        }
        if self.closed.get() {
            return Err(RecvError::Closed);
        }
        let waiting = pin!(Waiting {
            // SAFETY: linked below only, as the first field of a `Waiting` that is pinned; `woken`
            // does not block.
            node: unsafe { Node::of_current_wire_calling(woken::<T>) },
            channel: self,
            slot,
        });
        let waiting = waiting.as_ref();
        loop {
            // SAFETY: the node is pinned because what it is in is, and unlinks itself when that
            // goes; the channel is borrowed for longer. Not linked: new, or woken for nothing.
            unsafe {
                let node = Pin::map_unchecked(waiting, |waiting| &waiting.node);
                self.receivers.push(node);
            }
            let result = self.receivers.wait_for(&waiting.node, self.receiving());
            // Whoever queues up here may have been woken by somebody without a message.
            if slot.is_full() {
                return Ok(());
            }
            result.map_err(RecvError::Interrupted)?;
            if self.fill(slot) {
                return Ok(());
            }
            if self.closed.get() {
                return Err(RecvError::Closed);
            }
        }
    }

    /// Receives the oldest message, waiting for one if need be. Its sender goes on.
    ///
    /// # Errors
    ///
    /// The channel is or was closed, or the wire was interrupted; nothing was taken then. Who was
    /// handed a message gets it, even if an interrupt came before it ran.
    ///
    /// # Panics
    ///
    /// Outside `run()`, unless somebody is sending or the channel is closed.
    #[track_caller]
    pub fn recv(&self) -> Result<T, RecvError> {
        let slot = Slot::Move(Cell::new(None));
        self.obtain(&slot)?;
        match slot {
            Slot::Move(value) => Ok(value.into_inner().expect("the slot is full")),
            Slot::InPlace(_) => unreachable!(),
        }
    }

    /// Receives the oldest message if somebody is sending.
    ///
    /// # Errors
    ///
    /// Nobody is, or the channel is closed.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        let slot = Slot::Move(Cell::new(None));
        self.fill(&slot);
        match slot {
            Slot::Move(value) => value.into_inner().ok_or(if self.closed.get() {
                TryRecvError::Closed
            } else {
                TryRecvError::Empty
            }),
            Slot::InPlace(_) => unreachable!(),
        }
    }

    /// Receives the oldest message without moving it: `f` works on it in the sender's frame, and
    /// the sender goes on, and drops what is left, when `f` has returned or panicked.
    ///
    /// Until then the sender cannot be cancelled, nor its deadlines end its wait; so `f` may wait
    /// itself, but should not do so for long.
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
    /// let (requests, wire, mut answer) = (Channel::new(), Wire::new(), 0);
    /// run(|| scope(|s| {
    ///     s.spawn(&wire, stack(), "squares", || {
    ///         requests.recv_with(|request: &mut Request| *request.answer = request.number.pow(2))
    ///     }).unwrap().detach();
    ///     requests.send(Request { number: 12, answer: &mut answer }).unwrap();
    /// }));
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
        let slot = Slot::InPlace(Cell::new(None));
        self.obtain(&slot)?;
        let Slot::InPlace(message) = slot else {
            unreachable!()
        };
        let lent = Lent(message.get().expect("the slot is full"));
        // SAFETY: lent to this call, and given back when `lent` goes, after `f`.
        Ok(f(unsafe { Message::value(lent.0) }))
    }
}
