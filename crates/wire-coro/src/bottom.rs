//! The oldest frame of a computation run by corosensei.
//!
//! corosensei tells unwinders that a coroutine was called by whoever resumed it last. For wires that
//! is nobody in particular: backtraces would go on with the frames of the main wire. So the frame here
//! has no caller, as `first` has none in the native switch.

use crate::{Context, Entry};

/// Calls `entry(arg, top)`.
///
/// # Safety
///
/// That of `entry`.
#[cfg(all(target_arch = "x86_64", unix))]
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn call(arg: *mut (), top: *mut u8, entry: Entry) -> *mut Context {
    core::arch::naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined rip",
        "push rbp",
        ".cfi_def_cfa_offset 16",
        // The end of the chain for those that follow frame pointers.
        "xor ebp, ebp",
        "call rdx",
        "pop rbp",
        "ret",
        ".cfi_endproc",
    )
}

/// Calls `entry(arg, top)`. On this machine, backtraces go on with the frames that resumed it.
///
/// # Safety
///
/// That of `entry`.
#[cfg(not(all(target_arch = "x86_64", unix)))]
pub(crate) unsafe extern "C" fn call(arg: *mut (), top: *mut u8, entry: Entry) -> *mut Context {
    // SAFETY: the caller's promise.
    unsafe { entry(arg, top) }
}
