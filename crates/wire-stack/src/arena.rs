//! Many stacks in one mapping.
//!
//! ```text
//!   high ─► ┌─────────────────┐
//!           │ guard page      │
//!           ├─────────────────┤ ─┐
//!           │ colour          │  │ less than 1 KiB, unused, different from stack to stack
//!           │ stack n-1       │  │ committed page by page, as the wire gets deeper
//!           ├─────────────────┤  │ stride: an odd number of pages
//!           │ guard           │  │ of stack n-1, and above stack n-2
//!           ├─────────────────┤ ─┘
//!           │ …               │
//!           ├─────────────────┤
//!           │ stack 0         │
//!           ├─────────────────┤
//!           │ guard           │
//!   low ──► └─────────────────┘
//!
//!   links ─►│ head │ link 0 │ link 1 │ … │ link n-1 │     in a mapping of their own
//! ```
//!
//! Idle stacks are linked by number, last one freed first, outside of the stacks: those that were
//! given back to the system must not be touched. A stack gets its guard when it is first handed
//! out, so an arena may be larger than will ever be used.

use std::cell::Cell;
use std::fmt;
use std::ptr::NonNull;

use wire_core::Stack;

use crate::mapping::{Mapping, Slab};
use crate::valgrind::{Known, mark_unused};
use crate::{DEFAULT_GUARD, DEFAULT_STACK, Guards, SMALLEST_STACK, StackError};
use crate::{colour, sys};

/// Stacks in a mapping, lent and taken back. See the module's diagram.
///
/// Unmapped when dropped, which the stacks' lifetimes prevent while one is in use. To lend stacks
/// for good, make it `'static`, for instance by [`Box::leak`].
pub struct Arena {
    memory: Mapping,
    links: Slab<Link>,
    known: Known,
    shape: Shape,
    guards: Cell<Guards>,
    /// Stacks that have their guard. The others were never used.
    made: Cell<u32>,
}

// SAFETY: an owned arena has lent no stack (they borrow it). It is memory and numbers, and the
// pointers in its links go to its own mapping. It is not `Sync`.
unsafe impl Send for Arena {}

/// One of an arena's stacks, or, at the front, the list of those that are idle.
#[derive(Debug, Default)]
struct Link {
    /// One more than the number of the next idle stack; 0 for none. In the head: the first one.
    next: Cell<u32>,
    /// One more than the number of this stack. In the head: how many are idle.
    number: Cell<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Shape {
    count: u32,
    /// Whole pages, colour included.
    stack: usize,
    /// Whole pages, at least one.
    guard: usize,
}

impl Arena {
    /// An arena to be mapped: one stack of the default size, unless told otherwise.
    pub const fn builder() -> ArenaBuilder {
        ArenaBuilder {
            count: 1,
            stack_size: DEFAULT_STACK,
            guard_size: DEFAULT_GUARD,
            guards: Guards::Markers,
        }
    }

    /// The stack that was freed last, else one never used. It returns when the wire it is given to
    /// is over, or when it is dropped.
    ///
    /// # Errors
    ///
    /// If all are in use, or a new one cannot be guarded.
    pub fn stack(&self) -> Result<Stack<'_>, StackError> {
        let head = self.head();
        let number = match head.next.get() {
            0 => self.make()?,
            number => {
                head.next.set(self.link(number).next.get());
                head.number.set(head.number.get() - 1);
                number
            }
        };
        let (low, size) = self.bounds(number);
        // SAFETY: the memory is mapped while the arena is borrowed, guarded since `make`, and off
        // the list of idle ones. `take_back` may be called as long as the arena is there: it
        // only links.
        unsafe {
            let stack = Stack::from_raw(low, size);
            mark_unused(&stack);
            Ok(stack.with_hook(take_back, self.links_at(number).as_ptr().cast()))
        }
    }

    /// Guards one more stack.
    #[cold]
    fn make(&self) -> Result<u32, StackError> {
        let number = self.made.get() + 1;
        if number > self.shape.count {
            return Err(StackError::Exhausted {
                count: self.shape.count as usize,
            });
        }
        let (low, _) = self.bounds(number);
        // SAFETY: the pages below a stack are this arena's, and only ever a guard.
        let how = unsafe {
            let guard = low.byte_sub(self.shape.guard);
            let wanted = self.shape.count - self.made.get();
            sys::guard(guard, self.shape.guard, self.guards.get(), wanted as usize)?
        };
        self.guards.set(how);
        self.known.add(low.addr().get(), self.shape.stack);
        self.link(number).number.set(number);
        self.made.set(number);
        Ok(number)
    }

    /// Where the stack with this number, counted from 1, lies.
    fn bounds(&self, number: u32) -> (NonNull<u8>, usize) {
        let at = number as usize - 1;
        let Shape { stack, guard, .. } = self.shape;
        // SAFETY: numbers are at most `count`, for which the mapping has room.
        let low = unsafe { self.memory.low().byte_add(at * (guard + stack) + guard) };
        (low, stack - colour::offset(at))
    }

    fn links_at(&self, number: u32) -> NonNull<Link> {
        let places = self.links.places();
        debug_assert!((number as usize) < places.len());
        // SAFETY: there is a link for each number up to `count`, and the head.
        unsafe { NonNull::from(places).cast::<Link>().add(number as usize) }
    }

