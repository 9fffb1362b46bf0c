//! An alternate signal stack for each OS thread that runs wires: a wire that has overflowed has no
//! room for the handler.

use std::cell::Cell;
use std::mem;
use std::ptr;

use crate::{Guards, mapping::Mapping, sys};

/// What our handler and those it hands over to may use, beside the frame that the kernel writes.
const ROOM: usize = 32 * 1024;

thread_local! {
    /// Unmapped at the thread's end.
    static OURS: Cell<Option<Alternate>> = const { Cell::new(None) };
}

struct Alternate {
    memory: Mapping,
}

/// Gives the calling thread an alternate stack, unless it has a large enough one.
pub(super) fn set_up() {
    // SAFETY: asks for a number.
    let frame = unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) };
    let needed = ROOM + usize::try_from(frame).unwrap_or(0);
    if current().is_some_and(|stack| stack.ss_size >= needed) {
        return;
    }
    // Without one, an overflow goes unreported, which is no reason not to run.
    let page = sys::page_size();
    let Ok(memory) = Mapping::new(needed + page) else {
        return;
    };
    let size = memory.size() - page;
    // SAFETY: the lowest page of a new mapping.
    let guarded = unsafe { sys::guard(memory.low(), page, Guards::Markers, 1) };
    if guarded.is_err() {
        return;
    }
    let stack = libc::stack_t {
        // SAFETY: within the mapping.
        ss_sp: unsafe { memory.low().byte_add(page) }.as_ptr().cast(),
        ss_flags: 0,
        ss_size: size,
    };
    let ours = Alternate { memory };
    // SAFETY: the memory stays until `Alternate` is dropped, which takes it out of use first.
    if unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) } == 0 {
        // A thread that is ending keeps nothing any more; leaking a stack is the lesser evil.
        let mut ours = Some(ours);
        let _ = OURS.try_with(|place| place.set(ours.take()));
        mem::forget(ours);
    }
}

/// The alternate stack of the calling thread, if it has one.
fn current() -> Option<libc::stack_t> {
    let mut stack = mem::MaybeUninit::<libc::stack_t>::uninit();
    // SAFETY: only asks; it has written the answer if it returns 0.
    let stack = unsafe {
        match libc::sigaltstack(ptr::null(), stack.as_mut_ptr()) {
            0 => stack.assume_init(),
            _ => return None,
        }
    };
    (stack.ss_flags & libc::SS_DISABLE == 0).then_some(stack)
}

impl Drop for Alternate {
    fn drop(&mut self) {
        let (low, size) = (self.memory.low().addr().get(), self.memory.size());
        // Somebody may have set another one since, which then is theirs to see to.
        if current().is_some_and(|stack| (low..low + size).contains(&stack.ss_sp.addr())) {
            let none = libc::stack_t {
                ss_sp: ptr::null_mut(),
                ss_flags: libc::SS_DISABLE,
                ss_size: size,
            };
            // SAFETY: takes ours out of use before it is unmapped.
            unsafe { libc::sigaltstack(&raw const none, ptr::null_mut()) };
        }
    }
}
