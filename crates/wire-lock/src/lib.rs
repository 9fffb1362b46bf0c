//! Fair locks between wires.
//!
//! | | for |
//! |---|---|
//! | [`Mutex`] | data that one wire at a time may use |
//! | [`Lock`] | the same without data, by guard or by explicit take and release |
//! | [`RwLock`] | data that many may read, or one may change |
//! | [`Condvar`] | waiting for a change of a mutex's data |
//! | [`OnceCell`] | a value made once, by code that may wait |
//! | [`Semaphore`] | so many at a time; some may want several |
//! | [`Barrier`] | going on together |
//! | [`WaitGroup`] | waiting until all of a number of things are done |
//!
//! ```
//! use wire_core::{run, scope, yield_now};
//! use wire_lock::Mutex;
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
//! let (log, wires) = (Mutex::new(Vec::new()), [Wire::new(), Wire::new()]);
//! run(|| scope(|s| {
//!     for (wire, name) in wires.iter().zip(["first", "second"]) {
//!         let log = &log;
//!         s.spawn(wire, stack(), name, move || {
//!             let mut log = log.lock().unwrap();
//!             log.push((name, "enters"));
//!             yield_now();
//!             log.push((name, "leaves"));
//!         }).unwrap().detach();
//!     }
//! }));
//! let log = log.into_inner();
//! assert_eq!(log[..2], [("first", "enters"), ("first", "leaves")]);
//! assert_eq!(log[2..], [("second", "enters"), ("second", "leaves")]);
//! ```
//!
//! # Why lock at all
//!
//! All wires of a thread take turns, so data that is not used across a wait needs no lock: a
//! [`Cell`](core::cell::Cell) will do. These are for keeping others out *while waiting* for
//! something else. Where nobody else is there, they cost a few integer operations.
//!
//! # What is sure
//!
//! - First come, first served. What is released goes to the one that waits longest, at once and not
//!   merely by waking it, so that nobody can come in between.
//! - Who was handed something has it, even if it is cancelled before it runs. An interrupt ends a
//!   wait that has not been served yet, with an error and without a trace in the queue.
//! - What can be had without waiting is had, also in a cancelled wire or one that unwinds. A wire
//!   that unwinds does not wait; it gets [`Interrupt::Unwinding`](wire_core::Interrupt) instead.
//! - Locking what one holds panics and says so, rather than hang: a lock, a mutex, what one writes, a value that one
//!   makes. Who holds it otherwise (reads it, or has permits of it) is
//!   told in the report of stuck wires, with the object's address, once nothing else can run.
//! - A guard dropped by a panic or a cancellation releases like any other. There is **no
//!   poisoning**: cancellation unwinds as a matter of course, so a lock that remembered it would be
//!   of no use afterwards. Whoever must not leave data half changed repairs it in a destructor, or
//!   [shields](wire_core::shield) the change.
//! - Forgetting a guard leaves its lock held, its permit taken, its group waiting; nothing worse.
//!
//! Nothing is allocated, and nothing is asked of the kernel.
//!
//! # Deadlines, several things at once
//!
//! No call here has a form with a time limit. A deadline is a scope around any of them, by `timeout` of wire-fd (or the
//! facade), which this crate need not know; the call ends with
//! [`Interrupt::DeadlinePassed`](wire_core::Interrupt):
//!
//! ```text
//! match timeout(Duration::from_secs(5), || mutex.lock())? {
//!     Ok(mut data) => data.push(request),
//!     Err(Interrupt::DeadlinePassed) => return Err(TooBusy),
//!     Err(interrupt) => return Err(interrupt.into()),
//! }
//! ```
//!
//! To wait for one of these *or something else*, they are [`Source`](wire_wait::Source)s of wire-wait. Most are by
//! reference, since what is taken from them borrows them:
//!
//! | | waits | does not wait | one of several |
//! |---|---|---|---|
//! | `Mutex` | `lock`, `wait_clear` | `try_lock` | `&mutex` |
//! | `Lock` | `lock`, `take`, `wait_clear` | `try_lock`, `try_take` | `&lock` |
//! | `RwLock` | `read`, `write` | `try_read`, `try_write` | `lock.reading()` |
//! | `Condvar` | `wait`, `wait_while` | – | – |
//! | `OnceCell` | `get_or_init`, `get_or_try_init`, `wait` | `get`, `set` | `&cell`, which waits only |
//! | `Semaphore` | `acquire`, `take`, for several `…_many` | all of these with `try_` | `&semaphore`, for one |
//! | `Barrier` | `wait` | – | – |
//! | `WaitGroup` | `wait` | `count` | the group itself |
//!
//! # Where to put them
//!
//! Anywhere: in a frame that lends them to a [`scope`](wire_core::scope()), behind an `Rc`, in a `static` inside a
//! [`Local`](wire_core::Local). They and their guards belong to one OS thread; one that nobody borrows may be given to
//! another.
//!
//! This crate alone is enough for a program: [`wire_core`] is handed on for `run` and the rest, and
//! [`wire_wait`] for waiting.
#![no_std]

mod barrier;
mod condvar;
mod lock;
mod mutex;
mod once_cell;
mod permits;
mod rwlock;
mod semaphore;
mod take;
mod wait_group;

pub use barrier::{Barrier, BarrierWaitResult};
pub use condvar::Condvar;
pub use lock::{Lock, LockGuard};
pub use mutex::{Mutex, MutexGuard};
pub use once_cell::OnceCell;
pub use rwlock::{Reading, RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use semaphore::{Permit, Semaphore};
pub use wait_group::{Pass, WaitGroup};
pub use wire_core;
pub use wire_wait;
