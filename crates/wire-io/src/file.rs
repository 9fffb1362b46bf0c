//! Files, shaped like `std::fs::File`.
//!
//! Reading and writing first asks the kernel to do it only if it need not wait (`RWF_NOWAIT`); on
//! "would block" the call goes to the pool. A file system that does not know the flag says so once
//! per file. What is served at once counts against a budget, so that a wire reading cached files
//! does not keep the thread to itself.

use std::cell::Cell;
use std::fs::{self, Metadata};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;

use wire_core::{shield, yield_now};

use crate::offload::offload;

/// Calls served at once after which others get a turn.
const BUDGET: u32 = 32;

thread_local! {
    static SPENT: Cell<u32> = const { Cell::new(0) };
}

fn spend() {
    SPENT.with(|spent| {
        spent.set(spent.get() + 1);
        if spent.get() >= BUDGET {
            spent.set(0);
            // Interrupts are put off, as by any call that goes to the pool.
            shield(yield_now);
        }
    });
}

/// The position that means "where the file stands".
const HERE: i64 = -1;

/// An open file whose calls block only their wire. Outside a wire they are the plain calls.
///
/// ```
/// use std::io::Read;
///
/// wire_io::wire_core::run(|| {
///     let mut text = String::new();
///     wire_io::File::open("Cargo.toml")?.read_to_string(&mut text)?;
///     assert!(text.contains("wire-io"));
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct File {
    file: fs::File,
    /// Whether the file system was found not to know `RWF_NOWAIT`.
    always_offload: AtomicBool,
}

impl File {
    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// Those of `open`.
    pub fn open(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().read(true).open(path)
    }

    /// Opens a file for writing, making or emptying it.
    ///
    /// # Errors
    ///
    /// Those of `open`.
    pub fn create(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)
    }

    /// Wraps a file opened otherwise.
    pub fn from_std(file: fs::File) -> File {
        File {
            file,
            always_offload: AtomicBool::new(false),
        }
    }

    /// The plain file.
    pub fn into_std(self) -> fs::File {
        self.file
    }

    /// Size, times, type and so on.
    ///
    /// # Errors
    ///
    /// Those of `fstat`.
    pub fn metadata(&self) -> io::Result<Metadata> {
        offload(|| self.file.metadata())
    }

    /// Reads at an offset, leaving the file's position alone. May read less than there is room for.
    ///
    /// # Errors
    ///
    /// Those of `pread`.
    pub fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        match self.at_once(
            &mut [IoSliceMut::new(buf)],
            position(offset)?,
            libc::preadv2,
        ) {
            Some(result) => result,
            None => offload(|| self.file.read_at(buf, offset)),
        }
    }

    /// Writes at an offset, leaving the file's position alone. May write less than given.
    ///
    /// # Errors
    ///
    /// Those of `pwrite`.
    pub fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        match self.at_once(&mut [IoSlice::new(buf)], position(offset)?, libc::pwritev2) {
            Some(result) => result,
            None => offload(|| self.file.write_at(buf, offset)),
        }
    }

    /// Makes the file this long, cutting off or adding zeros.
    ///
    /// # Errors
    ///
    /// Those of `ftruncate`.
    pub fn set_len(&self, size: u64) -> io::Result<()> {
        offload(|| self.file.set_len(size))
    }

    /// Has the disk space for `len` bytes from `offset` set aside.
    ///
    /// # Errors
    ///
    /// Those of `fallocate`; `EINVAL` for numbers beyond what a file can have.
    pub fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        let (offset, len) = (position(offset)?, position(len)?);
        let flags = nix::fcntl::FallocateFlags::empty();
        offload(|| nix::fcntl::fallocate(&self.file, flags, offset, len)).map_err(io::Error::from)
    }

    /// Waits until data and metadata are on the disk.
    ///
    /// # Errors
    ///
    /// Those of `fsync`.
    pub fn sync_all(&self) -> io::Result<()> {
        offload(|| self.file.sync_all())
    }

    /// Waits until the data is on the disk.
    ///
    /// # Errors
    ///
    /// Those of `fdatasync`.
    pub fn sync_data(&self) -> io::Result<()> {
        offload(|| self.file.sync_data())
    }

    /// Closes the file on the pool and says how that went. Dropping it closes it here, which on
    /// network file systems may block the thread.
    ///
    /// # Errors
    ///
    /// Those of `close`. The descriptor is gone in any case.
    pub fn close(self) -> io::Result<()> {
        let fd = OwnedFd::from(self.file);
        offload(|| nix::unistd::close(fd)).map_err(io::Error::from)
    }

    /// The call if it need not wait; `None` if it must go to the pool.
    fn at_once<B>(
        &self,
        bufs: &mut [B; 1],
        offset: i64,
        call: unsafe extern "C" fn(i32, *const libc::iovec, i32, i64, i32) -> isize,
    ) -> Option<io::Result<usize>> {
        if self.always_offload.load(Ordering::Relaxed) {
            return None;
        }
        spend();
        let fd = self.file.as_raw_fd();
        loop {
            // SAFETY: `IoSlice` and `IoSliceMut` have the layout of `iovec`, and the buffer is
            // borrowed as the call needs it: `read_at` passes a mutable one.
            let done = unsafe { call(fd, bufs.as_ptr().cast(), 1, offset, libc::RWF_NOWAIT) };
            return match Errno::result(done) {
                Ok(count) => Some(Ok(count as usize)),
                Err(Errno::EINTR) => continue,
                Err(Errno::EAGAIN) => None,
                Err(Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::EINVAL | Errno::ESPIPE) => {
                    self.always_offload.store(true, Ordering::Relaxed);
                    None
                }
                Err(errno) => Some(Err(errno.into())),
            };
        }
    }
}

