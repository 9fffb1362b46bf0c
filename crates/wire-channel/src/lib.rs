//! Channels: a message goes from wire to wire when both are there, or through a buffer.
//!
//! | | |
//! |---|---|
//! | [`Channel::new`] | rendezvous: a sender waits until its message is received |
//! | [`Channel::bounded`] | room for a number of messages, in the channel itself; a sender waits while it is full |
//! | [`Channel::recv_with`] | the receiver works on the message in the frame of its waiting sender |
//! | [`Oneshot`] | one message, whose sender does not wait |
//!
//! A message that has no room stays in the frame of its sender, who waits; nothing is allocated.
//!
//! ```
//! use wire_channel::Channel;
//! use wire_core::{run, scope};
//! # use std::ptr::NonNull;
//! # use wire_core::{Stack, Wire};
//! # fn stack() -> Stack<'static> {
//! #     #[repr(align(16))]
//! #     struct Memory([u8; 64 * 1024]);
//! #     let memory = Box::leak(Box::new(Memory([0; 64 * 1024])));
//! #     // SAFETY: leaked, aligned, used by nothing else, and ample for what runs here.
//! #     unsafe { Stack::from_raw(NonNull::from(&mut memory.0).cast(), 64 * 1024) }
//! # }
//!
//! let (numbers, wires) = (Channel::new(), [Wire::new(), Wire::new()]);
//! let sum = run(|| scope(|s| {
//!     s.spawn(&wires[0], stack(), "numbers", || {
//!         for number in 1..=100 {
//!             numbers.send(number).unwrap();
//!         }
//!         numbers.close();
//!     }).unwrap().detach();
//!     let sum = s.spawn(&wires[1], stack(), "sum", || (&numbers).into_iter().sum::<u32>());
//!     sum.unwrap().join().unwrap()
//! }));
//! assert_eq!(sum, 5050);
//! ```
//!
//! Any number of wires send and receive; those who wait are served in the order in which they came.
//! A channel is used by reference, in a scope; from a `static`, in a
//! [`Local`](wire_core::Local); or through an `Rc`. It belongs to one OS thread.
//!
//! In a `static`, with room for 64 jobs in it:
//!
//! ```
//! use wire_channel::Channel;
//! use wire_core::Local;
//!
//! static JOBS: Local<Channel<u32, 64>> = Local::new(Channel::bounded());
//!
//! JOBS.try_send(7).unwrap();
//! assert_eq!(JOBS.try_recv(), Ok(7));
//! ```
//!
//! # In place
//!
//! [`Channel::recv_with`] does not move the message at all: the receiver works on it in the
//! sender's frame, and the sender goes on when that is done.
//!
//! # What is sure
//!
//! - A message is received once, or is given back to the sender with the reason: the channel was
//!   closed, by either side, or the sender was interrupted ([`SendError`]).
//! - An interrupted receiver has taken nothing; one that was handed a message before it was
//!   cancelled receives it, even if it runs only afterwards.
//! - What can be done without waiting is done, also in a cancelled wire.
//! - A wire that unwinds does not wait: `send` and `recv` fail then if they would have to.
//! - To wait for a message *or something else*, a channel is a
//!   [`Source`](wire_wait::Source) of wire-wait; to wait until one can be sent or for something else, there is
//!   [`Channel::sending`]. A message that an arm has not sent is still there.
//!
//! # Deadlines
//!
//! There are no forms of these calls with a time. A deadline is a scope around any of them, wherever they are called:
//! `wire_fd::timeout(duration, || channel.recv())` gives `Ok(Err(RecvError::Interrupted(Interrupt::DeadlinePassed)))` when
//! it is over.
//!
//! The message in the waiting sender's frame is how crossbeam-channel's zero-capacity flavour works,
//! and the rest is what a Go programmer expects of channels, with errors for panics.
//!
//! This crate alone is enough for a program: [`wire_core`] is handed on for `run` and the rest, and
//! [`wire_wait`] for waiting.
#![no_std]

mod buffer;
mod channel;
mod error;
mod in_place;
mod oneshot;
mod recv;
mod send;
mod sending;

pub use channel::{Channel, Iter};
pub use error::{Closed, RecvError, Refusal, SendError, TryRecvError};
pub use oneshot::{Oneshot, OneshotReceiver, OneshotSender};
pub use sending::Sending;
pub use wire_core;
pub use wire_wait;
