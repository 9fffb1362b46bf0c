//! The system calls that stacks take, each with the quirks of its errors.

use std::ffi::CStr;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::errno::Errno;
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap_anonymous, mprotect, munmap};

use crate::{StackError, wall};

/// How the pages below a stack are kept from being touched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Guards {
    /// By markers in the page table, where the kernel has them (Linux 6.13 and later), else by
    /// `mprotect`. Markers leave the mapping in one piece, so a million stacks are fine.
    #[default]
    Markers,
    /// By `mprotect`. Each stack then takes two of the process's mappings, whose number
    /// `vm.max_map_count` limits: by default to some 32,000 stacks.
    Mprotect,
}

/// `MADV_GUARD_INSTALL`, younger than the C library's headers.
const MADV_GUARD_INSTALL: libc::c_int = 102;

/// The largest guard in the process: how far below a stack the overflow detector looks.
static LARGEST_GUARD: AtomicUsize = AtomicUsize::new(0);

pub(crate) fn largest_guard() -> usize {
    LARGEST_GUARD.load(Ordering::Relaxed)
}

/// In bytes. Kept, since signal handlers ask for it, and no standard lets them call `sysconf`.
pub(crate) fn page_size() -> usize {
    static KNOWN: AtomicUsize = AtomicUsize::new(0);
    match KNOWN.load(Ordering::Relaxed) {
        0 => {
            // SAFETY: asks for a number.
            let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
            let size = usize::try_from(size).expect("a system has a page size");
            KNOWN.store(size, Ordering::Relaxed);
            size
        }
        known => known,
    }
}

/// `size` in whole pages.
pub(crate) fn whole_pages(size: usize) -> Option<usize> {
    size.checked_next_multiple_of(page_size())
}

/// Maps fresh memory that counts only when touched.
pub(crate) fn map(bytes: NonZeroUsize) -> Result<NonNull<u8>, StackError> {
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE | MapFlags::MAP_STACK;
    // SAFETY: a new mapping at an address of the kernel's choice.
    unsafe { mmap_anonymous(None, bytes, access, flags) }
        .map(NonNull::cast)
        .map_err(|errno| StackError::Map {
            bytes: bytes.get(),
            errno: errno as i32,
        })
}

/// # Safety
///
/// The range is a mapping of the caller's, used by nobody any more.
pub(crate) unsafe fn unmap(low: NonNull<u8>, bytes: usize) {
    // SAFETY: the caller's promise. It fails only where the range is none, or where unmapping would
    // split one mapping too many, which a whole mapping does not.
    let done = unsafe { munmap(low.cast(), bytes) };
    debug_assert_eq!(done, Ok(()));
}

/// Makes every access to whole pages fault. Says which way it was done. `guards` is how many are wanted here,
/// this one included: should it fail, so many are to be made possible.
///
/// # Safety
///
/// The range is memory of the caller's, in whole pages, and nobody will use it again.
pub(crate) unsafe fn guard(
    low: NonNull<u8>,
    bytes: usize,
    how: Guards,
    guards: usize,
) -> Result<Guards, StackError> {
    LARGEST_GUARD.fetch_max(bytes, Ordering::Relaxed);
    if how == Guards::Markers {
        // SAFETY: only makes the caller's range inaccessible, or fails.
        let done = unsafe { libc::madvise(low.as_ptr().cast(), bytes, MADV_GUARD_INSTALL) };
        match Errno::result(done) {
            Ok(_) => return Ok(Guards::Markers),
            // An older kernel, or memory that is locked.
            Err(Errno::EINVAL) => {}
            Err(errno) => return Err(wall::error(errno, guards)),
        }
    }
    wall::enter()
        // SAFETY: as above.
        .and_then(|()| unsafe { mprotect(low.cast(), bytes, ProtFlags::PROT_NONE) })
        .map_err(|errno| wall::error(errno, guards))?;
    Ok(Guards::Mprotect)
}

/// Reads a file of the kernel's in pieces, without allocating. `None` if it cannot be read to the end.
pub(crate) fn read(path: &CStr, mut piece: impl FnMut(&[u8])) -> Option<()> {
    // SAFETY: a path that ends in zero.
    let fd = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if fd < 0 {
        return None;
    }
    let mut text = [0_u8; 4096];
    let done = loop {
        // SAFETY: it gets the buffer it fills, and its length.
        let length = unsafe { libc::read(fd, text.as_mut_ptr().cast(), text.len()) };
        match usize::try_from(length) {
            Ok(0) => break Some(()),
            Ok(length) => piece(&text[..length]),
            Err(_) if Errno::last() == Errno::EINTR => {}
            _ => break None,
        }
    };
    // SAFETY: opened above.
    unsafe { libc::close(fd) };
    done
}

