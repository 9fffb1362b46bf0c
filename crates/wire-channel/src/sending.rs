//! Sending as one of several things to wait for.

use core::cell::Cell;
use core::fmt;

use wire_core::{Reason, WaitQueue};
use wire_wait::Source;

use crate::channel::Channel;
use crate::error::{Refusal, SendError};
use crate::in_place;
use crate::recv::RECEIVER_IN_PLACE;
use crate::send::is_none;

/// A message to be sent by a [`wait_any`](wire_wait::wait_any), if the channel wins; made by
/// [`Channel::sending`].
///
/// As long as it was not sent it is here, and can be waited for again, or [taken back](Sending::into_value).
#[must_use = "nothing is sent before the source is waited for"]
pub struct Sending<'a, T, const N: usize = 0> {
    channel: &'a Channel<T, N>,
    value: Cell<Option<T>>,
}

impl<T, const N: usize> Channel<T, N> {
    /// A source that sends `value` when the channel can take it: for waiting for that or for something else.
    ///
    /// ```
    /// use wire_channel::Channel;
    /// use wire_wait::{on, wait_any, Wakeup};
    ///
    /// let (jobs, stop) = (Channel::<u32, 1>::bounded(), Wakeup::new());
    /// jobs.try_send(1).unwrap();
    /// stop.resume();
    ///
    /// let sending = jobs.sending(2);
    /// let sent = wire_core::run(|| wait_any(&[&on(&sending, |sent| sent.is_ok()), &on(&stop, |()| false)]));
    /// assert_eq!(sent, Ok(false));
    /// assert_eq!(sending.into_value(), Some(2), "the channel was full");
    /// ```
    pub const fn sending(&self, value: T) -> Sending<'_, T, N> {
        Sending {
            channel: self,
            value: Cell::new(Some(value)),
        }
    }
}

impl<T, const N: usize> Sending<'_, T, N> {
    /// The message, if it was neither sent nor given back by an error.
    pub fn into_value(self) -> Option<T> {
        self.value.into_inner()
    }

    /// Gives the message to whoever can have it; says whether it is gone.
    fn deliver(&self) -> bool {
        let channel = self.channel;
        // SAFETY: where a receiver wants its message is shown as long as it is there; nobody has a reference into it.
        if let Some(want) = unsafe { channel.want.get().as_ref() }
            && is_none(want)
        {
            want.set(self.value.take());
            return true;
        }
        // Out of reach for whoever asks again meanwhile, from foreign code that is woken.
        let offer = Cell::new(self.value.take());
        if channel.hand_over(&offer) {
            return true;
        }
        let value = offer.take().expect("nobody has it yet");
        match self.deliver_otherwise(value) {
            Ok(()) => true,
            Err(value) => {
                self.value.set(Some(value));
                false
            }
        }
    }

    fn deliver_otherwise(&self, value: T) -> Result<(), T> {
        if self.channel.buffer.has_room() {
            self.channel.buffer.push(value);
            return Ok(());
        }
        self.deliver_in_place(value)
    }

    /// Moves the message to a receiver that waits to work in place, being the first: this wire cannot be kept from
    /// going on.
    fn deliver_in_place(&self, value: T) -> Result<(), T> {
        let Some((node, _)) = self.channel.receivers.pop_if(&RECEIVER_IN_PLACE) else {
            return Err(value);
        };
        // SAFETY: just taken off the receivers of this channel, as such a node.
        unsafe { in_place::move_to(node, value) };
        Ok(())
    }
}

/// Waiting until the message is sent: or that it cannot be, since the channel is closed.
impl<T, const N: usize> Source for Sending<'_, T, N> {
    type Item = Result<(), SendError<T>>;

    fn try_take(&self) -> Option<Result<(), SendError<T>>> {
        if is_none(&self.value) {
            // Sent already: then it is never ready again.
            return None;
        }
        if self.channel.closed.get() {
            let value = self.value.take()?;
            let why = Refusal::Closed;
            return Some(Err(SendError { value, why }));
        }
        self.deliver().then_some(Ok(()))
    }

    fn queue(&self) -> &WaitQueue {
        &self.channel.senders
    }

    fn reason(&self) -> Reason {
        self.channel.sending_reason()
    }
}

impl<T, const N: usize> fmt::Debug for Sending<'_, T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sent = is_none(&self.value);
        f.debug_struct("Sending")
            .field("channel", self.channel)
            .field("sent", &sent)
            .finish()
    }
}
