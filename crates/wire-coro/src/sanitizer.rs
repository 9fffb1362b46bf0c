//! What AddressSanitizer has to be told of switches: it keeps the bounds of the running stack, to clean up
//! behind frames that are unwound, and to say what an address is.
//!
//! Compiled with `--cfg wire_sanitize="address"` only. Without it a switch has no trace of this. With the corosensei
//! backend, that crate tells the sanitizer itself.

use core::ptr;

use crate::{Context, Entry};

unsafe extern "C" {
    fn __sanitizer_start_switch_fiber(kept: *mut *mut (), low: *const u8, size: usize);
    fn __sanitizer_finish_switch_fiber(kept: *mut (), low: *mut *const u8, size: *mut usize);
    fn __asan_unpoison_memory_region(low: *const u8, size: usize);
}

/// What is known of a computation, beside where it stopped.
#[derive(Debug)]
pub(crate) struct Fiber {
    low: *const u8,
    /// 0: a root, whose bounds are learnt when it is first left.
    size: usize,
    /// The sanitizer's own stack, while this one is stopped.
    kept: *mut (),
    entry: Option<Entry>,
    arg: *mut (),
    /// The root that was left for this one, to be told its bounds; or null.
    left: *mut Context,
}

impl Fiber {
    pub(crate) const fn root() -> Fiber {
        Fiber {
            low: ptr::null(),
            size: 0,
            kept: ptr::null_mut(),
            entry: None,
            arg: ptr::null_mut(),
            left: ptr::null_mut(),
        }
    }

    /// One that calls `entry(arg, top)`, through [`enter`]. Frames of others that never returned from this stack are
    /// forgotten.
    pub(crate) fn new(low: *const u8, size: usize, entry: Entry, arg: *mut ()) -> Fiber {
        // SAFETY: the stack is the caller's, for use by this computation alone.
        unsafe { __asan_unpoison_memory_region(low, size) };
        Fiber {
            low,
            size,
            entry: Some(entry),
            arg,
            ..Fiber::root()
        }
    }
}

/// Before `from` is left for another one, `to`.
///
/// # Safety
///
/// That of `Context::switch`.
pub(crate) unsafe fn leave(from: *mut Context, to: *mut Context) {
    // SAFETY: both are valid contexts (contract).
    unsafe {
        let is_root = (*from).fiber.size == 0;
        let to = &mut (*to).fiber;
        to.left = if is_root { from } else { ptr::null_mut() };
        __sanitizer_start_switch_fiber(&raw mut (*from).fiber.kept, to.low, to.size);
    }
}

/// After somebody came back to `from`.
///
/// # Safety
///
/// That of `Context::switch`, which stopped there.
pub(crate) unsafe fn come_back(from: *mut Context) {
    // SAFETY: a valid context (contract).
    unsafe { arrive(from, (*from).fiber.kept) };
}

/// # Safety
///
/// `here` is the context that was switched to; `kept` is what `leave` kept for it, or null if it begins.
unsafe fn arrive(here: *mut Context, kept: *mut ()) {
    let (mut low, mut size) = (ptr::null(), 0);
    // SAFETY: writes the bounds of the stack that was left. Its root is stopped where it left.
    unsafe {
        __sanitizer_finish_switch_fiber(kept, &raw mut low, &raw mut size);
        let left = (*here).fiber.left;
        if !left.is_null() {
            (*left).fiber.low = low;
            (*left).fiber.size = size;
        }
    }
}

/// Runs a new computation's entry, between what the sanitizer is told.
///
/// # Safety
///
/// `this` is the context of the computation, which begins on its stack.
pub(crate) unsafe extern "C" fn enter(this: *mut (), top: *mut u8) -> *mut Context {
    let this = this.cast::<Context>();
    // SAFETY: prepared, so it has an entry; it stays in place until the computation is over, which it is when
    // its stack is not used any more, and it says so by passing nothing to keep.
    unsafe {
        arrive(this, ptr::null_mut());
        let entry = (*this).fiber.entry.expect("a prepared computation");
        let next = entry((*this).fiber.arg, top);
        let to = &mut (*next).fiber;
        to.left = ptr::null_mut();
        __sanitizer_start_switch_fiber(ptr::null_mut(), to.low, to.size);
        next
    }
}
