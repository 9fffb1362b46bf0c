//! Asking for memory before it is needed: who is about to wake many wires can have their cache misses
//! happen side by side instead of one after the other.

/// Has the cache line at `address` fetched, if it can be; nothing happens if there is none.
#[inline]
pub(crate) fn prefetch<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint. It reads nothing that the program could see, and faults at no address.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
