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
//! `vm.max_map_count` then allows about 32,000 stacks in a process. Beyond that there is an error that
//! names it and a value that is enough; it comes while there is room for the rest of the process to go on.
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
//!
//! # The contract
//!
//! Another crate with the same public items can take this one's place; `docs/porting.md` tells how,
//! and `ports/wire-stack-plain` is one. It MUST keep these rules, which the layers above and the
//! safety of their users rest on. The names behind them are tests in `tests/contract.rs`, unless
//! another file is named.
//!
//! 1. Below each stack that a safe function hands out lies a guard of at least a page, from before
//!    it is handed out for as long as it may be used: touching it ends the program
//!    (`an_overflow_of_an_arenas_stack_ends_the_program_in_the_guard`,
//!    `a_stack_that_was_used_and_given_back_still_has_its_guard`,
//!    `an_overflow_of_a_static_stack_ends_the_program_in_the_guard`,
//!    `a_static_stack_guarded_by_choice_still_has_its_guard_when_given_back`,
//!    `a_static_stack_without_a_note_has_a_guard`). Memory without one may be had from `unsafe`
//!    functions only.
//! 2. A stack is readable and writable as a whole, 16-aligned at both ends, and stays where it is with
//!    what it holds while it is lent; an idle one stays in its place (`lent_memory_is_all_usable_and_stays_as_and_where_it_is`).
//! 3. Who has a stack has it alone: no safe function lends it to another, moves, changes or frees it
//!    before it is back, `mem::forget` included (`no_two_share_a_stack`).
//! 4. A stack comes back by the hook of [`Stack::with_hook`](wire_core::Stack::with_hook), which core
//!    calls once, on that OS thread, when the wire is over or never came to be, and before anyone who
//!    joins it goes on. It may run on that very stack: it takes note and does no more, and in particular
//!    neither frees, overwrites nor blocks (`a_stack_is_back_before_its_wire_is_joined`, and in
//!    `tests/arena.rs` `stacks_return_however_the_wire_ends`). What was freed last is lent first
//!    (there, `the_stack_freed_last_is_lent_first`).
//! 5. What the system or the sizes do not allow is a [`StackError`] whose text says what to do, and
//!    nothing panics or aborts (`what_cannot_be_had_is_an_error_with_words`).
//! 6. After set-up nothing allocates: lending, taking back and ending a wire do not
//!    (`tests/no_allocation.rs`: `a_wire_in_statics_takes_nothing_from_the_allocator_from_start_to_join`,
//!    `an_arenas_stacks_come_and_go_without_the_allocator`).
//! 7. Mappings and slabs are zeroes at first, begin at a page's start, and stay until dropped
//!    (`mappings_and_slabs_are_zeroes_at_the_start_of_a_page`); then they and what arenas hold go back
//!    to the system (`what_is_dropped_goes_back_to_the_system`). Static stacks are zeroes, too, and so no
//!    part of the program's file (`an_unused_static_stack_takes_no_room_in_the_file`).
//! 8. Giving memory back does no harm: a lent stack keeps what it holds unless it is given back itself,
//!    each stays usable, and one that belongs elsewhere is refused by a panic
//!    (`what_belongs_to_another_is_refused`).
//! 9. A stack of [`SMALLEST_STACK`] bytes holds an ordinary panic with its backtrace (`tests/arena.rs`:
//!    `the_smallest_stacks_hold_a_panic_with_a_backtrace`).
//!
//! It MAY lack these, if it says so. The calls are there all the same:
//!
//! - **overflow reports**: [`detector::install`] then succeeds and does nothing, since no program
//!   depends on them (`tests/overflow.rs`: `deep_recursion_is_told_with_name_address_stack_and_advice`).
//! - **dumps by signal**: [`detector::dump_on`] then is an error (`tests/dump.rs`:
//!   `it_comes_within_so_many_yields_and_names_all_wires_and_the_program_goes_on`).
//! - **measuring**: [`high_water`] and [`resident`] then say `None` (`tests/arena.rs`:
//!   `the_high_water_mark_is_how_deep_a_wire_went`).
//! - **giving memory back**: the calls then say 0 and `false` (`tests/arena.rs`:
//!   `memory_of_idle_stacks_goes_back_to_the_system`).
//! - **reservation**: an arena larger than memory (`tests/arena.rs`: `an_arena_may_be_larger_than_memory`).
//! - **many guards**: more than the system allows pieces of memory; then an error
//!   (`tests/arena.rs`: `a_hundred_thousand_stacks_are_guarded_by_markers_in_one_mapping`).
//! - **cache colours** (`tests/arena.rs`: `stacks_lie_apart_and_begin_in_different_lines_of_their_pages`).
//! - **advice for Linux**: errors that name the limit to raise, in time (`tests/wall.rs`:
//!   `the_wall_of_mprotect_is_an_error_that_names_the_limit_and_one_that_is_enough`).
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
mod valgrind;
mod wall;

pub use arena::{Arena, ArenaBuilder};
pub use error::StackError;
pub use fixed::StaticStack;
pub use mapping::{Mapping, Place, Slab};
pub use measure::{high_water, resident};
pub use sys::Guards;
pub use valgrind::mark_unused;
#[doc(no_inline)]
pub use wire_core;

/// The size of a stack in bytes, unless told otherwise.
pub const DEFAULT_STACK: usize = 64 * 1024;

/// The smallest stack that safe code can have, in bytes.
pub const SMALLEST_STACK: usize = 32 * 1024;

/// The size of the guard below each stack of an [`Arena`] in bytes, unless told otherwise.
pub const DEFAULT_GUARD: usize = 64 * 1024;
