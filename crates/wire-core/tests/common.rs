//! Memory for the tests: this crate has no stacks of its own.
use std::ptr::NonNull;
use wire_core::{Stack, Wire};

pub const SIZE: usize = 256 * 1024;

/// A stack that is never freed.
pub fn stack() -> Stack<'static> {
    let layout = std::alloc::Layout::from_size_align(SIZE, 4096).unwrap();
    // SAFETY: leaked, aligned and used by nothing else; large enough for panics with backtraces.
    unsafe { Stack::from_raw(NonNull::new(std::alloc::alloc(layout)).unwrap(), SIZE) }
}

/// A control block that is never freed.
#[allow(dead_code)]
pub fn wire() -> &'static Wire {
    Box::leak(Box::default())
}
