//! Tells valgrind where stacks lie, so that it takes a switch for one, and not for a frame of that size.
//!
//! It watches for a sequence of instructions that does nothing else, with a request in registers; see
//! "The Client Request mechanism" in its manual. Anywhere else, that costs a few cycles when a stack is made.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

use wire_core::Stack;

use crate::{StackError, mapping::Slab};

/// Of valgrind.h.
const RUNNING_ON_VALGRIND: usize = 0x1001;
const STACK_REGISTER: usize = 0x1501;
const STACK_DEREGISTER: usize = 0x1502;
/// Of memcheck.h: 'M', 'C', and its second request.
const MAKE_MEM_UNDEFINED: usize = 0x4d43_0001;

/// Memcheck runs the program: known when the first stack is made.
static WATCHED: AtomicBool = AtomicBool::new(false);

/// Asks valgrind, if the program runs under it. Else 0.
#[cfg(target_arch = "x86_64")]
fn request(what: usize, first: usize, second: usize) -> usize {
    let question = [what, first, second, 0, 0, 0];
    let mut answer = 0_usize;
    // SAFETY: rotates a register by twice its width, and exchanges one with itself. Valgrind reads the
    // question.
    unsafe {
        std::arch::asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            inout("rdx") answer,
            in("rax") question.as_ptr(),
            out("rdi") _,
            options(nostack),
        );
    }
    answer
}

/// Its sequences for other machines are not here.
#[cfg(not(target_arch = "x86_64"))]
fn request(_: usize, _: usize, _: usize) -> usize {
    0
}

/// Tells tools that nobody needs what an idle stack holds, and that all of it may be written: after frames were
/// left, memcheck takes what is below the last one for out of bounds, and the next closure may be larger.
///
/// Owners that lend a stack again and again, as pools do, call it each time. Says whether there is such a tool: only if
/// memcheck runs the program.
pub fn mark_unused(stack: &Stack<'_>) -> bool {
    let watched = WATCHED.load(Ordering::Relaxed);
    if watched {
        request(MAKE_MEM_UNDEFINED, stack.low().addr().get(), stack.size());
    }
    watched
}

/// Tells of a stack; the answer is its number.
pub(crate) fn register(low: usize, size: usize) -> usize {
    // Tools that do not know this leave the answer alone.
    if request(MAKE_MEM_UNDEFINED, low, size) != 0 {
        WATCHED.store(true, Ordering::Relaxed);
    }
    request(STACK_REGISTER, low, low + size)
}

/// The numbers of an arena's stacks, to be given back when it goes. Nothing, unless valgrind runs the program.
#[derive(Debug)]
pub(crate) struct Known {
    numbers: Option<Slab<usize>>,
    count: Cell<usize>,
}

impl Known {
    /// Room for so many.
    pub(crate) fn new(stacks: usize) -> Result<Known, StackError> {
        let runs = request(RUNNING_ON_VALGRIND, 0, 0) != 0;
        Ok(Known {
            numbers: runs.then(|| Slab::new(stacks)).transpose()?,
            count: Cell::new(0),
        })
    }

    /// Tells of the next stack.
    pub(crate) fn add(&self, low: usize, size: usize) {
        if let Some(numbers) = &self.numbers {
            let place = &numbers.places()[self.count.get()];
            // SAFETY: nobody else refers to what is in there.
            unsafe { (*place.get()).write(register(low, size)) };
            self.count.set(self.count.get() + 1);
        }
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        if let Some(numbers) = &self.numbers {
            for place in &numbers.places()[..self.count.get()] {
                // SAFETY: written by `add`.
                request(STACK_DEREGISTER, unsafe { (*place.get()).assume_init() }, 0);
            }
        }
    }
}
