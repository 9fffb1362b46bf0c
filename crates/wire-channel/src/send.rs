//! Sending: the message lies in the sender's frame until a receiver has it, or there is room.
//!
//! ```text
//!              (1) send                 (2) taken by `recv`: moved out, or into the buffer
//!   ┌──────────────────┐ ─────────────────────────────────────────────► ┌────────────┐
//!   │ Here, in senders │      (3) taken by `recv_with`                  │ gone, Done │ send: Ok
//!   └──────────────────┘ ──────────────────────► ┌──────┐ ─────────────►└────────────┘
//!      │ closed, interrupted                     │ Lent │ (4) the receiver lets go
//!      ▼                                         └──────┘
//!    send: Err, with the message      in which interrupts are put off: Node::hold
//! ```

use core::cell::{Cell, UnsafeCell};
use core::hint::assert_unchecked;
use core::pin::{Pin, pin};
use core::ptr::{self, NonNull};

use wire_core::{Interrupt, Node, OnWake, Waiter, block, block_until, check_interrupt};

use crate::channel::Channel;
use crate::error::{Refusal, SendError};
use crate::in_place;
use crate::recv::{self, RECEIVER, RECEIVER_IN_PLACE};

/// See the diagram above.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Here,
    Lent,
    Done,
}

/// The nodes of [`Message`]s in the `senders` of their own channel.
pub(crate) static SENDER: OnWake = OnWake::unblock();

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
    /// `node` was just taken off the `senders` of a channel of `T`, as a [`SENDER`].
    #[inline(always)]
    pub(crate) unsafe fn take(node: NonNull<Node>, waiter: Waiter) -> T {
        // SAFETY: such nodes are the first fields of `Message`s. The sender is blocked, and leaves the value
        // alone while the state says *Here*, which it does as long as the node is linked; so it is there.
        unsafe {
            let message = node.cast::<Message<T>>().as_ref();
            let value = (*message.value.get()).take().unwrap_unchecked();
            waiter.unblock();
            value
        }
    }

    /// Gives the message to a receiver, in place, and keeps the sender where it is.
    ///
    /// # Safety
    ///
    /// The message is *Here*, in no queue, and its wire stays in its frame until the state says *Done*.
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

    /// Whether it was moved out.
    #[inline(always)]
    fn is_taken(&self) -> bool {
        // SAFETY: while *Here*, nobody else has a reference into the cell, and this one ends here.
        self.state.get() == State::Here && unsafe { (*self.value.get()).is_none() }
    }

    /// Takes the message out of the queue and makes an error of it.
    #[cold]
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
    #[inline(always)]
    fn drop(&mut self) {
        // Only if a wait panics that a receiver has made unbreakable. Panicking in an unwinding aborts.
        assert!(
            self.state.get() != State::Lent,
            "a sender unwinds while its message is in use"
        );
    }
}

