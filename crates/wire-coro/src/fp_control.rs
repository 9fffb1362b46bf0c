//! The floating-point control words across a switch, for those who asked for it.

/// Runs `switch` and puts back the control words found before it, if the feature
/// `save-fp-control` is on.
#[inline(always)]
pub(crate) fn keep(switch: impl FnOnce()) {
    #[cfg(all(feature = "save-fp-control", target_arch = "x86_64"))]
    {
        let (mut mxcsr, mut x87) = (0_u32, 0_u16);
        // SAFETY: both instructions store to the locals named, and change nothing else.
        unsafe {
            core::arch::asm!(
                "stmxcsr [{}]", "fnstcw [{}]", in(reg) &raw mut mxcsr, in(reg) &raw mut x87,
                options(nostack, preserves_flags)
            );
        }
        switch();
        // SAFETY: loads what was stored above, so both are valid control words.
        unsafe {
            core::arch::asm!(
                "ldmxcsr [{}]", "fldcw [{}]", in(reg) &raw const mxcsr, in(reg) &raw const x87,
                options(nostack, preserves_flags, readonly)
            );
        }
    }
    #[cfg(not(all(feature = "save-fp-control", target_arch = "x86_64")))]
    switch();
}