    fn link(&self, number: u32) -> &Link {
        // SAFETY: in bounds (`links_at`); mapped as zeroes, which is a `Link`; only ever shared.
        unsafe { self.links_at(number).as_ref() }
    }

    fn head(&self) -> &Link {
        self.link(0)
    }

    /// Gives the memory of all idle stacks back to the system; they stay usable. Says of how many.
    pub fn give_back(&self) -> usize {
        let mut count = 0;
        let mut number = self.head().next.get();
        while number != 0 {
            // SAFETY: on the list of idle ones, so nobody uses it.
            unsafe { self.discard(number) };
            number = self.link(number).next.get();
            count += 1;
        }
        count
    }

    /// Gives the memory of a lent stack, on which nothing runs, back to the system. It stays lent
    /// and usable.
    ///
    /// # Panics
    ///
    /// If it is not a stack of this arena.
    pub fn give_back_lent(&self, stack: &mut Stack<'_>) {
        let stride = self.shape.guard + self.shape.stack;
        let at = stack
            .low()
            .addr()
            .get()
            .wrapping_sub(self.memory.low().addr().get())
            / stride;
        let ours = at < self.count() && self.bounds(at as u32 + 1) == (stack.low(), stack.size());
        assert!(ours, "the stack is not of this arena");
        // SAFETY: a `Stack` is the exclusive use of this memory, and nothing runs on it yet.
        unsafe { self.discard(at as u32 + 1) };
    }

    /// # Safety
    ///
    /// Nobody needs what this stack holds.
    unsafe fn discard(&self, number: u32) {
        // SAFETY: the whole of the stack, colour included, is this arena's.
        unsafe { sys::discard(self.bounds(number).0, self.shape.stack) };
    }

    /// How many stacks there are.
    pub fn count(&self) -> usize {
        self.shape.count as usize
    }

    /// How many of them are lent.
    pub fn in_use(&self) -> usize {
        (self.made.get() - self.head().number.get()) as usize
    }

    /// The size of a stack in whole pages. Less than 1 KiB of it goes into its colour.
    pub fn stack_size(&self) -> usize {
        self.shape.stack
    }

    /// The size of the guard below each stack, in whole pages.
    pub fn guard_size(&self) -> usize {
        self.shape.guard
    }

    /// How stacks are guarded.
    pub fn guards(&self) -> Guards {
        self.guards.get()
    }
}

/// Puts a stack on the list of idle ones.
///
/// # Safety
///
/// `link` is that of a stack that was lent by an arena which is still there.
unsafe fn take_back(link: *const ()) {
    let link = link.cast::<Link>();
    // SAFETY: links lie behind the head in the order of their numbers, in one mapping, all shared.
    unsafe {
        let number = (*link).number.get();
        let head = &*link.sub(number as usize);
        (*link).next.set(head.next.replace(number));
        head.number.set(head.number.get() + 1);
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena")
            .field("count", &self.count())
            .field("in_use", &self.in_use())
            .field("stack_size", &self.stack_size())
            .field("guard_size", &self.guard_size())
            .field("guards", &self.guards())
            .finish_non_exhaustive()
    }
}

/// The shape of an [`Arena`] to be mapped.
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is mapped before `build` is called"]
pub struct ArenaBuilder {
    count: usize,
    stack_size: usize,
    guard_size: usize,
    guards: Guards,
}

impl ArenaBuilder {
    /// How many stacks. One that is never used costs address space only.
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

    /// The size of the guard below each, rounded up to whole pages, at least one, and maybe one
    /// more for the cache's sake; [`DEFAULT_GUARD`] if not called. It costs address space only.
    /// Rust touches its stack page by page and cannot miss a guard; C code may step over one that
    /// is smaller than a frame.
    pub const fn guard_size(mut self, bytes: usize) -> Self {
        self.guard_size = bytes;
        self
    }

    /// How to guard them.
    pub const fn guards(mut self, how: Guards) -> Self {
        self.guards = how;
        self
    }

    /// Maps the arena.
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
        let page = sys::page_size();
        let count = u32::try_from(self.count)
            .ok()
            .filter(|&count| count < u32::MAX);
        let pages = |bytes| sys::whole_pages(bytes).ok_or(StackError::TooLarge);
        let (stack, guard) = (pages(self.stack_size)?, pages(self.guard_size.max(1))?);
        let guard = colour::guard_for_odd_stride(guard, stack, page).ok_or(StackError::TooLarge)?;
        let shape = Shape {
            count: count.ok_or(StackError::TooLarge)?,
            stack,
            guard,
        };
        let stride = shape.stack.checked_add(shape.guard);
        let bytes = stride.and_then(|stride| stride.checked_mul(self.count)?.checked_add(page));
        let memory = Mapping::new(bytes.ok_or(StackError::TooLarge)?)?;
        // SAFETY: the mapping is new and ours; its last page is the guard above the last stack.
        let guards = unsafe {
            sys::no_huge_pages(memory.low(), memory.size());
            sys::guard(
                memory.low().byte_add(memory.size() - page),
                page,
                self.guards,
                self.count + 1,
            )?
        };
        Ok(Arena {
            memory,
            links: Slab::new(self.count + 1)?,
            known: Known::new(self.count)?,
            shape,
            guards: Cell::new(guards),
            made: Cell::new(0),
        })
    }
}

impl Default for ArenaBuilder {
    fn default() -> Self {
        Arena::builder()
    }
}
