//! A stack in a `static`: its lowest pages become the guard when it is first used.
//!
//! ```text
//!           ┌────────────────┐
//!           │ state          │  zero in a fresh program, so that all of this lies in .bss
//!   SIZE ─► ├────────────────┤
//!           │ stack          │
//!           ├────────────────┤
//!           │ guard          │  whole pages
//!      0 ─► └────────────────┘  page-aligned, unless pages are larger than 4096 bytes
//! ```

use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use wire_core::Stack;

use crate::{Guards, SMALLEST_STACK, StackError, pages};

/// Memory for one stack, in a [`Local`](wire_core::Local).
///
/// `SIZE` is stack and guard together, and a multiple of 4096. The lowest `GUARD` bytes become the
/// guard when the stack is first used, and stay one: that is why a stack can only be had from a
/// `'static`. A page above takes the note whether it is in use.
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
    guarded: Cell<bool>,
    lent: Cell<bool>,
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
            guarded: Cell::new(false),
            lent: Cell::new(false),
        }
    }

    /// The stack, once at a time: it returns when the wire it is given to is over, or when it is
    /// dropped.
    ///
    /// # Errors
    ///
    /// If it is in use, or cannot be guarded.
    pub fn stack(&'static self) -> Result<Stack<'static>, StackError> {
        if self.lent.get() {
            return Err(StackError::InUse);
        }
        let (low, size) = self.guarded()?;
        self.lent.set(true);
        // SAFETY: guarded, good for ever and lent to nobody else, as `lent` says. The hook may be
        // called at any time: it writes that note, which is no part of the stack.
        unsafe {
            let stack = Stack::from_raw(low, size);
            Ok(stack.with_hook(take_back, (&raw const self.lent).cast()))
        }
    }

    /// [`stack`](StaticStack::stack): there is one way to guard it here.
    ///
    /// # Errors
    ///
    /// As for `stack`.
    pub fn stack_guarded_by(&'static self, _: Guards) -> Result<Stack<'static>, StackError> {
        self.stack()
    }

    /// [`stack`](StaticStack::stack) without a note that it is in use, for owners that keep their
    /// own.
    ///
    /// # Errors
    ///
    /// If it cannot be guarded.
    ///
    /// # Safety
    ///
    /// The stack is not lent at present, and nothing but
    /// [`give_back_lent`](StaticStack::give_back_lent) is called as long as it is.
    pub unsafe fn stack_unnoted(&'static self) -> Result<Stack<'static>, StackError> {
        let (low, size) = self.guarded()?;
        // SAFETY: guarded and good for ever; nobody else uses it (contract).
        Ok(unsafe { Stack::from_raw(low, size) })
    }

    /// The stack and its size, with the guard below it in place.
    fn guarded(&'static self) -> Result<(NonNull<u8>, usize), StackError> {
        let (guard, low, size) = self.parts()?;
        if !self.guarded.get() {
            // SAFETY: whole pages of this static, which are only ever a guard.
            unsafe { pages::guard(guard, low.addr().get() - guard.addr().get())? };
            self.guarded.set(true);
        }
        Ok((low, size))
    }

    /// Guard, stack and its size. Pages may be larger than what the type is aligned to; the guard
    /// then begins further up.
    fn parts(&self) -> Result<(NonNull<u8>, NonNull<u8>, usize), StackError> {
        let page = pages::page_size();
        let start = NonNull::from(&self.memory).cast::<u8>();
        let below = start.addr().get().next_multiple_of(page) - start.addr().get();
        let used = below + GUARD.next_multiple_of(page);
        let size = SIZE.saturating_sub(used);
        let least = SMALLEST_STACK - 4096;
        if size < least {
            return Err(StackError::TooSmall { size, least });
        }
        // SAFETY: both lie within the static, since something is left for the stack.
        unsafe { Ok((start.byte_add(below), start.byte_add(used), size)) }
    }

    /// Whether the stack is lent.
    pub fn is_in_use(&self) -> bool {
        self.lent.get()
    }

    /// Would give the memory back to the system; here it is kept: `false`.
    pub fn give_back(&'static self) -> bool {
        false
    }

    /// Would give the memory of the lent stack back to the system; here it is kept.
    ///
    /// # Panics
    ///
    /// If it is not this stack.
    pub fn give_back_lent(&'static self, stack: &mut Stack<'_>) {
        let ours = self
            .parts()
            .is_ok_and(|(_, low, size)| (low, size) == (stack.low(), stack.size()));
        assert!(ours, "the stack is not of this memory");
    }
}

/// # Safety
///
/// `lent` is the note of a static stack.
unsafe fn take_back(lent: *const ()) {
    // SAFETY: statics are there for ever, and the note is only shared.
    unsafe { (*lent.cast::<Cell<bool>>()).set(false) };
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
