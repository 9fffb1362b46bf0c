//! The native switch: x86-64, System V ABI.
//!
//! ```text
//!                       a prepared stack            a stopped computation
//!   top ─► sp ─► ┌────────────────────────┐   │ …frames of the caller…      │
//!                │ free                   │   ├─────────────────────────────┤
//!                │                        │   │ what the compiler spilled   │
//!                │                        │   ├─────────────────────────────┤ ◄─ sp
//!   low ───────► └────────────────────────┘   │ free                        │
//!
//!    Context { sp, pc, rbx, rbp }             pc: the label behind the jump
//!              top, first, entry, argument    when prepared
//! ```
//!
//! The switch is inlined where the caller stops. Callee-saved registers are declared lost, so that
//! the compiler saves only those that live across that very place; rbx and rbp cannot be declared,
//! so they are kept in the `Context`. Nothing is pushed: who has no more than two values to keep
//! leaves its stack alone, and a switch touches one cache line of each side. `pc` lies there, too:
//! the jump can be resolved before the other stack has come into the cache.

#[cfg(wire_sanitize = "address")]
#[path = "sanitizer.rs"]
mod sanitizer;

use core::arch::{asm, naked_asm};
use core::mem::offset_of;
use core::ptr;

use crate::{Entry, Layout, MIN_STACK, STACK_ALIGN, fp_control};

/// The name of this backend, for reports.
pub const BACKEND: &str = "native";

/// A stopped computation: 32 bytes in this backend.
#[derive(Debug)]
#[repr(C)]
pub struct Context {
    sp: *mut u8,
    pc: *const u8,
    rbx: usize,
    rbp: usize,
    #[cfg(wire_sanitize = "address")]
    pub(crate) fiber: sanitizer::Fiber,
}

// SAFETY: owned, a context is either empty or at rest; it is no more bound to a thread than the
// raw pointers in it, and running it is `unsafe` anyway.
unsafe impl Send for Context {}

impl Context {
    /// Where a debugger finds what.
    pub const LAYOUT: Layout = [
        offset_of!(Context, sp),
        offset_of!(Context, pc),
        offset_of!(Context, rbx),
        offset_of!(Context, rbp),
    ];

    /// An empty place. Used as the `from` of a switch it becomes the root: the computation on the
    /// thread's own stack.
    pub const fn new() -> Context {
        Context {
            sp: ptr::null_mut(),
            pc: ptr::null(),
            rbx: 0,
            rbp: 0,
            #[cfg(wire_sanitize = "address")]
            fiber: sanitizer::Fiber::root(),
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
    #[inline]
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
        #[cfg(wire_sanitize = "address")]
        let (fiber, entry, arg) = (
            sanitizer::Fiber::new(low, size, entry, arg),
            sanitizer::enter as Entry,
            this.cast::<()>(),
        );
        // SAFETY: valid for writes (contract); the top is within or at the end of the stack.
        unsafe {
            this.write(Context {
                sp: low.add(size),
                pc: first as *const u8,
                rbx: entry as usize,
                rbp: arg.expose_provenance(),
                #[cfg(wire_sanitize = "address")]
                fiber,
            });
        }
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
    #[inline(always)]
    pub unsafe fn switch(from: *mut Context, to: *mut Context) {
        #[cfg(wire_sanitize = "address")]
        {
            if ptr::eq(from, to) {
                // Nothing is left, and the bounds of a root need not be known.
                return;
            }
            // SAFETY: the caller's promise.
            unsafe { sanitizer::leave(from, to) };
        }
        // SAFETY: the asm stores to `from` and loads from `to` (contract). It comes back at label 2
        // with the stack pointer, rbx and rbp it left with, and everything else declared lost:
        // `clobber_abi` covers the caller-saved registers, the rest is named.
        fp_control::keep(|| unsafe {
            asm!(
                "lea rax, [rip + 2f]",
                "mov [rdi], rsp",
                "mov [rdi + 8], rax",
                "mov [rdi + 16], rbx",
                "mov [rdi + 24], rbp",
                "mov rsp, [rsi]",
                "mov rbx, [rsi + 16]",
                "mov rbp, [rsi + 24]",
                "jmp [rsi + 8]",
                "2:",
                inout("rdi") from => _,
                inout("rsi") to => _,
                lateout("r12") _, lateout("r13") _, lateout("r14") _, lateout("r15") _,
                clobber_abi("sysv64"),
            );
        });
        #[cfg(wire_sanitize = "address")]
        // SAFETY: somebody switched to `from`.
        unsafe {
            sanitizer::come_back(from);
        }
    }
}

impl Default for Context {
    fn default() -> Context {
        Context::new()
    }
}

/// The first instructions on a prepared stack, and the last. To an unwinder it is the bottom of
/// the world (its caller's `rip` is undefined), so panics, backtraces, gdb and valgrind stop here.
#[unsafe(naked)]
unsafe extern "C" fn first() {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_def_cfa rsp, 16",
        ".cfi_undefined rip",
        "mov rdi, rbp",
        "mov rsi, rsp",
        "xor ebp, ebp",
        // The stack is 16-aligned here, as the ABI wants: `rsp` is its top.
        "call rbx",
        "mov rsp, [rax]",
        "mov rbx, [rax + 16]",
        "mov rbp, [rax + 24]",
        "jmp [rax + 8]",
        ".cfi_endproc",
    )
}
