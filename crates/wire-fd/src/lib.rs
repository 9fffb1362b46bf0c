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
//! The pieces: [`Watch`] owns a descriptor and waits for it, [`Mode`] waits for one by mode, with level
//! semantics. [`sleep`], [`Interval`], [`timeout`] and [`deadline`] are the timers, and [`Timeout`] one to be waited
//! for beside other things. [`Signals`] receives signals, [`wait_child`] awaits a child. A [`ThreadChannel`]
//! carries values from thread to thread, and closures as [`Task`]s; a [`Waker`] is what that is made of.
//! Behind them one wire per OS thread, the monitor, waits for the kernel when nobody else can run. Where they are
//! used outside a wire, they wait like the plain blocking call.
//!
//! # The contract
//!
//! This crate is the only one that knows how the operating system reports readiness. Another with
//! the same public items can take its place (`docs/porting.md` tells how); whatever it is built
//! on, it MUST keep these rules, and the names behind them are tests in `tests/`.
//!
//! 1. A wire that waits for a descriptor goes on when it is ready, at its end, or broken, and
//!    neither loses nor invents readiness that a read or write would not find
//!    (`readiness_is_remembered`, `wait_ends_at_hangup`, `data_and_end_in_one_edge_are_both_read`,
//!    `a_reset_is_an_error_whenever_it_comes`, `a_half_closed_connection_still_goes_the_other_way`).
//! 2. Any number of wires wait on one descriptor, separately for reading and writing
//!    (`readers_and_writers_wait_separately`); duplicates of one are apart (`duplicates_are_watched_apart`).
//! 3. [`Watch::close`] ends the waits with an error (`close_ends_waits`), and a descriptor number
//!    used again never meets events of the one before (`a_reused_number_starts_afresh`,
//!    `who_waits_for_one_that_was_closed_and_its_number_used_again_is_told`).
//! 4. Waiting keeps `run()` alive, and nothing else does: with nobody waiting the thread's wires can
//!    end, or be found stuck (`run_ends_with_a_registered_descriptor`, `stuck_wires_are_found`,
//!    `one_that_nobody_waits_for_does_not_hide_that_all_are_stuck`, for timeouts
//!    `one_that_nobody_waits_for_does_not_hide_that_all_are_stuck_and_is_not_lost`).
//! 5. It blocks its OS thread only if no other wire is ready (`a_sleeper_does_not_hold_up_others`),
//!    and looks at the kernel at least every few hundred microseconds while others keep running
//!    (`a_yield_loop_does_not_starve_descriptors`).
//! 6. Sleeps and timeouts never end early; equal moments wake in the order of arming (`sleeps_are_not_short`,
//!    `sleepers_wake_in_order`, `it_passes_once_and_stays_so_until_reset`); a hundred thousand at once
//!    are fine (`a_hundred_thousand_sleepers_all_wake_and_none_early`).
//! 7. A deadline ends every wait in its scope, in any layer, and none after it; nested scopes take
//!    the nearer (`a_deadline_bounds_every_wait`, `nested_deadlines`).
//! 8. A post of a [`Waker`] is called once, on the wire thread, in the order of each poster, and
//!    ends a sleep in the kernel (`posts_arrive_in_order`). What a [`ThreadChannel`] takes arrives once, and in
//!    order (`between_schedulers_nothing_is_lost_or_seen_twice`, `from_a_thread_to_wires_and_back_in_order`).
//! 9. After set-up (one record per OS thread, at its first use) no wait allocates
//!    (`waiting_does_not_allocate`).
//! 10. Around a sleep in the kernel it calls `may_sleep` and `awake` of core, so that a future which
//!     another thread wakes ends it, too (`a_future_woken_by_a_thread_ends_a_sleep`).
//! 11. A [`Mode`] is ready as long as the kernel says so, whoever reads or writes meanwhile
//!     (`it_is_ready_until_what_was_there_is_read_by_whomever`, `the_mode_says_what_is_waited_for`).
//! 12. What cannot be had is an error that says what to do, and leaves nothing behind
//!     (`too_many_open_files_is_an_error_that_says_so_and_passes`,
//!     `one_that_is_watched_already_is_refused_and_told_what_to_do`).
//!
//! It should call what puts its OS thread to sleep inside [`wire_core::outside::asleep`], or a
//! [trace](wire_core::trace) takes the sleep for a wire that does not let others run.
//!
//! It MAY lack these, if it says so (`ports/wire-fd-polling` does). The calls are there all the same:
//!
//! - **signals**: [`Signals::new`] then is an error (`tests/threads.rs`:
//!   `a_signal_wakes_the_wire_that_waits_for_it`, `sets_of_signals_may_go_in_any_order`; `tests/kinds.rs`:
//!   `each_signal_goes_to_one_of_those_who_wait_alone_or_beside_other_things`,
//!   `the_end_of_a_child_is_told_by_a_signal_too`).
//! - **blocked signals**: what is received is blocked meanwhile, so one set receives it and no handler
//!   runs (`signals_are_blocked_as_long_as_a_set_wants_them`). Otherwise every set that wants it does.
//! - **pidfds**: [`Exit::of`] and [`wait_child`] then are errors (`tests/kinds.rs`:
//!   `a_child_is_awaited_and_no_other_is_reaped`,
//!   `the_end_of_a_child_is_one_of_several_things_to_wait_for`).
//! - **short reads**: one from a TCP connection says that nothing is left, which saves the next
//!   (`tests/readiness.rs`: `a_short_read_is_not_followed_by_one_that_finds_nothing`).
//! - **registering without allocation**: [`Watch::new`] does not allocate either
//!   (`registering_does_not_allocate`).
//! - **dumps while asleep**: a signal handler that calls [`request_dump`](wire_core::request_dump) ends a
//!   sleep in the kernel (`tests/tests/dump_signal.rs`). Otherwise the dump comes when the thread wakes.
//! - **terminals** (`tests/kinds.rs`: `terminals`).
//! - **kinds of Linux**: what only Linux has as descriptors (`tests/kinds.rs`: `event_counters`,
//!   `changes_of_files`).
//! - **refusing files**: telling [`RegisterError::NotPollable`] of what is always ready (`tests/readiness.rs`:
//!   `a_regular_file_is_refused_with_a_hint`).
//! - **a second registration** of one number being refused (`tests/readiness.rs`:
//!   `a_second_registration_of_one_descriptor_is_refused_and_hurts_nobody`).
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
