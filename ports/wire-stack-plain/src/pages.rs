//! What is asked of the system: pages, and pages that nobody may touch.

use std::ptr::NonNull;

use region::{Allocation, Error, Protection};

use crate::StackError;

/// How the pages below a stack are kept from being touched: here always by protecting them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Guards {
    /// Taken for [`Mprotect`](Guards::Mprotect), as on any system without markers.
    #[default]
    Markers,
    /// By the system's call that protects pages: `mprotect`, `VirtualProtect`.
    Mprotect,
}

pub(crate) fn page_size() -> usize {
    region::page::size()
}

/// `size` in whole pages.
pub(crate) fn whole_pages(size: usize) -> Option<usize> {
    size.checked_next_multiple_of(page_size())
}

/// Takes whole pages of zeroes. Nothing is taken from an allocator, so what is protected later may
/// stay so when they are given back.
pub(crate) fn take(bytes: usize) -> Result<Allocation, StackError> {
    region::alloc(bytes, Protection::READ_WRITE).map_err(|error| StackError::Map {
        bytes,
        errno: number(&error),
    })
}

/// Makes every access to whole pages fault.
///
/// # Safety
///
/// The range is memory of the caller's, in whole pages, and nobody will use it again.
pub(crate) unsafe fn guard(low: NonNull<u8>, bytes: usize) -> Result<(), StackError> {
    // SAFETY: only makes the caller's range inaccessible, or fails.
    unsafe { region::protect(low.as_ptr(), bytes, Protection::NONE) }.map_err(|error| {
        StackError::Guard {
            errno: number(&error),
            limit: None,
            enough: None,
        }
    })
}

/// What the system called it; 0 if region refused before it asked.
fn number(error: &Error) -> i32 {
    error.raw_os_error().unwrap_or(0)
}

/// How deep a stack has been used: not known here, so `None`.
///
/// ```
/// use wire_stack::{Arena, high_water};
///
/// let arena = Arena::builder().build().unwrap();
/// let stack = arena.stack().unwrap();
/// assert_eq!(high_water((stack.low().addr().get(), stack.size())), None);
/// ```
pub fn high_water(_stack: (usize, usize)) -> Option<usize> {
    None
}

/// How many bytes of a stack are in memory: not known here, so `None`.
pub fn resident(_stack: (usize, usize)) -> Option<usize> {
    None
}
