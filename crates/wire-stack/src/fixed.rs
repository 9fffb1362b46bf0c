//! A stack in a `static`: no mapping, no allocator, its place known to the linker.
//!
//! ```text
//!   SIZE ─► ┌────────────────┐
//!           │ state word     │  0 in a fresh program, so that all of this lies in .bss
//!           │ colour         │
//!           ├────────────────┤ ─┐
//!           │ stack          │  │ what the wire gets
//!           ├────────────────┤ ─┘
//!           │ guard          │  a guard from the first use on, for good
//!      0 ─► └────────────────┘  page-aligned
//! ```

use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use wire_core::Stack;

use crate::{Guards, SMALLEST_STACK, StackError, colour, sys, valgrind};

/// Bytes kept for the state word: a cache line, so that stacks stay aligned.
const STATE: usize = 64;

/// What the state word says, if not 0: that is idle, with or without a guard, and what is left when
/// the memory was given back.
const IDLE_GUARDED: u32 = 1;
const LENT: u32 = 2;

/// Memory for one stack, in a [`Local`](wire_core::Local).
///
/// `SIZE` is all of it and a multiple of 4096. The lowest `GUARD` bytes become the guard when the
/// stack is first used, and stay one: that is why a stack can only be had from a `'static`. Up to
/// 1 KiB at the top goes into the state and into spreading stacks over the cache.
///
/// ```
/// use wire_stack::{StaticStack, wire_core};
/// use wire_core::{Local, Wire, run};
///
/// static WIRE: Local<Wire> = Local::new(Wire::new());
/// static STACK: Local<StaticStack<{ 64 * 1024 }>> = Local::new(StaticStack::new());
///
/// let answer = run(|| WIRE.spawn(STACK.stack().unwrap(), "static", || 6 * 7).unwrap().join());
/// assert_eq!(answer.unwrap(), 42);
/// ```
///
/// A size that is too small, or not in pages, does not compile:
///
/// ```compile_fail,E0080
/// use wire_stack::{StaticStack, wire_core::Local};
///
/// static STACK: Local<StaticStack<8192>> = Local::new(StaticStack::new());
/// ```
#[repr(C, align(4096))]
pub struct StaticStack<const SIZE: usize, const GUARD: usize = 4096> {
    memory: UnsafeCell<MaybeUninit<[u8; SIZE]>>,
}

impl<const SIZE: usize, const GUARD: usize> StaticStack<SIZE, GUARD> {
    const CHECKED: () = {
        assert!(
            SIZE.is_multiple_of(4096) && GUARD.is_multiple_of(4096),
            "sizes are multiples of 4096"
        );
        assert!(GUARD > 0, "a stack for safe code has a guard");
        assert!(
            SIZE >= SMALLEST_STACK && SIZE - SMALLEST_STACK >= GUARD - 4096,
            "the stack is too small"
        );
    };

    /// An unused stack: zeroes.
    pub const fn new() -> Self {
        let () = Self::CHECKED;
        StaticStack {
            memory: UnsafeCell::new(MaybeUninit::zeroed()),
        }
    }

