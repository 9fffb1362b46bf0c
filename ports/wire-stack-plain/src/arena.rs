//! Many stacks in one piece of memory.
//!
//! ```text
//!   │ guard │ stack 0 │ guard │ stack 1 │ … │ guard │ stack n-1 │        whole pages
//!
//!   │ list │ note 0 │ note 1 │ … │ note n-1 │                            apart from them
//! ```
//!
//! A stack gets its guard when it is first handed out. A note says where the next idle stack's is;
//! the list is a note as well, whose next one is that of the stack freed last.

use std::cell::Cell;
use std::fmt;
use std::ptr::NonNull;

use wire_core::Stack;

use crate::{DEFAULT_GUARD, DEFAULT_STACK, Guards, SMALLEST_STACK, StackError};
use crate::{Mapping, Place, Slab, pages};

/// Stacks side by side, lent and taken back. See the module's diagram.
///
/// Given back to the system when dropped, which the stacks' lifetimes prevent while one is in use.
/// To lend stacks for good, make it `'static`, for instance by [`Box::leak`].
pub struct Arena {
    memory: Mapping,
    notes: Slab<Note>,
    count: usize,
    stack: usize,
    guard: usize,
    /// Stacks that have their guard. The others were never used.
    made: Cell<usize>,
}

// SAFETY: an owned arena has lent no stack (they borrow it). It is memory and numbers, and the
// pointers in its notes go to its own memory. It is not `Sync`.
unsafe impl Send for Arena {}

/// One of an arena's stacks, or the list of idle ones.
#[derive(Debug, Default)]
struct Note {
    /// That of the next idle stack, or null.
    next: Cell<*const Note>,
    /// Which stack it is; of the list: how many are idle.
    number: Cell<usize>,
    /// The list that it belongs to.
    list: Cell<*const Note>,
}

impl Arena {
    /// An arena to be built: one stack of the default size, unless told otherwise.
    pub const fn builder() -> ArenaBuilder {
        ArenaBuilder {
            count: 1,
            stack_size: DEFAULT_STACK,
            guard_size: DEFAULT_GUARD,
        }
    }

    /// The stack that was freed last, else one never used. It returns when the wire it is given to
    /// is over, or when it is dropped.
    ///
    /// # Errors
    ///
    /// If all are in use, or a new one cannot be guarded.
    pub fn stack(&self) -> Result<Stack<'_>, StackError> {
        let list = self.note(0);
        // SAFETY: null, or a note of this arena.
        let note = match unsafe { list.next.get().as_ref() } {
            None => self.make()?,
            Some(note) => {
                list.next.set(note.next.get());
                list.number.set(list.number.get() - 1);
                note
            }
        };
        // SAFETY: the memory is there while the arena is borrowed, guarded since `make`, and off the
        // list of idle ones. `take_back` may be called as long as the arena is there: it only links.
        unsafe {
            let stack = Stack::from_raw(self.low(note.number.get()), self.stack);
            Ok(stack.with_hook(take_back, std::ptr::from_ref(note).cast()))
        }
    }

    /// Guards one more stack.
    #[cold]
    fn make(&self) -> Result<&Note, StackError> {
        let number = self.made.get();
        if number == self.count {
            return Err(StackError::Exhausted { count: number });
        }
        // SAFETY: the pages below a stack are this arena's, and only ever a guard.
        unsafe { pages::guard(self.low(number).byte_sub(self.guard), self.guard)? };
        self.made.set(number + 1);
        let note = self.note(number + 1);
        note.number.set(number);
        note.list.set(self.note(0));
        Ok(note)
    }

    /// The lowest address of the stack with this number.
    fn low(&self, number: usize) -> NonNull<u8> {
        let below = number * (self.guard + self.stack) + self.guard;
        // SAFETY: numbers are less than `count`, for which there is room.
        unsafe { self.memory.low().byte_add(below) }
    }

    /// The list, and behind it the stacks' notes.
    fn note(&self, at: usize) -> &Note {
        let place: *const Place<Note> = &raw const self.notes.places()[at];
        // SAFETY: zeroes at first, which is a `Note` (a null pointer is all zeroes); only ever shared.
        unsafe { &*place.cast() }
    }

    /// Would give the memory of idle stacks back to the system; here it is kept: that of 0.
    pub fn give_back(&self) -> usize {
        0
    }

    /// Would give the memory of a lent stack back to the system; here it is kept.
    ///
    /// # Panics
    ///
    /// If it is not a stack of this arena.
    pub fn give_back_lent(&self, stack: &mut Stack<'_>) {
        let above = stack
            .low()
            .addr()
            .get()
            .wrapping_sub(self.memory.low().addr().get());
        let number = above / (self.guard + self.stack);
        let ours = number < self.made.get() && self.low(number) == stack.low();
        assert!(ours, "the stack is not of this arena");
    }

    /// How many stacks there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many of them are lent.
    pub fn in_use(&self) -> usize {
        self.made.get() - self.note(0).number.get()
    }

    /// The size of a stack in whole pages.
    pub fn stack_size(&self) -> usize {
        self.stack
    }

    /// The size of the guard below each stack, in whole pages.
    pub fn guard_size(&self) -> usize {
        self.guard
    }

    /// How stacks are guarded.
    pub fn guards(&self) -> Guards {
        Guards::Mprotect
    }
}

