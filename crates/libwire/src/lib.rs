//! User-space cooperative threads ("wires") and channels, in layers that can each be used alone.
//!
//! ```
//! use libwire as wire;
//!
//! wire::run(|| {
//!     let job = wire::spawn(|| 6 * 7); // a wire of the default pool
//!     assert_eq!(job.join().unwrap(), 42);
//!
//!     let words = vec!["wires", "take", "turns"];
//!     let ch = wire::Channel::new(); // in this frame
//!     wire::scope(|s| {
//!         s.spawn(|| {
//!             for word in &words {
//!                 ch.send(*word).unwrap(); // returns when the receiver has it
//!             }
//!             ch.close();
//!         });
//!         let mut heard = Vec::new();
//!         while let Ok(word) = ch.recv() {
//!             heard.push(word);
//!         }
//!         assert_eq!(heard, words);
//!     });
//! });
//! ```
//!
//! This crate is a front: everything is in the crates below, which are re-exported as modules. It
//! adds a default pool of wires per OS thread, so that [`spawn`] and [`scope`](scope()) need no
//! memory from their caller, and forms of [`sleep`], [`block_on`] and the like that cannot fail.
//!
//! | module | crate | holds |
//! |---|---|---|
//! | [`core`] | wire-core | wires, scheduling, joins, cancellation, scopes, the blocking contract |
//! | [`stack`] | wire-stack | guarded stacks, the overflow detector |
//! | [`pool`] | wire-pool | pools of wires, static and mapped |
//! | [`wait`] | wire-wait | waiting for the first of several |
//! | [`channel`] | wire-channel | rendezvous and bounded channels, oneshots |
//! | [`lock`] | wire-lock | fair locks, conditions, barriers, semaphores, wait-groups |
//! | [`fd`] | wire-fd | descriptors, timers, deadlines, signals, other threads |
//! | [`io`] | wire-io | blocking calls on a pool of threads, files |
//!
//! # Deadlines
//!
//! No call has a form with a time limit. [`timeout`] around it is that form, whatever it waits for:
//!
//! ```
//! use std::time::Duration;
//! use libwire as wire;
//!
//! wire::run(|| {
//!     let number = wire::Mutex::new(6);
//!     let held = number.lock().unwrap();
//!     let next = || wire::timeout(Duration::from_millis(5), || number.lock().map(|n| *n));
//!     wire::scope(|s| {
//!         let late = s.spawn(next).join().unwrap();
//!         assert_eq!(late, Ok(Err(wire::Interrupt::DeadlinePassed)));
//!         drop(held);
//!         assert_eq!(s.spawn(next).join().unwrap(), Ok(Ok(6)));
//!     });
//! });
//! ```
//!
//! # What goes wrong in a wire
//!
//! Whatever keeps one state per OS thread and switches in between mixes up the wires of that thread:
//! std's `mpsc`, `thread::park`, `thread::scope`, and `Mutex` locks held across a switch; receiving
//! from crossbeam or flume channels; parking_lot; `block_on` of async runtimes. Use the modules
//! above for what passes between wires, [`block_on`] of this crate for futures, and [`io::offload`]
//! for calls that block otherwise. Holding the lock of `stdout` or `stderr` while switching lets another
//! wire of the thread in. Coroutines of other crates must not be suspended in one wire and resumed in
//! another.

pub use wire_channel as channel;
pub use wire_core as core;
pub use wire_fd as fd;
pub use wire_io as io;
pub use wire_lock as lock;
pub use wire_pool as pool;
pub use wire_stack as stack;
pub use wire_wait as wait;

mod block_on;
mod run;
mod spawn;
mod time;

pub use block_on::block_on;
pub use run::run;
pub use spawn::{Builder, Scope, scope, spawn};
pub use time::{sleep, sleep_until};
pub use wire_channel::{Channel, Oneshot};
pub use wire_core::{
    Handle, Interrupt, JoinError, JoinHandle, Local, NotSet, RunError, Runtime, Wire, WireLocal,
    check_interrupt, dump, shield, suspend, trace, walk, yield_now,
};
pub use wire_fd::{
    Elapsed, Interval, Mode, Signal, Signals, Task, ThreadChannel, Timeout, Watch, deadline,
    timeout, wait_child,
};
pub use wire_io::{File, offload};
pub use wire_lock::{Barrier, Condvar, Mutex, OnceCell, RwLock, Semaphore, WaitGroup};
pub use wire_stack::detector::dump_on as dump_on_signal;
pub use wire_wait::{on, try_any, wait_any, wait_fair};

/// The examples of the README are compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
