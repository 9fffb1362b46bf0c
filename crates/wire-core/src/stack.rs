//! The stack a wire runs on, as core sees it: bounds, and whom to tell when it is free again.

use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;

/// What to call when a stack is free again.
#[derive(Clone, Copy)]
pub(crate) struct OnFree {
    call: unsafe fn(*const ()),
    data: *const (),
}

impl OnFree {
    pub(crate) fn call(self) {
        // SAFETY: `Stack::with_hook` was promised that this call is fine.
        unsafe { (self.call)(self.data) }
    }
}

/// Exclusive use of a piece of guarded memory as a stack, for as long as `'m`.
///
/// Made by wire-stack's arenas and static stacks; handed to a spawn function, which gives it back
/// by the owner's hook when the wire is over. Dropped unused, it is given back at once.
pub struct Stack<'m> {
    low: NonNull<u8>,
    size: usize,
    on_free: Option<OnFree>,
    memory: PhantomData<&'m mut [u8]>,
}

impl<'m> Stack<'m> {
    /// A stack from `low` to `low + size` bytes.
    ///
    /// # Safety
    ///
    /// The memory is readable, writable, 16-aligned at both ends and used by nothing else for `'m`.
    /// A guard of at least one page lies below `low`, so that an overflow faults before it reaches
    /// other memory; or the caller knows that what runs here fits (an ordinary panic with a
    /// backtrace needs more than 20 KiB).
    pub unsafe fn from_raw(low: NonNull<u8>, size: usize) -> Stack<'m> {
        Stack {
            low,
            size,
            on_free: None,
            memory: PhantomData,
        }
    }

    /// Has `call(data)` called when the stack is free again.
    ///
    /// # Safety
    ///
    /// `call(data)` is sound on this OS thread at any time in `'m`. It may run on this very stack,
    /// shortly before it is left for good, so it must not unmap or overwrite it, nor block.
    #[must_use]
    pub unsafe fn with_hook(mut self, call: unsafe fn(*const ()), data: *const ()) -> Stack<'m> {
        self.on_free = Some(OnFree { call, data });
        self
    }

    /// The lowest address.
    pub fn low(&self) -> NonNull<u8> {
        self.low
    }

    /// The size in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Gives the hook to the wire that will run here.
    pub(crate) fn hand_over(mut self) -> Option<OnFree> {
        self.on_free.take()
    }
}

impl Drop for Stack<'_> {
    fn drop(&mut self) {
        if let Some(hook) = self.on_free.take() {
            hook.call();
        }
    }
}

impl fmt::Debug for Stack<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack")
            .field("low", &self.low)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}
