//! Switching between two stacks, and nothing else.
//!
//! A [`Context`] is a place where a stopped computation is kept: its stack pointer and where it
//! goes on. [`Context::prepare`] makes one that will call a function on a stack of its own,
//! [`Context::switch`] stops the running one and continues another. There is no scheduler, no
//! memory management and no unwinding here; those are the layers above.
//!
//! ```
//! use wire_coro::{Context, MIN_STACK};
//!
//! struct Pair { main: Context, other: Context, sum: u32 }
//!
//! unsafe extern "C" fn entry(arg: *mut (), _top: *mut u8) -> *mut Context {
//!     let pair = arg.cast::<Pair>();
//!     // SAFETY: `arg` is the `Pair` below, which outlives this computation; `main` is stopped.
//!     unsafe {
//!         for n in 1..=3 {
//!             (*pair).sum += n;
//!             Context::switch(&raw mut (*pair).other, &raw mut (*pair).main);
//!         }
//!         &raw mut (*pair).main // where to go when this one is over
//!     }
//! }
//!
//! #[repr(align(16))]
//! struct Stack([u8; 4 * MIN_STACK]);
//! let mut stack = Box::new(Stack([0; 4 * MIN_STACK]));
//! let mut pair = Pair { main: Context::new(), other: Context::new(), sum: 0 };
//! let p = &raw mut pair;
//! // SAFETY: the stack and the pair stay where they are until the computation is over, which the
//! // fourth switch sees to.
//! unsafe {
//!     let low = stack.0.as_mut_ptr();
//!     Context::prepare(&raw mut (*p).other, low, 4 * MIN_STACK, entry, p.cast());
//!     for _ in 0..4 {
//!         Context::switch(&raw mut (*p).main, &raw mut (*p).other);
//!     }
//! }
//! assert_eq!(pair.sum, 6);
//! ```
//!
//! # Two backends
//!
//! *native* is a symmetric switch in inline assembly for x86-64 System V. *corosensei* serves every
//! other machine, and any machine with `RUSTFLAGS='--cfg wire_coro="corosensei"'`. That crate's
//! switch is asymmetric, so each thread has a *root*: the context that was never prepared, which is
//! the thread's own stack. There, every switch goes through the root; callers see no difference.
//!
//! # What a switch keeps
//!
//! What the platform's C ABI says a function call keeps: the callee-saved registers. The
//! floating-point control words (MXCSR and the x87 control word) are by that ABI a function's
//! business to restore too, but practically nobody changes them, so a switch leaves them alone:
//! rounding modes set in one wire are seen by all wires of the thread. With the feature
//! `save-fp-control` every switch saves and restores both; a new computation then starts with
//! those of the one that first switched to it.
//!
//! # Backtraces and tools
//!
//! Backtraces end at the [`Entry`]: nothing calls it. On machines other than x86-64, where corosensei says otherwise,
//! they go on with the frames of the root.
//!
//! AddressSanitizer has to be told of switches: build with `-Zsanitizer=address --cfg wire_sanitize="address"`. A context
//! then keeps what it needs for that. Stacks are unpoisoned by [`Context::prepare`].
#![no_std]

#[cfg(any(wire_coro = "corosensei", not(all(target_arch = "x86_64", unix))))]
#[path = "corosensei.rs"]
mod backend;
#[cfg(not(any(wire_coro = "corosensei", not(all(target_arch = "x86_64", unix)))))]
#[path = "x86_64.rs"]
mod backend;
mod fp_control;

pub use backend::{BACKEND, Context};

/// Offsets of fields of a [`Context`], for debuggers: in the native backend stack pointer, program
/// counter, rbx and rbp; with corosensei stack pointer and yielder.
pub type Layout = [usize; 4];

/// What a prepared context runs. It gets the argument given to [`Context::prepare`] and the end of its
/// stack, above which the caller may have left something, in registers. It returns the stopped context
/// that goes on in its place; its own stack is free from then on.
///
/// It must not unwind; being `extern "C"`, it aborts the process if it tries.
pub type Entry = unsafe extern "C" fn(arg: *mut (), top: *mut u8) -> *mut Context;

/// The least stack, in bytes, that [`Context::prepare`] takes. What the function on it needs comes
/// on top.
pub const MIN_STACK: usize = 4096;

/// The alignment, in bytes, that both ends of a stack must have.
pub const STACK_ALIGN: usize = 16;
