//! Address space for as many values of a type as there may ever be; the kernel gives it memory, all
//! zeroes, page by page as they come into use.

use std::num::NonZeroUsize;
use std::ptr::NonNull;

use nix::errno::Errno;
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap_anonymous, munmap};

/// Room for values at addresses that stay. What lies there, who uses it knows.
#[derive(Debug)]
pub(crate) struct Reserved<T> {
    start: NonNull<T>,
    len: usize,
}

impl<T> Reserved<T> {
    /// Room for `len` values.
    pub(crate) fn map(len: usize) -> Result<Reserved<T>, Errno> {
        let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        let bytes = NonZeroUsize::new(len * size_of::<T>()).ok_or(Errno::EINVAL)?;
        // SAFETY: a new mapping at an address of the kernel's choice; it touches nothing else.
        let start = unsafe { mmap_anonymous(None, bytes, access, flags) }?.cast();
        Ok(Reserved { start, len })
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Where the value of this index lies.
    ///
    /// # Safety
    ///
    /// `index` is less than [`len`](Reserved::len).
    #[inline]
    pub(crate) unsafe fn at(&self, index: usize) -> NonNull<T> {
        debug_assert!(index < self.len);
        // SAFETY: inside the mapping, by contract.
        unsafe { self.start.add(index) }
    }

    /// The address of the value of this index, which may be beyond the last.
    #[inline]
    pub(crate) fn address(&self, index: usize) -> *const T {
        self.start.as_ptr().wrapping_add(index)
    }

    /// Gives the memory back; what is read there afterwards is zeroes again.
    ///
    /// # Safety
    ///
    /// Zeroes are good values wherever one may be looked at later.
    pub(crate) unsafe fn forget_all(&self) {
        let bytes = self.len * size_of::<T>();
        // SAFETY: the mapping made in `map`, and by contract nobody minds.
        let _ = unsafe { madvise(self.start.cast(), bytes, MmapAdvise::MADV_DONTNEED) };
    }

    /// Takes the addresses back as well.
    ///
    /// # Safety
    ///
    /// Nobody uses them any more.
    pub(crate) unsafe fn unmap(&self) {
        // SAFETY: the mapping made in `map`, unused by contract.
        let _ = unsafe { munmap(self.start.cast(), self.len * size_of::<T>()) };
    }
}
