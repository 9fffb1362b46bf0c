//! Waiting for file descriptors, timers, signals and other threads, on Linux.
//!
//! ```
//! use std::time::{Duration, Instant};
//!
//! let start = Instant::now();
//! wire_core::run(|| wire_fd::sleep(Duration::from_millis(10))).unwrap();
//! assert!(start.elapsed() >= Duration::from_millis(10));
//! ```
//!
//! The pieces: [`Watch`] owns a descriptor and waits for it; [`sleep`], [`timeout`] and [`deadline`]
//! are the timers; [`Signals`] receives signals; a [`Waker`] reaches the wires of a thread from any
//! other. Behind them one wire per OS thread, the monitor, waits for the kernel when nobody else can
//! run. Where they are used outside a wire, they wait like the plain blocking call.
//!
//! # The contract
//!
//! This crate is the only one that knows how the operating system reports readiness. Another with
//! the same public items can take its place (`docs/porting.md` tells how); whatever it is built
//! on, it MUST keep these rules, and the names behind them are tests in `tests/`.
//!
//! 1. A wire that waits for a descriptor goes on when it is ready, at its end, or broken, and
//!    neither loses nor invents readiness that a read or write would not find
//!    (`readiness_is_remembered`, `wait_ends_at_hangup`).
//! 2. Any number of wires wait on one descriptor, separately for reading and writing
//!    (`readers_and_writers_wait_separately`).
//! 3. [`Watch::close`] ends the waits with an error (`close_ends_waits`), and a descriptor number
//!    used again never meets events of the one before (`a_reused_number_starts_afresh`).
//! 4. Waiting keeps `run()` alive, and nothing else does: with nobody waiting the thread's wires can
//!    end, or be found stuck (`run_ends_with_a_registered_descriptor`, `stuck_wires_are_found`).
//! 5. It blocks its OS thread only if no other wire is ready (`a_sleeper_does_not_hold_up_others`),
//!    and looks at the kernel at least every few hundred microseconds while others keep running
//!    (`a_yield_loop_does_not_starve_descriptors`).
//! 6. Sleeps never end early; equal moments wake in the order of arming (`sleeps_are_not_short`,
//!    `sleepers_wake_in_order`).
//! 7. A deadline ends every wait in its scope, in any layer, and none after it; nested scopes take
//!    the nearer (`a_deadline_bounds_every_wait`, `nested_deadlines`).
//! 8. A post of a [`Waker`] is called once, on the wire thread, in the order of each poster, and
//!    ends a sleep in the kernel (`posts_arrive_in_order`).
//! 9. After set-up (one record per OS thread, at its first use) nothing allocates
//!    (`waiting_does_not_allocate`).
//! 10. Around a sleep in the kernel it calls `may_sleep` and `awake` of core, so that a future which
//!     another thread wakes ends it, too (`a_future_woken_by_a_thread_ends_a_sleep`).
//!
//! It should call what puts its OS thread to sleep inside [`wire_core::outside::asleep`], or a
//! [trace](wire_core::trace) takes the sleep for a wire that does not let others run.
//!
//! A regular file is always "ready" and epoll refuses it ([`RegisterError::NotPollable`]): reading
//! it may block for as long as the disk takes. That is what wire-io is for.
mod alarm;
mod bell;
mod child;
mod clock;
mod crossing;
mod error;
mod interval;
mod mailbox;
mod mode;
mod moments;
mod monitor;
mod prefetch;
mod ready;
mod reserved;
mod signal;
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
