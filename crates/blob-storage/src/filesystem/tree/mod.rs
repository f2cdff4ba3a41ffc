//! The tree on the disk: opens, renames and removes beneath one directory handle, and
//! follows no symlink on the way. It knows paths, not what they mean.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use registry_core::ports::BlobStoreError;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::fault::{fault, path_fault};

/// Blobs may be private: nobody else on the machine reads them.
const FILE_MODE: Mode = Mode::from_raw_mode(0o600);
/// How far the kernel may go to resolve a path.
const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS);
/// `NONBLOCK` so that a FIFO answers at once; it means nothing to a regular file.
const ALWAYS: OFlags = OFlags::CLOEXEC
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
    /// Writing; it need not be there yet.
    Create,
}

impl Access {
    fn flags(self) -> OFlags {
        match self {
            Self::Read => OFlags::RDONLY,
            Self::Write => OFlags::RDWR,
            Self::Create => OFlags::RDWR.union(OFlags::CREATE),
        }
    }
}

/// Who walks the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resolution {
    /// The kernel, in one call: `openat2`.
    Kernel,
    /// We do, a directory at a time, for kernels before 5.6 and sandboxes without that call.
    Steps,
}

impl Resolution {
    /// What works here. Older sandboxes answer EPERM to calls they do not know.
    pub(super) fn detect(root: BorrowedFd<'_>) -> Self {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::openat2(root, ".", flags, Mode::empty(), BENEATH) {
            Err(Errno::NOSYS | Errno::PERM) => Self::Steps,
            Ok(_) | Err(_) => Self::Kernel,
        }
    }
}

/// The directory of a store.
#[derive(Debug)]
pub(super) struct Tree {
    root: OwnedFd,
    resolution: Resolution,
    /// Keeps other processes out until the last work under way has ended.
    _lock: Option<File>,
}

impl Tree {
    pub(super) fn new(root: OwnedFd, resolution: Resolution) -> Self {
        Self {
            root,
            resolution,
            _lock: None,
        }
    }

    /// Holds on to the file that keeps other processes out.
    pub(super) fn locked_by(self, lock: File) -> Self {
        Self {
            _lock: Some(lock),
            ..self
        }
    }

    pub(super) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// A regular file, or `None` if nothing is there.
    pub(super) fn file(&self, path: &str, access: Access) -> Result<Option<File>, BlobStoreError> {
        let opened = match self.resolution {
            Resolution::Kernel => self.resolve(path, access, ResolveFlags::empty()),
            Resolution::Steps => self.step(path, access.flags() | ALWAYS),
        };
        checked(path, access, opened)
    }

    /// The same for reading, without waiting for a disk; `None` if that cannot be promised.
    pub(super) fn cached_file(&self, path: &str) -> Option<Result<Option<File>, BlobStoreError>> {
        if self.resolution == Resolution::Steps {
            return None;
        }
        match self.resolve(path, Access::Read, ResolveFlags::CACHED) {
            // Not in memory; or a kernel before 5.12, which does not know the flag.
            Err(Errno::AGAIN | Errno::INVAL) => None,
            opened => Some(checked(path, Access::Read, opened)),
        }
    }

    /// A directory that is there.
    pub(super) fn directory(&self, path: &str) -> Result<OwnedFd, BlobStoreError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = match self.resolution {
            Resolution::Kernel => {
                rustix::fs::openat2(&self.root, path, flags, Mode::empty(), BENEATH)
            }
            Resolution::Steps => self.step(path, flags),
        };
        opened.map_err(|error| path_fault(path, error))
    }

    /// Makes the entries of a directory durable.
    pub(super) fn sync(&self, path: &str) -> Result<(), BlobStoreError> {
        rustix::fs::fsync(self.directory(path)?).map_err(fault)
    }

    /// Moves a file, under the same name, to a directory where it replaces what has the name.
    pub(super) fn rename(&self, name: &str, [from, to]: [&str; 2]) -> Result<(), BlobStoreError> {
        let [old, new] = [self.directory(from)?, self.directory(to)?];
        rustix::fs::renameat(old, name, new, name)
            .map_err(|error| path_fault(&format!("{to}/{name}"), error))
    }

    /// Removes a name, whatever it leads to; it need not be there.
    pub(super) fn unlink(&self, directory: &str, name: &str) -> Result<(), BlobStoreError> {
        match rustix::fs::unlinkat(self.directory(directory)?, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(path_fault(&format!("{directory}/{name}"), error)),
        }
    }

    fn resolve(
        &self,
        path: &str,
        access: Access,
        how: ResolveFlags,
    ) -> rustix::io::Result<OwnedFd> {
        let mode = if access == Access::Create {
            FILE_MODE
        } else {
            Mode::empty()
        };
        rustix::fs::openat2(
            &self.root,
            path,
            access.flags() | ALWAYS,
            mode,
            BENEATH | how,
        )
    }

    /// Walks like `openat2` would: our paths have no `..`, so not following symlinks keeps beneath.
    fn step(&self, path: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut at = None;
        let (parents, name) = path
            .rsplit_once('/')
            .map_or((None, path), |(p, n)| (Some(p), n));
        for parent in parents.into_iter().flat_map(|parents| parents.split('/')) {
            let here = at.as_ref().map_or(self.root(), AsFd::as_fd);
            at = Some(rustix::fs::openat(here, parent, directory, Mode::empty())?);
        }
        let here = at.as_ref().map_or(self.root(), AsFd::as_fd);
        rustix::fs::openat(here, name, flags | OFlags::NOFOLLOW, FILE_MODE)
    }
}

/// Lets only regular files of ours through.
fn checked(
    path: &str,
    access: Access,
    opened: rustix::io::Result<OwnedFd>,
) -> Result<Option<File>, BlobStoreError> {
    let file = match opened {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(path_fault(path, error)),
    };
    let stat = rustix::fs::fstat(&file).map_err(fault)?;
    let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    // A file with a second name must not be written: the other name may be anybody's. Reading one
    // is fine, since backups are made of hard links.
    if !regular || (access != Access::Read && stat.st_nlink > 1) {
        return Err(BlobStoreError::Foreign(path.to_owned()));
    }
    Ok(Some(File::from(file)))
}

/// How long a file is.
pub(super) fn length(file: &File) -> Result<u64, BlobStoreError> {
    file.metadata()
        .map(|metadata| metadata.len())
        .map_err(fault)
}

#[cfg(test)]
mod tests;
