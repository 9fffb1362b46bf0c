//! Wires for the tests, in memory that is never freed.
use std::ptr::NonNull;
use wire_core::{JoinHandle, Stack, Wire};

/// Starts a detachable wire.
pub(crate) fn go<T: 'static>(f: impl FnOnce() -> T + 'static) -> JoinHandle<'static, T> {
    const SIZE: usize = 256 * 1024;
    let layout = std::alloc::Layout::from_size_align(SIZE, 4096).unwrap();
    // SAFETY: leaked, aligned and used by nothing else; ample for what the tests do.
    let stack = unsafe { Stack::from_raw(NonNull::new(std::alloc::alloc(layout)).unwrap(), SIZE) };
    let wire: &'static Wire = Box::leak(Box::default());
    wire.spawn(stack, "test", f).unwrap()
}
