//! The portable switch: corosensei.
//!
//! A corosensei coroutine can only be resumed from, and suspend to, the stack that resumed it. The
//! root plays that part for all: a switch away from a coroutine suspends it with the address of the
//! context wanted, and the loop in [`Context::switch`], which only the root runs, resumes that one.

mod bottom;

use core::fmt;
use core::mem::offset_of;
use core::num::NonZeroUsize;
use core::ptr;

use corosensei::stack::{Stack, StackPointer};
use corosensei::{Coroutine, CoroutineResult, Yielder};

use crate::{Entry, Layout, MIN_STACK, STACK_ALIGN, fp_control};

/// The name of this backend, for reports.
pub const BACKEND: &str = "corosensei";

type Target = *mut Context;

/// A stopped computation.
pub struct Context {
    /// `None` in the root, and in a computation that is over.
    coroutine: Option<Coroutine<(), Target, Target, Borrowed>>,
    yielder: *const Yielder<(), Target>,
    /// An address in the frame that stopped, or where the stack starts; corosensei does not tell its own.
    sp: *const u8,
}

// SAFETY: owned, a context is either empty or at rest; it is no more bound to a thread than the
// raw pointers in it, and running it is `unsafe` anyway.
unsafe impl Send for Context {}

impl Context {
    /// Where a debugger finds what. It also looks for the one word that points into the wire's stack,
    /// lowest: corosensei keeps the registers there.
    pub const LAYOUT: Layout = [offset_of!(Context, sp), offset_of!(Context, yielder), 0, 0];

    /// An empty place. Used as the `from` of a switch it becomes the root: the computation on the
    /// thread's own stack.
    pub const fn new() -> Context {
        Context {
            coroutine: None,
            yielder: ptr::null(),
            sp: ptr::null(),
        }
    }

    /// Makes `this` a computation that calls `entry(arg, low + size)` on the given stack when it is first
    /// switched to.
    ///
    /// # Safety
    ///
    /// `this` is valid for writes and stays where it is until the computation is over; so does the
    /// stack, `low` to `low + size`, which is [`STACK_ALIGN`]ed at both ends, at least
    /// [`MIN_STACK`] long and used by nothing else. Nobody guards its lower end: what `entry` does
    /// must fit.
    pub unsafe fn prepare(
        this: *mut Context,
        low: *mut u8,
        size: usize,
        entry: Entry,
        arg: *mut (),
    ) {
        debug_assert!(
            size >= MIN_STACK
                && low.addr().is_multiple_of(STACK_ALIGN)
                && size.is_multiple_of(STACK_ALIGN)
        );
        let stack = Borrowed {
            low: low.addr(),
            size,
        };
        let top = low.wrapping_add(size);
        let coroutine = Coroutine::with_stack(stack, move |yielder: &Yielder<(), Target>, ()| {
            // SAFETY: `this` stays in place while the computation lives, and so does the yielder;
            // `entry` is what the caller asked to be run.
            unsafe {
                (*this).yielder = yielder;
                bottom::call(arg, top, entry)
            }
        });
        // SAFETY: valid for writes (contract); an empty or finished context needs no drop.
        unsafe {
            this.write(Context {
                coroutine: Some(coroutine),
                yielder: ptr::null(),
                sp: top,
            })
        };
    }

    /// How far down its stack the computation reaches that is stopped here: its stack pointer, or an
    /// address in its last frame. Where its stack starts, if it has not run yet; null, if nothing was ever
    /// kept here. While it runs, and when it is over, that is of no use.
    #[must_use]
    pub fn stack_pointer(&self) -> *const u8 {
        self.sp
    }

    /// Stops the running computation, keeping it in `from`, and continues `to`. Returns when
    /// somebody switches to `from`.
    ///
    /// # Safety
    ///
    /// `from` is valid for writes until then. `to` is another context, prepared or stopped by a
    /// switch on this OS thread, and neither running nor over.
    #[inline]
    pub unsafe fn switch(from: *mut Context, to: *mut Context) {
        let here = 0_u8;
        // SAFETY: `from` is running, so a coroutine's yielder is set; `to` and all that the loop
        // meets are stopped computations of this thread (contract). No reference to a context
        // is held while another runs, except to the coroutine being resumed, which nobody else
        // touches until it stops.
        fp_control::keep(|| unsafe {
            (*from).sp = &raw const here;
            if (*from).coroutine.is_some() {
                (*(*from).yielder).suspend(to);
                return;
            }
            let mut target = to;
            while target != from {
                let coroutine = &raw mut (*target).coroutine;
                let running = (*coroutine)
                    .as_mut()
                    .expect("switched to a context that is over");
                target = match running.resume(()) {
                    CoroutineResult::Yield(next) => next,
                    CoroutineResult::Return(next) => {
                        *coroutine = None;
                        next
                    }
                };
            }
        });
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("on_its_own_stack", &self.coroutine.is_some())
            .finish_non_exhaustive()
    }
}

impl Default for Context {
    fn default() -> Context {
        Context::new()
    }
}

/// A stack that belongs to the caller.
#[derive(Debug)]
struct Borrowed {
    low: usize,
    size: usize,
}

// SAFETY: the bounds are those of the memory lent to `prepare`. The guard that corosensei wants is
// the caller's business, as `prepare` says.
unsafe impl Stack for Borrowed {
    fn base(&self) -> StackPointer {
        NonZeroUsize::new(self.low + self.size).expect("a stack ends above address zero")
    }

    fn limit(&self) -> StackPointer {
        NonZeroUsize::new(self.low).expect("a stack does not start at address zero")
    }
}
