//! Memory straight from the system, for what must not come from the allocator and must not move.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::slice;

use region::Allocation;

use crate::{StackError, pages};

/// Pages of zeroes, given back to the system when dropped.
pub struct Mapping {
    pages: Allocation,
}

// SAFETY: owned memory of the process, bound to no thread; there is nothing to do with a shared
// mapping but to ask where it is.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Takes at least so many bytes (and at least one), in whole pages.
    ///
    /// # Errors
    ///
    /// If the system has no such room.
    pub fn new(bytes: usize) -> Result<Mapping, StackError> {
        let bytes = pages::whole_pages(bytes.max(1)).ok_or(StackError::TooLarge)?;
        pages::take(bytes).map(|pages| Mapping { pages })
    }

    /// The lowest address. Good for reads and writes of the whole mapping while it exists.
    pub fn low(&self) -> NonNull<u8> {
        NonNull::new(self.pages.as_ptr::<u8>().cast_mut()).expect("the system gives no page at 0")
    }

    /// The size in bytes: whole pages.
    pub fn size(&self) -> usize {
        self.pages.len()
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping")
            .field("low", &self.low())
            .field("size", &self.size())
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
    /// Takes room for `capacity` elements.
    ///
    /// # Errors
    ///
    /// If the system has no such room.
    pub fn new(capacity: usize) -> Result<Slab<T>, StackError> {
        const { assert!(align_of::<T>() <= 4096, "pages are aligned to pages only") };
        let bytes = size_of::<T>().checked_mul(capacity);
        Ok(Slab {
            mapping: Mapping::new(bytes.ok_or(StackError::TooLarge)?)?,
            capacity,
            places: PhantomData,
        })
    }

    /// The places, all zero bytes at first.
    pub fn places(&self) -> &[Place<T>] {
        // SAFETY: there is room for `capacity` elements, aligned for them; places need no initial
        // value, and shared references to them promise nothing about theirs.
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
