//! Files below a directory, sent piece by piece.
//!
//! Opening a file, and reading one that is not in memory, blocks for as long as the disk takes.
//! wire-io hands that to other threads; the wire waits like for anything else.

use std::ffi::CStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use libwire::{File, offload};
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

use crate::add;
use crate::http::{FileRequest, Input, PATH_MAX, Status};
use crate::serve::Talk;

/// What is read and sent at a time.
const PIECE: usize = 16 * 1024;

/// A directory out of which nothing leads, symbolic links included.
pub(crate) struct Root {
    directory: OwnedFd,
}

impl Root {
    /// Opens the directory.
    ///
    /// # Errors
    ///
    /// Those of `openat2`; it came with Linux 5.6.
    pub(crate) fn open(path: &Path) -> io::Result<Root> {
        let directory = fs::File::open(path)?;
        if !directory.metadata()?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let root = Root {
            directory: directory.into(),
        };
        // Better to fail here than at each request.
        root.open_below(c".")?;
        Ok(root)
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

    fn open_below(&self, path: &CStr) -> nix::Result<fs::File> {
        // Without O_NONBLOCK, opening a FIFO would wait for a writer.
        let how = OpenHow::new()
            .flags(OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY)
            .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        openat2(&self.directory, path, how).map(fs::File::from)
    }
}

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

/// Answers a request for a file.
///
/// # Errors
///
/// Those of the connection; and of the file, once its length was announced.
#[inline(never)]
pub(crate) fn send(
    talk: &mut Talk<'_>,
    input: &Input<'_>,
    request: &FileRequest,
) -> io::Result<()> {
    let handler = &talk.server.handler;
    let mut name = [0; PATH_MAX];
    let opened = request
        .path(input, &mut name)
        .and_then(|path| Ok((path, talk.server.root.file(path)?)));
    let (path, (file, metadata)) = match opened {
        Ok(opened) => opened,
        Err(status) => {
            handler.refuse_file(request, status, &mut talk.out);
            return talk.send();
        }
    };
    let modified = metadata.modified().ok();
    let length = handler.file(request, path, metadata.len(), modified, &mut talk.out);
    if length == 0 {
        return talk.send();
    }
    let mut piece = [0; PIECE];
    // The first piece goes out with the head in front of it.
    let head = talk.out.data();
    let mut start = head.len();
    piece[..start].copy_from_slice(head);
    talk.out.sent(start);
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
        talk.write_all(&piece[..start + count])?;
        sent += count as u64;
        start = 0;
        add(&talk.server.totals.file_bytes, count as u64);
    }
    Ok(())
}