/// Puts a stack on the list of idle ones.
///
/// # Safety
///
/// `note` is that of a stack that was lent by an arena which is still there.
unsafe fn take_back(note: *const ()) {
    let note = note.cast::<Note>();
    // SAFETY: notes are there as long as their arena, the list is one of them, all are shared.
    unsafe {
        let list = &*(*note).list.get();
        (*note).next.set(list.next.replace(note));
        list.number.set(list.number.get() + 1);
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena")
            .field("count", &self.count())
            .field("in_use", &self.in_use())
            .field("stack_size", &self.stack_size())
            .field("guard_size", &self.guard_size())
            .finish_non_exhaustive()
    }
}

/// The shape of an [`Arena`] to be built.
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is taken before `build` is called"]
pub struct ArenaBuilder {
    count: usize,
    stack_size: usize,
    guard_size: usize,
}

impl ArenaBuilder {
    /// How many stacks.
    pub const fn count(mut self, count: usize) -> Self {
        self.count = count;
        self
    }

    /// The size of each, rounded up to whole pages; [`DEFAULT_STACK`] if not called, and
    /// [`SMALLEST_STACK`] at least.
    pub const fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = bytes;
        self
    }

    /// The size of the guard below each, rounded up to whole pages, at least one; [`DEFAULT_GUARD`]
    /// if not called. Rust touches its stack page by page and cannot miss a guard; C code may step
    /// over one that is smaller than a frame.
    pub const fn guard_size(mut self, bytes: usize) -> Self {
        self.guard_size = bytes;
        self
    }

    /// How to guard them: here always by protecting pages.
    pub const fn guards(self, _: Guards) -> Self {
        self
    }

    /// Takes the memory.
    ///
    /// # Errors
    ///
    /// If a stack would be too small, or the system has no such room.
    pub fn build(self) -> Result<Arena, StackError> {
        if self.stack_size < SMALLEST_STACK {
            return Err(StackError::TooSmall {
                size: self.stack_size,
                least: SMALLEST_STACK,
            });
        }
        let pages = |bytes| pages::whole_pages(bytes).ok_or(StackError::TooLarge);
        let (stack, guard) = (pages(self.stack_size)?, pages(self.guard_size.max(1))?);
        let bytes = stack
            .checked_add(guard)
            .and_then(|stride| stride.checked_mul(self.count));
        let notes = self.count.checked_add(1).ok_or(StackError::TooLarge)?;
        Ok(Arena {
            memory: Mapping::new(bytes.ok_or(StackError::TooLarge)?)?,
            notes: Slab::new(notes)?,
            count: self.count,
            stack,
            guard,
            made: Cell::new(0),
        })
    }
}

impl Default for ArenaBuilder {
    fn default() -> Self {
        Arena::builder()
    }
}
