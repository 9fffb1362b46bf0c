//! Files below a directory, sent piece by piece.
//!
//! Opening a file, and reading one that is not in memory, blocks for as long as the disk takes.
//! wire-io hands that to other threads; the wire waits like for anything else.

use std::ffi::CStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use libwire::{File, offload};
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::Mode;

use crate::add;
use crate::desks::Desk;
use crate::http::{FileRequest, PATH_MAX, Status};
use crate::serve::Talk;

/// What is read and sent at a time.
pub(crate) const PIECE: usize = 16 * 1024;

/// A directory out of which nothing leads, symbolic links included.
pub(crate) struct Root {
    directory: OwnedFd,
    /// Its path without links.
    path: PathBuf,
}

impl Root {
    /// Opens the directory.
    ///
    /// # Errors
    ///
    /// Those of opening it, or that it is none.
    pub(crate) fn open(path: &Path) -> io::Result<Root> {
        let path = path.canonicalize()?;
        let directory = fs::File::open(&path)?;
        if !directory.metadata()?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Root {
            directory: directory.into(),
            path,
        })
    }

    /// Opens a file, if it is one that can be sent.
    fn file(&self, path: &CStr) -> Result<(File, Metadata), Status> {
        let opened = offload(|| -> io::Result<_> {
            let file = self.open_below(path)?;
            let metadata = file.metadata()?;
            Ok((file, metadata))
        });
        match opened {
            Ok((file, metadata)) if metadata.is_file() => Ok((File::from_std(file), metadata)),
            // Directories are not listed; devices and the like are nobody's business.
            Ok(_) => Err(Status::Forbidden),
            Err(error) => Err(refusal(&error)),
        }
    }

    fn open_below(&self, path: &CStr) -> io::Result<fs::File> {
        let how = OpenHow::new()
            .flags(READ)
            .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        match openat2(&self.directory, path, how) {
            // Linux before 5.6, and sandboxes.
            Err(Errno::ENOSYS) => self.open_and_look(path),
            opened => Ok(opened?.into()),
        }
    }

    /// Opens a file wherever links lead, and then looks where that was. What was opened is what is
    /// served, whatever happens to the links meanwhile.
    fn open_and_look(&self, path: &CStr) -> io::Result<fs::File> {
        let file = openat(&self.directory, path, READ, Mode::empty())?;
        let place = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
        if place.starts_with(&self.path) {
            Ok(file.into())
        } else {
            Err(Errno::EXDEV.into())
        }
    }
}

/// Without O_NONBLOCK, opening a FIFO would wait for a writer.
const READ: OFlag = OFlag::O_RDONLY
    .union(OFlag::O_CLOEXEC)
    .union(OFlag::O_NONBLOCK)
    .union(OFlag::O_NOCTTY);

/// What a client is told about a file that could not be opened.
fn refusal(error: &io::Error) -> Status {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT | Errno::ENOTDIR | Errno::ENAMETOOLONG) => Status::NotFound,
        // EXDEV: the name leads out of the root.
        Some(Errno::EXDEV | Errno::ELOOP | Errno::EACCES | Errno::EPERM | Errno::ENXIO) => {
            Status::Forbidden
        }
        _ => Status::InternalError,
    }
}

/// Answers a request for a file: the head, and what it refuses, may stay in the output.
///
/// # Errors
///
/// Those of the connection; and of the file, once its length was announced.
// In a frame of its own: it is large, and most connections never ask for a file.
#[inline(never)]
pub(crate) fn send(talk: &Talk<'_>, desk: &mut Desk, request: &FileRequest) -> io::Result<()> {
    let handler = &talk.server.handler;
    let out = &mut desk.out;
    let mut name = [0; PATH_MAX];
    let opened = request
        .path(&desk.input, &mut name)
        .and_then(|path| Ok((path, talk.server.root.file(path)?)));
    let (path, (file, metadata)) = match opened {
        Ok(opened) => opened,
        Err(status) => {
            handler.refuse_file(request, status, out);
            return Ok(());
        }
    };
    let modified = metadata.modified().ok();
    let length = handler.file(request, path, metadata.len(), modified, out);
    if length == 0 {
        return Ok(());
    }
    let piece = &mut *desk.piece;
    // The first piece goes out with the head in front of it.
    let mut start = out.data().len();
    piece[..start].copy_from_slice(out.data());
    out.sent(start);
    let mut sent = 0;
    while sent < length {
        let room = &mut piece[start..];
        let want = room
            .len()
            .min(usize::try_from(length - sent).unwrap_or(usize::MAX));
        let count = file.read_at(&mut room[..want], sent)?;
        if count == 0 {
            // It was cut short meanwhile. The client has to notice, so the connection ends.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        talk.write_in_time(&piece[..start + count])?;
        sent += count as u64;
        start = 0;
        add(&talk.server.totals.file_bytes, count as u64);
    }
    Ok(())
}
