//! Waiting for file descriptors, timers, signals and other threads on any Unix, in the place of wire-fd.
//!
//! Same public items and the same promises, on the [polling](https://docs.rs/polling) crate: epoll, kqueue, event
//! ports, or poll(2) where there is nothing else. Made to be read, and to show that the layer can be
//! replaced; on Linux, wire-fd itself makes fewer system calls.
//!
//! ```
//! use std::time::{Duration, Instant};
//!
//! let start = Instant::now();
//! wire_core::run(|| wire_fd::sleep(Duration::from_millis(10))).unwrap();
//! assert!(start.elapsed() >= Duration::from_millis(10));
//! ```
//!
//! # Readiness
//!
//! What the poller can do decides how it is asked. One that reports edges is told of a descriptor
//! once, as in wire-fd. Any other is asked for a direction when somebody is about to wait for it, and
//! answers once. Both remember what was reported until a read or write finds otherwise.
//!
//! Each look at the system takes four calls more than wire-fd's on epoll, which polling makes for its
//! timer and its wake-up; on poll(2) each question takes three.
//!
//! # Timers
//!
//! They are linked into trees through what waits, which takes no memory. With many thousands of sleepers
//! wire-fd's, which lie apart from their owners, are faster.
//!
//! # What it lacks
//!
//! By the names in the list of the contract, with the tests in `Cargo.toml`:
//!
//! - **blocked signals**: [`Signals`] come by a handler of the whole program. Every set that wants a
//!   signal receives it, in whichever thread.
//! - **short reads**: with edges, a read that would find nothing is tried before each wait: the poller
//!   does not tell the end of the other side from data, so a short read may have left that behind.
//! - **registering without allocation**: on poll(2) the poller's list of descriptors grows as they come,
//!   and kqueue's does. Waiting does not allocate on epoll and poll(2), except that the latter's list
//!   may grow once more after a connection broke.
//! - **dumps while asleep**: polling goes back to sleep after a signal, so a dump that a handler asks for
//!   comes when something else wakes the thread.
//! - **pidfds**, but on Linux: [`Exit::of`] is [`RegisterError::NoPidfd`] elsewhere.
mod alarm;
mod bell;
mod child;
mod clock;
mod crossing;
mod error;
mod interval;
mod mailbox;
mod mode;
mod monitor;
mod ready;
mod signal;
mod sources;
mod sync;
mod table;
mod task;
mod thread_channel;
mod timeout;
mod timer;
mod watch;

pub use child::{Exit, wait_child};
pub use error::{RegisterError, interrupt_to_io};
pub use interval::Interval;
pub use mailbox::{Post, Waker};
pub use mode::Mode;
pub use monitor::{expect_post, waker};
pub use nix::sys::signal::Signal;
pub use ready::Ready;
pub use signal::Signals;
pub use task::Task;
pub use thread_channel::{NotSent, ThreadChannel, ThreadChannelError};
pub use timeout::Timeout;
pub use timer::{Elapsed, deadline, sleep, sleep_until, timeout};
pub use watch::{Pollable, Watch};
pub use wire_core;