impl<T, const N: usize> Channel<T, N> {
    /// Sends a message; if there is no room for it, waits until a receiver has it or there is.
    ///
    /// If a receiver waits already it gets the message at once, and this returns without waiting;
    /// only one that works [in place](Channel::recv_with) is waited for. Otherwise the message goes
    /// into the buffer, or stays in this frame, behind those of other senders, until a receiver comes.
    ///
    /// # Errors
    ///
    /// [`SendError`], with the message: the channel is or was closed, or the wire was interrupted.
    ///
    /// # Panics
    ///
    /// Outside `run()`, if it has to wait.
    #[inline(always)]
    #[track_caller]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if let Some((node, waiter)) = self.receivers.pop_if(&RECEIVER) {
            // SAFETY: just taken off the receivers of this channel, as such a node.
            unsafe { recv::fill(node, waiter, value) };
            return Ok(());
        }
        if !self.receivers.is_empty() || self.closed.get() {
            return self.send_specially(value, true);
        }
        if self.buffer.has_room() {
            self.buffer.push(value);
            return Ok(());
        }
        let message = pin!(Message {
            // SAFETY: the function of a `SENDER` is none.
            node: unsafe { Node::of_current_wire_calling(&SENDER) },
            state: Cell::new(State::Here),
            value: UnsafeCell::new(Some(value)),
        });
        let message = message.into_ref();
        let line_up = || {
            // SAFETY: the node is pinned because the message is, and unlinks itself when that goes; the
            // channel is borrowed for longer.
            unsafe {
                let node = Pin::map_unchecked(message, |message| &message.node);
                self.senders.push(node);
            }
        };
        line_up();
        loop {
            // SAFETY: whoever takes it unblocks the wire after that.
            let result = unsafe { block_until(self.sending_reason(), || message.is_taken()) };
            if message.is_taken() {
                // SAFETY: whoever takes the message takes the node off first, and has not been lent it. Said for the compiler, who
                // would look otherwise.
                unsafe {
                    assert_unchecked(!message.node.is_linked());
                    assert_unchecked(message.state.get() == State::Here);
                };
                return Ok(());
            }
            if let Some(over) = self.still_here(&message, result) {
                return over;
            }
            // One that is lent waits for the receiver alone, whoever else may have woken it.
            if message.state.get() == State::Here && !message.node.is_linked() {
                line_up();
            }
        }
    }

    /// What a wait for a receiver came to that did not have the message received.
    #[cold]
    fn still_here(
        &self,
        message: &Message<T>,
        result: Result<(), Interrupt>,
    ) -> Option<Result<(), SendError<T>>> {
        match (message.state.get(), result) {
            // An interrupt cannot end the wait while the message is lent.
            (State::Lent, _) => None,
            (State::Done, _) => Some(Ok(())),
            (State::Here, _) if self.closed.get() => Some(message.refused(Refusal::Closed)),
            (State::Here, Err(interrupt)) => Some(message.refused(Refusal::Interrupted(interrupt))),
            // Woken by somebody who had no receiver: as if it had just come, unless one came since.
            (State::Here, Ok(())) if message.node.is_linked() || !self.may_go_on() => None,
            (State::Here, Ok(())) => {
                // SAFETY: as in `refused`.
                let value = unsafe { (*message.value.get()).take() };
                Some(self.send(value.expect("a message that is here has its value")))
            }
        }
    }

    /// Whether a message need not wait.
    fn may_go_on(&self) -> bool {
        !self.receivers.is_empty() || self.buffer.has_room()
    }

    /// Sends a message if a receiver waits for it or there is room, and does not wait otherwise. A receiver that
    /// works [in place](Channel::recv_with) is waited for, until it has done so.
    ///
    /// # Errors
    ///
    /// [`SendError`], with the message: nobody waits to receive and there is no room, the channel is closed, or
    /// the wire unwinds and the receiver works in place.
    ///
    /// # Panics
    ///
    /// Outside `run()`, if a receiver waits that works in place.
    #[inline]
    #[track_caller]
    pub fn try_send(&self, value: T) -> Result<(), SendError<T>> {
        if let Some((node, waiter)) = self.receivers.pop_if(&RECEIVER) {
            // SAFETY: as in `send`.
            unsafe { recv::fill(node, waiter, value) };
            return Ok(());
        }
        if self.receivers.is_empty() && self.buffer.has_room() && !self.closed.get() {
            self.buffer.push(value);
            return Ok(());
        }
        self.send_specially(value, false)
    }

    /// Sends where there are receivers of other kinds than the plain one, or none at all and no room.
    #[cold]
    #[inline(never)]
    #[track_caller]
    fn send_specially(&self, value: T, wait: bool) -> Result<(), SendError<T>> {
        if self.closed.get() {
            let why = Refusal::Closed;
            return Err(SendError { value, why });
        }
        let offer = Cell::new(Some(value));
        if self.hand_over(&offer) {
            return Ok(());
        }
        let value = offer.into_inner();
        let value = value.expect("a message that nobody took is here");
        if self.receivers.front_is(&RECEIVER_IN_PLACE) {
            return self.send_in_place(value);
        }
        // Whoever was woken may have done anything.
        if self.closed.get() || wait || self.buffer.has_room() {
            return self.send(value);
        }
        let why = Refusal::Full;
        Err(SendError { value, why })
    }

    /// Hands a message to the receiver that waits longest, unless that one works in place; says whether it has it.
    pub(crate) fn hand_over(&self, offer: &Cell<Option<T>>) -> bool {
        while !self.receivers.is_empty() && !self.receivers.front_is(&RECEIVER_IN_PLACE) {
            if let Some((node, waiter)) = self.receivers.pop_if(&RECEIVER) {
                let value = offer.take().expect("nobody has it yet");
                // SAFETY: just taken off the receivers of this channel, as such a node.
                unsafe { recv::fill(node, waiter, value) };
                return true;
            }
            let _offering = Showing::new(&self.offer, offer);
            self.receivers.wake_one();
            if is_none(offer) {
                return true;
            }
        }
        false
    }

    /// Sends to a receiver that waits to work in place, being the first.
    #[track_caller]
    fn send_in_place(&self, value: T) -> Result<(), SendError<T>> {
        if let Err(interrupt @ Interrupt::Unwinding) = check_interrupt() {
            // This wire could not wait for the receiver.
            let why = Refusal::Interrupted(interrupt);
            return Err(SendError { value, why });
        }
        let message = pin!(Message {
            node: Node::of_current_wire(),
            state: Cell::new(State::Here),
            value: UnsafeCell::new(Some(value)),
        });
        let message = message.into_ref();
        let receiver = self.receivers.pop_if(&RECEIVER_IN_PLACE);
        let (receiver, _) = receiver.expect("the caller has seen it");
        // SAFETY: just taken off the receivers of this channel, as such a node. The message stays until it is *Done*,
        // since nothing ends the loop below before, nor unwinds.
        unsafe {
            in_place::lend_to(
                receiver,
                Message::<T>::lend(NonNull::from(message.get_ref()).cast()),
            )
        };
        while message.state.get() != State::Done {
            let _ = block(self.sending_reason());
        }
        Ok(())
    }
}

/// Shows one of the wires woken meanwhile what there is to be had, or where to put it.
pub(crate) struct Showing<'a, T>(&'a Cell<*const Cell<Option<T>>>, *const Cell<Option<T>>);

impl<'a, T> Showing<'a, T> {
    pub(crate) fn new(place: &'a Cell<*const Cell<Option<T>>>, what: &Cell<Option<T>>) -> Self {
        Showing(place, place.replace(ptr::from_ref(what)))
    }
}

impl<T> Drop for Showing<'_, T> {
    fn drop(&mut self) {
        self.0.set(self.1);
    }
}

/// Whether there is nothing in the cell.
pub(crate) fn is_none<T>(cell: &Cell<Option<T>>) -> bool {
    // SAFETY: nobody else has a reference into the cell; this one ends here.
    unsafe { (*cell.as_ptr()).is_none() }
}
