//! Rendezvous channels: a message goes from wire to wire when both are there.
//!
//! [`Channel::send`] returns when a receiver has the message, and until then the message stays in
//! the sender's own frame: there is no buffer, and nothing is allocated.
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
//!   [`Source`](wire_wait::Source) of wire-wait.
//!
//! The message in the waiting sender's frame is how crossbeam-channel's zero-capacity flavour works,
//! and the rest is what a Go programmer expects of an unbuffered channel, with errors for panics.
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
