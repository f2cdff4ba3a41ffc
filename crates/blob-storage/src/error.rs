//! Why a store cannot be opened, in sentences for whoever started the process.

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use thiserror::Error;

use crate::s3::S3OpenError;

/// Why a store cannot be opened, and what to do about it.
#[derive(Debug, Error)]
pub enum StorageOpenError {
    /// The path, or something on the way to it, is a file.
    #[error("{} is not a directory: name a directory, or one that may be created", .0.display())]
    NotADirectory(PathBuf),
    /// The file system is mounted read-only.
    #[error("{} is on a read-only file system: mount it writable, or keep the storage elsewhere", .0.display())]
    ReadOnly(PathBuf),
    /// Permissions, or a security module.
    #[error("{} may not be written by this user: change its owner, or keep the storage elsewhere", .directory.display())]
    Denied {
        /// The storage directory.
        directory: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The lock is taken.
    #[error("{} is in use by another process: stop that one, or give this one another directory", .0.display())]
    InUse(PathBuf),
    /// There are blobs, but not ours.
    #[error(
        "{} holds blobs of something else (there is no file `berth-storage`): name an empty directory",
        .0.display()
    )]
    NotOurs(PathBuf),
    /// Laid out by another release.
    #[error(
        "{} has storage layout {found:?}, and this release knows layout 1: use the release that wrote it",
        .directory.display()
    )]
    UnknownLayout {
        /// The storage directory.
        directory: PathBuf,
        /// What its marker says.
        found: String,
    },
    /// A symlink, FIFO or the like where a file or directory of the store should be.
    #[error(
        "{} is not what the store put there (a symlink, perhaps, which it never follows): move it away",
        .0.display()
    )]
    Foreign(PathBuf),
    /// `RENAME_NOREPLACE` is refused.
    #[error(
        "the file system of {} cannot rename without replacing (NFS and some FUSE ones cannot): \
         keep the storage on a local one",
        .0.display()
    )]
    UnsupportedFileSystem(PathBuf),
    /// Anything else the system said.
    #[error("{} cannot be used as storage", .directory.display())]
    Failed {
        /// The storage directory.
        directory: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A bucket cannot be used.
    #[error(transparent)]
    S3(#[from] S3OpenError),
    /// The metrics are registered already.
    #[error("the metrics of the storage cannot be registered")]
    Metrics(#[from] prometheus::Error),
}

impl StorageOpenError {
    /// The sentence for what the system said about a directory.
    pub(crate) fn explain(directory: &Path, source: io::Error) -> Self {
        let directory = directory.to_owned();
        match Errno::from_io_error(&source) {
            Some(Errno::NOTDIR) => Self::NotADirectory(directory),
            Some(Errno::ROFS) => Self::ReadOnly(directory),
            Some(Errno::ACCESS | Errno::PERM) => Self::Denied { directory, source },
            _ => Self::Failed { directory, source },
        }
    }
}
