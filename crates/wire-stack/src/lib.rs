//! Guarded stacks for wires: mapped arenas, static stacks, the overflow detector.
//!
//! Safe code runs only on stacks with a guard below: pages that fault when touched, so that an
//! overflow ends the program instead of writing over its memory. They come from an [`Arena`], which
//! maps any number of them, or from a [`StaticStack`]. Both are committed page by page as the wires
//! get deeper, and cost address space only until then.
//!
//! ```
//! use wire_stack::{Arena, detector, wire_core};
//! use wire_core::{Wire, run, scope};
//!
//! detector::install().unwrap(); // optional: an overflow then says which wire it was
//! let arena = Arena::builder().count(1000).stack_size(256 * 1024).build().unwrap();
//! let wires = [Wire::new(), Wire::new()];
//! let sum = run(|| {
//!     scope(|s| {
//!         let a = s.spawn(&wires[0], arena.stack().unwrap(), "a", || 20).unwrap();
//!         let b = s.spawn(&wires[1], arena.stack().unwrap(), "b", || 22).unwrap();
//!         a.join().unwrap() + b.join().unwrap()
//!     })
//! });
//! assert_eq!(sum, 42);
//! ```
//!
//! wire-core, which starts wires on these stacks, is re-exported as [`wire_core`].
//!
//! # Guards
//!
//! [`Guards::Markers`] leave a mapping in one piece however many stacks it has. Where the kernel
//! has none (before Linux 6.13), `mprotect` is used, which splits it; the limit
//! `vm.max_map_count` then allows about 32,000 stacks in a process, and beyond that there is an error
//! that says so.
//!
//! # Sizes
//!
//! A stack is [`DEFAULT_STACK`] large unless told otherwise, and [`SMALLEST_STACK`] at least: an
//! ordinary panic with a backtrace takes 20 to 24 KiB. Address space is cheap: if in doubt, ask for
//! more, and look at [`high_water`].
//!
//! # Allocation
//!
//! None. Setting up an arena maps memory; the overflow detector maps an alternate signal stack for
//! each OS thread that runs wires, and std notes it for the thread's end.
#![cfg_attr(
    not(test),
    deny(
        clippy::disallowed_macros,
        clippy::disallowed_methods,
        clippy::disallowed_types
    )
)]

mod arena;
mod colour;
pub mod detector;
mod error;
mod fixed;
mod mapping;
mod measure;
mod sys;

pub use arena::{Arena, ArenaBuilder};
pub use error::StackError;
pub use fixed::StaticStack;
pub use mapping::{Mapping, Place, Slab};
pub use measure::{high_water, resident};
pub use sys::Guards;
#[doc(no_inline)]
pub use wire_core;

/// The size of a stack in bytes, unless told otherwise.
pub const DEFAULT_STACK: usize = 64 * 1024;

/// The smallest stack that safe code can have, in bytes.
pub const SMALLEST_STACK: usize = 32 * 1024;

/// The size of the guard below each stack of an [`Arena`] in bytes, unless told otherwise.
pub const DEFAULT_GUARD: usize = 64 * 1024;