/// Whether so many bytes can be read, without reading them here. Async-signal-safe.
pub(crate) fn readable(low: *const (), bytes: usize) -> bool {
    let page = page_size();
    let Some(end) = low.addr().checked_add(bytes) else {
        return false;
    };
    // One word of each page: the one that the range begins in, then the first.
    let first = low.addr() / page * page;
    let mut pages = (first..end).step_by(page);
    pages.all(|page| readable_word(page.max(low.addr() & !7)))
}

/// Whether the kernel can read eight bytes there. It is asked to change the signal mask in a way there is
/// none, which it finds out after it has read the mask.
fn readable_word(at: usize) -> bool {
    const NO_SUCH_WAY: libc::c_int = -1;
    let none = std::ptr::null_mut::<()>();
    // SAFETY: changes nothing: it fails in one way or the other.
    let done = unsafe { libc::syscall(libc::SYS_rt_sigprocmask, NO_SUCH_WAY, at, none, 8) };
    done != 0 && Errno::last() == Errno::EINVAL
}

/// Keeps the kernel from backing the range by huge pages: the first touch of a stack would take
/// 2 MiB instead of 4 KiB.
///
/// # Safety
///
/// The range is memory of the caller's.
pub(crate) unsafe fn no_huge_pages(low: NonNull<u8>, bytes: usize) {
    // SAFETY: no contents change. Fails on kernels without huge pages, which is just as well.
    let _ = unsafe { madvise(low.cast(), bytes, MmapAdvise::MADV_NOHUGEPAGE) };
}

/// Gives whole pages back to the system; they read as zero afterwards.
///
/// # Safety
///
/// The range is memory of the caller's, whose contents nobody needs.
pub(crate) unsafe fn discard(low: NonNull<u8>, bytes: usize) {
    // SAFETY: the caller's promise. Fails for locked memory, which then stays.
    let _ = unsafe { madvise(low.cast(), bytes, MmapAdvise::MADV_DONTNEED) };
}

/// Calls `found` with each of the pages from `low`, as a number, and whether it is in memory. Says
/// `false` if the range is not mapped.
pub(crate) fn residency(low: usize, bytes: usize, mut found: impl FnMut(usize, bool)) -> bool {
    const CHUNK: usize = 256;
    let page = page_size();
    let pages = bytes.div_ceil(page);
    let mut state = [0_u8; CHUNK];
    for first in (0..pages).step_by(CHUNK) {
        let count = CHUNK.min(pages - first);
        let from = std::ptr::without_provenance_mut(low + first * page);
        // SAFETY: `mincore` only looks at the page table; it writes one byte per page to `state`,
        // which has room for `count`.
        if unsafe { libc::mincore(from, count * page, state.as_mut_ptr()) } != 0 {
            return false;
        }
        for (at, byte) in state[..count].iter().enumerate() {
            found(first + at, byte & 1 != 0);
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_read_is_told_from_what_cannot() {
        let page = page_size();
        let low = map(NonZeroUsize::new(3 * page).unwrap()).unwrap();
        // SAFETY: the last page of this mapping.
        unsafe { guard(low.byte_add(2 * page), page, Guards::Markers, 1) }.unwrap();
        let at = |offset: usize| low.as_ptr().wrapping_add(offset).cast_const().cast();
        for (offset, bytes) in [
            (0, 1),
            (0, 2 * page),
            (page - 1, 2),
            (2 * page - 1, 1),
            (0, 0),
        ] {
            assert!(readable(at(offset), bytes), "{offset} {bytes}");
        }
        for (offset, bytes) in [
            (2 * page, 1),
            (2 * page - 1, 2),
            (0, 3 * page),
            (page, usize::MAX),
        ] {
            assert!(!readable(at(offset), bytes), "{offset} {bytes}");
        }
        for nowhere in [0, 8, usize::MAX - 8, 1 << 62] {
            assert!(
                !readable(std::ptr::without_provenance(nowhere), 8),
                "{nowhere}"
            );
        }
        // SAFETY: mapped above, used by nobody.
        unsafe { unmap(low, 3 * page) };
    }
}
