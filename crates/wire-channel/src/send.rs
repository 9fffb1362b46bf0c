//! Sending: the message lies in the sender's frame until a receiver has it.
//!
//! ```text
//!              (1) send                 (2) taken by `recv`: moved out
//!   ┌──────────────────┐ ─────────────────────────────────────────────► ┌──────┐
//!   │ Here, in senders │      (3) taken by `recv_with`                  │ Done │ send: Ok
//!   └──────────────────┘ ──────────────────────► ┌──────┐ ─────────────►└──────┘
//!      │ closed, interrupted                     │ Lent │ (4) the receiver lets go
//!      ▼                                         └──────┘
//!    send: Err, with the message      in which interrupts are put off: Node::hold
//! ```

use core::cell::{Cell, UnsafeCell};
use core::pin::{Pin, pin};
use core::ptr::NonNull;

use wire_core::{Interrupt, Node, block, check_interrupt};

use crate::channel::Channel;
use crate::error::{Refusal, SendError};

/// See the diagram above.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Here,
    Lent,
    Done,
}

/// A message on its way, in the sender's frame.
#[repr(C)]
pub(crate) struct Message<T> {
    /// First, so that its address is the message's.
    node: Node,
    state: Cell<State>,
    /// Reached by the sender while *Here* or *Done*, by the receiver while *Lent*.
    value: UnsafeCell<Option<T>>,
}

impl<T> Message<T> {
    /// Moves the message out, and lets its sender go on.
    ///
    /// # Safety
    ///
    /// `node` was just taken off the `senders` of a channel of `T`.
    pub(crate) unsafe fn take(node: NonNull<Node>) -> Option<T> {
        // SAFETY: nothing but the first fields of `Message`s is in that queue. The sender is
        // blocked, or calls this itself, and leaves the value alone while the state says *Here*.
        unsafe {
            let message = node.cast::<Message<T>>().as_ref();
            let value = (*message.value.get()).take();
            message.state.set(State::Done);
            Node::wake(node);
            value
        }
    }

    /// Gives the message to a receiver, in place, and keeps the sender where it is.
    ///
    /// # Safety
    ///
    /// As for [`take`](Message::take).
    pub(crate) unsafe fn lend(node: NonNull<Node>) -> NonNull<Message<T>> {
        let message = node.cast::<Message<T>>();
        // SAFETY: as in `take`.
        unsafe {
            message.as_ref().state.set(State::Lent);
            Node::hold(node);
        }
        message
    }

    /// Lets the sender go on.
    ///
    /// # Safety
    ///
    /// Once, for what [`lend`](Message::lend) gave, which is not used afterwards.
    pub(crate) unsafe fn give_back(message: NonNull<Message<T>>) {
        // SAFETY: the sender stays until the state says *Done*.
        unsafe {
            message.as_ref().state.set(State::Done);
            Node::release(message.cast());
        }
    }

    /// The message's value.
    ///
    /// # Safety
    ///
    /// `message` is lent, to the caller, who gives it back only after `'a`.
    pub(crate) unsafe fn value<'a>(message: NonNull<Message<T>>) -> &'a mut T {
        // SAFETY: while *Lent* only the one it is lent to touches the value, and it is there.
        unsafe { (*message.as_ref().value.get()).as_mut().unwrap_unchecked() }
    }

    /// Takes the message out of the queue and makes an error of it.
    fn refused(&self, why: Refusal) -> Result<(), SendError<T>> {
        self.node.unlink();
        // SAFETY: *Here*, and in no queue, where a receiver could find it.
        match unsafe { (*self.value.get()).take() } {
            Some(value) => Err(SendError { value, why }),
            None => unreachable!("a message that is here has its value"),
        }
    }
}

impl<T> Drop for Message<T> {
    fn drop(&mut self) {
        // Only if a receiver that waits for several things has a source that first wakes other
        // receivers of this channel and then panics. Panicking in an unwinding aborts.
        assert!(
            self.state.get() != State::Lent,
            "a sender unwinds while its message is in use"
        );
    }
}

impl<T> Channel<T> {
    /// Sends a message and waits until a receiver has it.
    ///
    /// If a receiver waits already it gets the message at once, and this returns without waiting;
    /// only one that works [in place](Channel::recv_with) is waited for. Otherwise the message
    /// stays in this frame, behind those of other senders, until a receiver comes for it.
    ///
    /// # Errors
    ///
    /// [`SendError`], with the message: the channel is or was closed, or the wire was interrupted.
    ///
    /// # Panics
    ///
    /// Outside `run()`, unless the channel is closed.
    #[track_caller]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.send_if(value, true)
    }

    /// Sends a message if a receiver waits for it, and does not wait for one to come. One that
    /// works [in place](Channel::recv_with) is waited for, until it has done so.
    ///
    /// # Errors
    ///
    /// [`SendError`], with the message: nobody waits to receive, the channel is closed, or the wire
    /// unwinds.
    ///
    /// # Panics
    ///
    /// Outside `run()`, if a receiver waits.
    #[track_caller]
    pub fn try_send(&self, value: T) -> Result<(), SendError<T>> {
        self.send_if(value, false)
    }

    #[track_caller]
    fn send_if(&self, value: T, wait: bool) -> Result<(), SendError<T>> {
        if self.closed.get() {
            let why = Refusal::Closed;
            return Err(SendError { value, why });
        }
        if self.receivers.is_empty() {
            if !wait {
                let why = Refusal::NoReceiver;
                return Err(SendError { value, why });
            }
        } else if let Err(interrupt @ Interrupt::Unwinding) = check_interrupt() {
            // Perhaps the receiver works in place, and this wire could not wait for it.
            let why = Refusal::Interrupted(interrupt);
            return Err(SendError { value, why });
        }
        let message = pin!(Message {
            node: Node::of_current_wire(),
            state: Cell::new(State::Here),
            value: UnsafeCell::new(Some(value)),
        });
        let message = message.as_ref();
        // SAFETY: the node is pinned because the message is, and unlinks itself when that goes; the
        // channel is borrowed for longer.
        unsafe {
            let node = Pin::map_unchecked(message, |message| &message.node);
            self.senders.push(node);
        }
        while message.node.is_linked() && self.receivers.wake_one() {}
        loop {
            match message.state.get() {
                State::Done => return Ok(()),
                State::Here if self.closed.get() => return message.refused(Refusal::Closed),
                State::Here if !wait => return message.refused(Refusal::NoReceiver),
                // An interrupt cannot end the wait while the message is lent.
                State::Here | State::Lent => {}
            }
            if let Err(interrupt) = block(self.sending())
                && message.state.get() == State::Here
            {
                return message.refused(Refusal::Interrupted(interrupt));
            }
        }
    }
}
