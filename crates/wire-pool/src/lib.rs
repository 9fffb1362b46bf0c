//! Pools of wires with their stacks.
//!
//! Starting a wire takes a control block and a stack. A pool has a number of both and lends them
//! out: [`Pool`] in a `static`, [`MappedPool`] in memory mapped at run time. The wire that ended last
//! is used first, because its memory is still in the cache. If none is free, `spawn` says so at
//! once and hands the closure back, and `spawn_wait` waits, first come, first served: the way to
//! bound a server's connections.
//!
//! ```
//! use wire_pool::{Local, Pool, TrySpawnError, run, yield_now};
//!
//! static POOL: Local<Pool<2, { 64 * 1024 }>> = Local::new(Pool::new());
//!
//! run(|| {
//!     let first = POOL.spawn("first", yield_now).unwrap();
//!     POOL.spawn("second", yield_now).unwrap().detach();
//!     assert!(matches!(POOL.spawn("third", || ()), Err(TrySpawnError::Full(_))));
//!
//!     let third = POOL.spawn_wait("third", || 42).unwrap(); // once the second is over
//!     assert_eq!(third.join().unwrap(), 42);
//!     first.join().unwrap();
//! });
//! ```
//!
//! A wire is free again when it has ended and its handle was joined or dropped. Whoever waits is
//! then promised one: a newcomer that asks before that one gets to run finds the pool full.
//!
//! What one needs of the crates below is re-exported; all of it is in [`wire_core`] and
//! [`wire_stack`].
//!
//! # Allocation
//!
//! None, ever. A pool grows into memory that was set aside when it was made.
#![cfg_attr(
    not(test),
    deny(
        clippy::disallowed_macros,
        clippy::disallowed_methods,
        clippy::disallowed_types
    )
)]

mod entries;
mod error;
mod fixed;
mod mapped;

pub use error::{SpawnError, TrySpawnError};
pub use fixed::Pool;
pub use mapped::{MappedPool, MappedPoolBuilder};
#[doc(no_inline)]
pub use wire_core::{self, JoinHandle, Local, Scope, run, scope, yield_now};
#[doc(no_inline)]
pub use wire_stack::{self, Guards, StackError};