fn position(offset: u64) -> io::Result<i64> {
    i64::try_from(offset).map_err(|_| Errno::EINVAL.into())
}

impl Read for &File {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.at_once(&mut [IoSliceMut::new(buf)], HERE, libc::preadv2) {
            Some(result) => result,
            None => offload(|| (&self.file).read(buf)),
        }
    }
}

impl Write for &File {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self.at_once(&mut [IoSlice::new(buf)], HERE, libc::pwritev2) {
            Some(result) => result,
            None => offload(|| (&self.file).write(buf)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for File {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }
}

impl Write for File {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// How to open a [`File`]: std's options, opened on the pool.
#[derive(Clone, Debug)]
pub struct OpenOptions(fs::OpenOptions);

macro_rules! option {
    ($($(#[$doc:meta])* $name:ident: $type:ty),* $(,)?) => {
        $($(#[$doc])* pub fn $name(&mut self, value: $type) -> &mut OpenOptions {
            self.0.$name(value);
            self
        })*
    };
}

impl OpenOptions {
    /// Nothing set.
    pub fn new() -> OpenOptions {
        OpenOptions(fs::OpenOptions::new())
    }

    option! {
        /// See [`fs::OpenOptions::read`].
        read: bool,
        /// See [`fs::OpenOptions::write`].
        write: bool,
        /// See [`fs::OpenOptions::append`].
        append: bool,
        /// See [`fs::OpenOptions::truncate`].
        truncate: bool,
        /// See [`fs::OpenOptions::create`].
        create: bool,
        /// See [`fs::OpenOptions::create_new`].
        create_new: bool,
        /// See [`OpenOptionsExt::mode`].
        mode: u32,
        /// See [`OpenOptionsExt::custom_flags`].
        custom_flags: i32,
    }

    /// Opens `path`.
    ///
    /// # Errors
    ///
    /// Those of `open`.
    pub fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let path = path.as_ref();
        offload(|| self.0.open(path)).map(File::from_std)
    }
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions::new()
    }
}
