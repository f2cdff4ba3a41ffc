//! Where the servers write: one directory for the run, and in it a fresh one for each server.
//!
//! Nothing is removed before the run is over. ext4 without a journal does not use an inode again
//! that was deleted in the last minutes, and passes over each of them to create a file, so that
//! the removal of one server's files would be paid for by the server that comes next.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rustix::fs::Advice;
use tempfile::TempDir;

use super::Side;
use crate::options::Options;

/// Above this a file's space is worth having back before the run is over.
const LARGE: u64 = 1024 * 1024;

/// The run's directory, removed with this value.
pub(crate) struct Directories(TempDir);

impl Directories {
    pub(crate) fn new(options: &Options) -> Result<Self> {
        let mut place = tempfile::Builder::new();
        place.prefix("berth-compare-");
        let run = match &options.directory {
            Some(parent) => place.tempdir_in(parent),
            None => place.tempdir(),
        };
        Ok(Self(run.context("make the run's directory")?))
    }

    /// A directory for one server, which stays as long as the run's.
    pub(super) fn fresh(&self, side: Side) -> Result<PathBuf> {
        let mut place = tempfile::Builder::new();
        let prefix = format!("{}-", side.name());
        let directory = place.prefix(&prefix).tempdir_in(self.0.path());
        Ok(directory.context("make a fresh directory")?.keep())
    }
}

/// Gives back the space of large files, whose server has ended, and deletes no inode for it.
pub(super) fn empty_large_files(directory: &Path) -> io::Result<()> {
    each_large_file(directory, &|path| {
        File::options().write(true).open(path)?.set_len(0)
    })
}

/// Gives back the memory in which the kernel keeps large files.
pub(super) fn forget_large_files(directory: &Path) -> io::Result<()> {
    each_large_file(directory, &|path| {
        let file = File::open(path)?;
        Ok(rustix::fs::fadvise(&file, 0, None, Advice::DontNeed)?)
    })
}

fn each_large_file(directory: &Path, work: &impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let result = entry.metadata().and_then(|metadata| {
            if metadata.is_dir() {
                each_large_file(&entry.path(), work)
            } else if metadata.is_file() && metadata.len() > LARGE {
                work(&entry.path())
            } else {
                Ok(())
            }
        });
        match result {
            // Its server, or that one's store, has removed it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => result?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_files_alone_are_emptied() {
        let directory = TempDir::new().unwrap();
        let nested = directory.path().join("a/b");
        fs::create_dir_all(&nested).unwrap();
        let file = |name: &str, length| {
            let path = nested.join(name);
            File::create(&path).unwrap().set_len(length).unwrap();
            path
        };
        let (small, large) = (file("small", LARGE), file("large", LARGE + 1));
        empty_large_files(directory.path()).unwrap();
        let length = |path: PathBuf| fs::metadata(path).unwrap().len();
        assert_eq!((length(small), length(large)), (LARGE, 0));
    }
}
