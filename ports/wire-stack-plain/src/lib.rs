//! Guarded stacks for wires on any system with virtual memory, in the place of wire-stack.
//!
//! Same public items and the same promises, written with two calls that every system has: take
//! pages, and make pages inaccessible. The [region](https://docs.rs/region) crate makes them, so this
//! goes wherever that and the layers below go. Made to be read, and to show that the layer can be
//! replaced; on Linux, wire-stack itself does more and takes less.
//!
//! ```
//! use wire_stack::{Arena, detector, wire_core};
//! use wire_core::{Wire, run, scope};
//!
//! detector::install().unwrap(); // does nothing here: the guards end an overflow all the same
//! let arena = Arena::builder().count(10).stack_size(256 * 1024).build().unwrap();
//! let wire = Wire::new();
//! let answer = run(|| {
//!     scope(|s| s.spawn(&wire, arena.stack().unwrap(), "plain", || 6 * 7).unwrap().join())
//! });
//! assert_eq!(answer.unwrap(), 42);
//! ```
//!
//! # What it lacks
//!
//! By the names in the list of the contract, with the tests in `Cargo.toml`:
//!
//! - **overflow reports**: an overflow ends the program at the guard, but nobody says which wire it
//!   was. [`detector::install`] succeeds and does nothing.
//! - **dumps by signal**: [`detector::dump_on`] is always refused. A program may call
//!   [`wire_core::request_dump`] in a handler of its own.
//! - **measuring**: [`high_water`] and [`resident`] know nothing: `None`.
//! - **giving memory back**: the calls are there, keep the memory, and say 0 and `false`.
//! - **reservation**: an arena counts in full from the start where the system counts what it has
//!   promised: Linux refuses one that is larger than memory, and Windows lets no other have it.
//! - **many guards**: they are made page by page, and Linux has a limit on how many pieces a process's
//!   memory is in: with its default some 32,000 stacks. Beyond that there is an error.
//! - **cache colours**: stacks begin at the tops of pages, all alike, and any number of pages apart.
//! - **advice for Linux**: errors say what the system said, not which of Linux's limits to raise.
//!
//! # Allocation
//!
//! None by Rust's allocator, as in the original.
#![cfg_attr(
    not(test),
    deny(
        clippy::disallowed_macros,
        clippy::disallowed_methods,
        clippy::disallowed_types
    )
)]

mod arena;
pub mod detector;
mod error;
mod fixed;
mod mapping;
mod pages;

pub use arena::{Arena, ArenaBuilder};
pub use error::StackError;
pub use fixed::StaticStack;
pub use mapping::{Mapping, Place, Slab};
pub use pages::{Guards, high_water, resident};
#[doc(no_inline)]
pub use wire_core;

/// The size of a stack in bytes, unless told otherwise.
pub const DEFAULT_STACK: usize = 64 * 1024;

/// The smallest stack that safe code can have, in bytes.
pub const SMALLEST_STACK: usize = 32 * 1024;

/// The size of the guard below each stack of an [`Arena`] in bytes, unless told otherwise.
pub const DEFAULT_GUARD: usize = 64 * 1024;

/// Tells nobody: tools take a switch for a frame here.
pub fn mark_unused(_: &wire_core::Stack<'_>) -> bool {
    false
}
