//! Waiting for the first of several things.
//!
//! [`Wakeup`] is a wake-up without data: triggered once, until it is reset. [`Source`] is anything
//! that can be waited for, and any crate can make one without touching a link; [`wait_any`] waits
//! for the first of any number of them and gives what the one that won had, through that arm's own
//! function:
//!
//! ```
//! use wire_core::{run, scope, yield_now};
//! use wire_wait::{Wakeup, on, wait_any};
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
//! #[derive(Debug, PartialEq)]
//! enum Event { Data, Stop }
//!
//! let (data, stop) = (Wakeup::new(), Wakeup::new());
//! let wire = Wire::new();
//! run(|| scope(|s| {
//!     let waiting = s.spawn(&wire, stack(), "waiting", || {
//!         wait_any(&[&on(&data, |()| Event::Data), &on(&stop, |()| Event::Stop)])
//!     }).unwrap();
//!     yield_now();
//!     stop.resume();
//!     assert_eq!(waiting.join().unwrap(), Ok(Event::Stop));
//! }));
//! ```
//!
//! | | |
//! |---|---|
//! | [`wait_any`] | the first that becomes ready; of several that are, the first named |
//! | [`wait_fair`] | of several that are ready, any, by a draw, as in Go's `select` |
//! | [`try_any`], [`try_fair`] | one that is ready, or none, at once: Go's `default` |
//! | [`wait`], [`wait_two`] | one source, two of them |
//!
//! Sources are wake-ups and [join handles](wire_core::JoinHandle) here, channels (either side) in wire-channel, locks in
//! wire-lock, descriptors, timers and signals in wire-fd. A deadline around a wait is `wire_fd::timeout`, as for all that
//! waits. Arms can be made once and used in every turn of a loop. There is no macro: what it could save is `&on(…)`.
//!
//! # Nothing is lost
//!
//! A wait is decided by the wire that makes a source ready, on the spot: it takes from the source
//! on behalf of the one that waits longest and takes that one's other arms out of their queues. So
//! nobody can come in between, those who wait for one source are served in their order whether they
//! wait for others too or not, and an arm that did not win has not taken anything. What was taken is
//! in the frame of the waiting wire from then on, and is returned even if that wire is cancelled
//! before it runs. This is how Go's `select` does it; most others wake all and let them race.
//!
//! The links lie in the arms, which lie in the frame of the waiting wire, or wherever else it has
//! put them. They are taken out of all queues when the wait ends: by return, panic, cancellation or
//! deadline. Nothing is allocated.
//!
//! This crate alone is enough for a program: [`wire_core`] is handed on for `run` and the rest.
#![no_std]

mod any;
mod arm;
mod source;
mod wakeup;

pub use any::{Either, try_any, try_fair, wait, wait_any, wait_fair, wait_two};
pub use arm::{Arm, On, on};
pub use source::Source;
pub use wakeup::Wakeup;
pub use wire_core;
