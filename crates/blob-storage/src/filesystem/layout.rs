//! Opening a directory as a store: lock it, know it or mark it, lay the tree out.

use std::fs::{DirBuilder, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::Path;

use registry_core::ports::BlobStoreError;
use rustix::fs::{FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::tree::{Access, Resolution, Tree};
use crate::error::StorageOpenError;
use crate::key;

/// What the marker of this layout says.
const LAYOUT: &str = "1\n";
/// A marker longer than this is none.
const LONGEST_MARKER: u64 = 64;
/// Nobody else on the machine looks into the store.
const DIRECTORY_MODE: u32 = 0o700;

/// Opens `directory`, making what is missing of it.
pub(super) fn open(
    directory: &Path,
    resolution: impl FnOnce(BorrowedFd<'_>) -> Resolution,
) -> Result<Tree, StorageOpenError> {
    let explain = |error: io::Error| StorageOpenError::explain(directory, error);
    create(directory).map_err(explain)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(directory, flags, Mode::empty());
    let root: OwnedFd = root.map_err(|error| explain(error.into()))?;
    let resolution = resolution(root.as_fd());
    let laying = Laying {
        directory,
        tree: Tree::new(root, resolution),
    };
    let lock = laying.lock()?;
    laying.know_or_mark()?;
    laying.lay_out()?;
    Ok(laying.tree.locked_by(lock))
}

/// Creates a directory and those above it, durably.
fn create(directory: &Path) -> io::Result<()> {
    let above = match directory.parent() {
        Some(above) if above.as_os_str().is_empty() => Path::new("."),
        Some(above) => above,
        None => return Ok(()),
    };
    let mut builder = DirBuilder::new();
    builder.mode(DIRECTORY_MODE);
    match builder.create(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && above != Path::new(".") => {
            create(above)?;
            builder.create(directory)?;
        }
        created => created?,
    }
    File::open(above)?.sync_all()
}

struct Laying<'a> {
    directory: &'a Path,
    tree: Tree,
}

impl Laying<'_> {
    /// Keeps other processes out for as long as the file is open.
    fn lock(&self) -> Result<File, StorageOpenError> {
        drop(self.create(key::LOCK)?);
        // Held open for reading only: a file open for writing would keep an operator from
        // remounting the disk read-only.
        let lock = self
            .tree
            .file(key::LOCK, Access::Read)
            .map_err(|error| self.refuse(error))?;
        let lock = lock.ok_or_else(|| self.explain(Errno::NOENT.into()))?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(lock),
            Err(Errno::WOULDBLOCK) => Err(StorageOpenError::InUse(self.directory.to_owned())),
            Err(error) => Err(self.explain(error.into())),
        }
    }

    fn know_or_mark(&self) -> Result<(), StorageOpenError> {
        match self
            .tree
            .file(key::MARKER, Access::Read)
            .map_err(|error| self.refuse(error))?
        {
            Some(marker) => self.know(marker),
            None => self.mark(),
        }
    }

    fn know(&self, marker: File) -> Result<(), StorageOpenError> {
        let mut found = Vec::new();
        marker
            .take(LONGEST_MARKER)
            .read_to_end(&mut found)
            .map_err(|error| self.explain(error))?;
        if found == LAYOUT.as_bytes() {
            return Ok(());
        }
        let found = String::from_utf8_lossy(&found).trim_end().to_owned();
        Err(StorageOpenError::UnknownLayout {
            directory: self.directory.to_owned(),
            found,
        })
    }

    /// Marks a directory that holds no blobs yet. The marker comes by a rename that must not
    /// replace: NFS and some FUSE file systems, whose renames are not those of a local disk, cannot
    /// do it and are found out here.
    fn mark(&self) -> Result<(), StorageOpenError> {
        for taken in [key::BLOBS, key::UPLOADS] {
            match self.tree.directory(taken) {
                Err(BlobStoreError::Failed(error)) if error.kind() == io::ErrorKind::NotFound => {}
                _ => return Err(StorageOpenError::NotOurs(self.directory.to_owned())),
            }
        }
        let marker = self.create(key::NEW_MARKER)?;
        let written = marker
            .set_len(0)
            .and_then(|()| marker.write_all_at(LAYOUT.as_bytes(), 0))
            .and_then(|()| marker.sync_all());
        written.map_err(|error| self.explain(error))?;
        let (root, flags) = (self.tree.root(), RenameFlags::NOREPLACE);
        match rustix::fs::renameat_with(root, key::NEW_MARKER, root, key::MARKER, flags) {
            Ok(()) => Ok(()),
            Err(Errno::INVAL) => Err(StorageOpenError::UnsupportedFileSystem(
                self.directory.to_owned(),
            )),
            Err(error) => Err(self.explain(error.into())),
        }
    }

    /// All directories at once, so that no upload pays for one.
    fn lay_out(&self) -> Result<(), StorageOpenError> {
        let make = |at: &OwnedFd, name: &str| match rustix::fs::mkdirat(
            at,
            name,
            Mode::from_raw_mode(DIRECTORY_MODE),
        ) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(self.explain(error.into())),
        };
        let there = |path: &str| {
            self.tree
                .directory(path)
                .map_err(|error| self.refuse(error))
        };
        let root = there(".")?;
        make(&root, key::UPLOADS)?;
        make(&root, key::BLOBS)?;
        there(key::UPLOADS)?;
        let blobs = there(key::BLOBS)?;
        for fan_out in key::fan_outs() {
            make(&blobs, &fan_out)?;
            there(&format!("{}/{fan_out}", key::BLOBS))?;
        }
        for changed in [blobs, root] {
            rustix::fs::fsync(changed).map_err(|error| self.explain(error.into()))?;
        }
        Ok(())
    }

    fn create(&self, path: &str) -> Result<File, StorageOpenError> {
        let file = self
            .tree
            .file(path, Access::Create)
            .map_err(|error| self.refuse(error))?;
        file.ok_or_else(|| self.explain(Errno::NOENT.into()))
    }

    fn explain(&self, error: io::Error) -> StorageOpenError {
        StorageOpenError::explain(self.directory, error)
    }

    fn refuse(&self, error: BlobStoreError) -> StorageOpenError {
        match error {
            BlobStoreError::Foreign(path) => StorageOpenError::Foreign(self.directory.join(path)),
            BlobStoreError::Full(error)
            | BlobStoreError::Denied(error)
            | BlobStoreError::Unavailable(error)
            | BlobStoreError::Failed(error) => self.explain(error),
            BlobStoreError::Lost(_) => self.explain(Errno::NOENT.into()),
            BlobStoreError::TooLarge => self.explain(Errno::FBIG.into()),
        }
    }
}
