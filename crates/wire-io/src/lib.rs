//! Blocking calls that block only the wire that asked.
//!
//! ```
//! wire_io::wire_core::run(|| {
//!     let text = wire_io::offload(|| std::fs::read_to_string("Cargo.toml"))?;
//!     assert!(text.contains("wire-io"));
//!     std::io::Result::Ok(())
//! })?;
//! # std::io::Result::Ok(())
//! ```
//!
//! [`offload`] runs a closure on a thread of a [`Pool`] while other wires go on; the closure may
//! borrow from the wire's frame, because the wire does not leave it before the closure has ended.
//! [`File`] is on top of that, except that it first tries whether the call would block at all: what
//! the page cache holds is read without leaving the thread.
//!
//! # Cancellation
//!
//! An OS thread in a system call cannot be called back, and it uses memory of the wire. So
//! cancellation and deadlines are put off until the closure has ended. The next wait reports them.
//!
//! # Allocation
//!
//! Starting a thread allocates. A call does not: the job lies in the frame of the wire.

mod file;
mod offload;
mod pool;

pub use file::{File, OpenOptions};
pub use offload::offload;
pub use pool::Pool;
pub use wire_core;