    /// The stack, once at a time: it returns when the wire it is given to is over, or when it is
    /// dropped.
    ///
    /// # Errors
    ///
    /// If it is in use, or cannot be guarded.
    pub fn stack(&'static self) -> Result<Stack<'static>, StackError> {
        self.stack_guarded_by(Guards::Markers)
    }

    /// [`stack`](StaticStack::stack) with a say in how it is guarded, if this is its first use.
    ///
    /// # Errors
    ///
    /// As for `stack`.
    pub fn stack_guarded_by(&'static self, how: Guards) -> Result<Stack<'static>, StackError> {
        match self.state().get() {
            LENT => return Err(StackError::InUse),
            IDLE_GUARDED => {}
            _ => self.guard(how)?,
        }
        self.state().set(LENT);
        let (_, low, size) = self.parts()?;
        // SAFETY: guarded, good for ever and lent to nobody else, as the state says. The hook may
        // be called at any time: it writes the state word, which is no part of the stack.
        unsafe {
            let stack = Stack::from_raw(low, size);
            valgrind::mark_unused(&stack);
            Ok(stack.with_hook(take_back, std::ptr::from_ref(self.state()).cast()))
        }
    }

    /// [`stack`](StaticStack::stack) without a note that it is in use, for owners that keep their
    /// own: then [`give_back_lent`](StaticStack::give_back_lent) leaves nothing in memory.
    ///
    /// # Errors
    ///
    /// If it cannot be guarded.
    ///
    /// # Safety
    ///
    /// The stack is not lent at present, and nothing but `give_back_lent` is called as long as it
    /// is.
    pub unsafe fn stack_unnoted(&'static self) -> Result<Stack<'static>, StackError> {
        self.guard(Guards::Markers)?;
        let (_, low, size) = self.parts()?;
        // SAFETY: guarded and good for ever; nobody else uses it (contract).
        Ok(unsafe { Stack::from_raw(low, size) })
    }

    fn guard(&'static self, how: Guards) -> Result<(), StackError> {
        let (guard, low, size) = self.parts()?;
        let below = low.addr().get() - guard.addr().get();
        // SAFETY: whole pages of this static, which are only ever a guard, and advice on the rest.
        unsafe {
            sys::no_huge_pages(guard, below + size);
            sys::guard(guard, below, how, 1)?;
        }
        valgrind::register(low.addr().get(), size);
        Ok(())
    }

    /// Guard, stack and its size. Pages may be larger than what the type is aligned to; the guard
    /// then begins further up.
    fn parts(&self) -> Result<(NonNull<u8>, NonNull<u8>, usize), StackError> {
        let page = sys::page_size();
        let start = NonNull::from(&self.memory).cast::<u8>();
        let below = start.addr().get().next_multiple_of(page) - start.addr().get();
        let used = below + GUARD.next_multiple_of(page);
        let above = STATE + colour::offset(start.addr().get() / SIZE);
        let size = SIZE.saturating_sub(used + above);
        let least = SMALLEST_STACK - 4096 - STATE - colour::MOST;
        if size < least {
            return Err(StackError::TooSmall { size, least });
        }
        // SAFETY: both lie within the static, since something is left for the stack.
        unsafe { Ok((start.byte_add(below), start.byte_add(used), size)) }
    }

    fn state(&self) -> &Cell<u32> {
        // SAFETY: inside the memory, aligned, zeroed by `new`, apart from the stack lent, and only
        // ever used through this.
        unsafe { &*self.memory.get().cast::<Cell<u32>>().byte_add(SIZE - STATE) }
    }

    /// Whether the stack is lent.
    pub fn is_in_use(&self) -> bool {
        self.state().get() == LENT
    }

    /// Gives the memory back to the system if the stack is idle, and says whether it was. It stays
    /// usable.
    pub fn give_back(&'static self) -> bool {
        if self.is_in_use() {
            return false;
        }
        // SAFETY: idle, so nobody needs what it holds; zero, in the state word, is idle too.
        self.parts()
            .is_ok_and(|(_, low, _)| unsafe { self.discard(low) })
    }

    /// Gives the memory of the lent stack, on which nothing runs, back to the system. It stays lent
    /// and usable.
    ///
    /// # Panics
    ///
    /// If it is not this stack.
    pub fn give_back_lent(&'static self, stack: &mut Stack<'_>) {
        let ours = self
            .parts()
            .is_ok_and(|(_, low, size)| (low, size) == (stack.low(), stack.size()));
        assert!(ours, "the stack is not of this memory");
        let noted = self.state().get();
        // SAFETY: a `Stack` is the exclusive use of this memory, and nothing runs on it yet.
        unsafe { self.discard(stack.low()) };
        if noted == LENT {
            self.state().set(LENT);
        }
    }

    /// # Safety
    ///
    /// Nobody needs what the stack and the state word hold. `low` is that of `parts`.
    unsafe fn discard(&self, low: NonNull<u8>) -> bool {
        let start = self.memory.get().addr();
        let end = (start + SIZE) / sys::page_size() * sys::page_size();
        if low.addr().get() < end {
            // SAFETY: whole pages of this static, from the stack's lowest on.
            unsafe { sys::discard(low, end - low.addr().get()) };
        }
        true
    }
}

/// # Safety
///
/// `state` is the state word of a static stack.
unsafe fn take_back(state: *const ()) {
    // SAFETY: statics are there for ever, and the word is only shared.
    unsafe { (*state.cast::<Cell<u32>>()).set(IDLE_GUARDED) };
}

impl<const SIZE: usize, const GUARD: usize> Default for StaticStack<SIZE, GUARD> {
    fn default() -> Self {
        StaticStack::new()
    }
}

impl<const SIZE: usize, const GUARD: usize> fmt::Debug for StaticStack<SIZE, GUARD> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticStack")
            .field("size", &SIZE)
            .field("guard", &GUARD)
            .field("in_use", &self.is_in_use())
            .finish()
    }
}
