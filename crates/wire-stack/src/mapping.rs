//! Memory straight from the system, for what must not come from the allocator and must not move.
//!
//! ```text
//!   Slab<T>:   │ T │ T │ T │ … capacity … │      one mapping; pages that were never touched
//!              └───┴───┴───┴──────────────┘      take no memory
//! ```

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::slice;

use crate::StackError;
use crate::sys;

/// A mapping of zeroes that takes memory only where it was touched. Unmapped when dropped.
pub struct Mapping {
    low: NonNull<u8>,
    bytes: usize,
}

// SAFETY: owned memory of the process, bound to no thread; there is nothing to do with a shared
// mapping but to ask where it is.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps at least so many bytes (and at least one), in whole pages.
    ///
    /// # Errors
    ///
    /// If the system has no such room.
    pub fn new(bytes: usize) -> Result<Mapping, StackError> {
        let bytes = sys::whole_pages(bytes.max(1)).ok_or(StackError::TooLarge)?;
        let bytes = NonZeroUsize::new(bytes).ok_or(StackError::TooLarge)?;
        Ok(Mapping {
            low: sys::map(bytes)?,
            bytes: bytes.get(),
        })
    }

    /// The lowest address. Good for reads and writes of the whole mapping while it exists.
    pub fn low(&self) -> NonNull<u8> {
        self.low
    }

    /// The size in bytes: whole pages.
    pub fn size(&self) -> usize {
        self.bytes
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: what used the mapping borrowed it, or answers for outliving it.
        unsafe { sys::unmap(self.low, self.bytes) };
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping")
            .field("low", &self.low)
            .field("size", &self.bytes)
            .finish()
    }
}

/// A place for a `T` that may not be there yet.
pub type Place<T> = UnsafeCell<MaybeUninit<T>>;

/// A mapping of places for so many `T`, side by side. What is put there is never dropped.
pub struct Slab<T> {
    mapping: Mapping,
    capacity: usize,
    places: PhantomData<Place<T>>,
}

impl<T> Slab<T> {
    /// Maps room for `capacity` elements.
    ///
    /// # Errors
    ///
    /// If the system has no such room.
    pub fn new(capacity: usize) -> Result<Slab<T>, StackError> {
        const {
            assert!(
                align_of::<T>() <= 4096,
                "mappings are aligned to pages only"
            )
        };
        let bytes = size_of::<T>()
            .checked_mul(capacity)
            .ok_or(StackError::TooLarge)?;
        Ok(Slab {
            mapping: Mapping::new(bytes)?,
            capacity,
            places: PhantomData,
        })
    }

    /// The places, all zero bytes at first.
    pub fn places(&self) -> &[Place<T>] {
        // SAFETY: the mapping has room for `capacity` elements and is aligned for them; places
        // need no initial value, and shared references to them promise nothing about theirs.
        unsafe { slice::from_raw_parts(self.mapping.low().cast().as_ptr(), self.capacity) }
    }
}

impl<T> fmt::Debug for Slab<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slab")
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}
