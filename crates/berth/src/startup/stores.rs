//! The metadata engine and the blob store. Each explains by itself why it cannot be opened; only the directory that
//! holds both is made here.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use blob_storage::S3Options;
use prometheus::Registry;
use registry_core::ports::{BlobStore, Metadata};

use super::Admission;
use super::active_uploads::ActiveUploads;
use super::database::Database;
use crate::clock::SystemClock;
use crate::config::{Configuration, Effective};

/// Everything that is kept.
#[derive(Debug)]
pub(crate) struct Stores {
    pub(crate) database: Database,
    pub(crate) metadata: Arc<dyn Metadata>,
    pub(crate) blobs: Arc<dyn BlobStore>,
}

impl Stores {
    /// Opens both, and brings the database up to date.
    pub(crate) async fn open(
        effective: &Effective,
        admission: Admission,
        metrics: &Registry,
    ) -> anyhow::Result<Self> {
        let configuration = effective.configuration();
        if configuration.metadata.url.is_none() || configuration.storage.url.is_none() {
            create(&configuration.data_dir)?;
        }
        let database = Database::open(effective, admission, metrics).await?;
        admission.check(&*database.metadata()).await?;
        let url = effective.storage_url().0;
        let blobs = blob_storage::open(&url, &s3(configuration), metrics).await?;
        let blobs = ActiveUploads::count(blobs, metrics).context("register metrics")?;
        Ok(Self {
            metadata: database.metadata(),
            database,
            blobs,
        })
    }
}

/// What a bucket is opened with, if blobs are kept in one.
pub(crate) fn s3(configuration: &Configuration) -> S3Options {
    let storage = &configuration.storage;
    S3Options {
        buffer_bytes: storage.part_buffers.bytes(),
        url_lifetime: storage.redirect_lifetime.duration(),
        ..S3Options::new(Arc::new(SystemClock))
    }
}

/// Makes the data directory, for this user only: what is in it may be private.
fn create(directory: &Path) -> anyhow::Result<()> {
    match DirBuilder::new().recursive(true).mode(0o700).create(directory) {
        Ok(()) => Ok(()),
        Err(error) if matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory) => Err(anyhow!(
            "the data directory {} cannot be made, because there is a file of that name on the way: take another with \
             --data-dir",
            directory.display()
        )),
        Err(error) => Err(error).with_context(|| {
            format!(
                "the data directory {} cannot be made: make its parent writable for this user, or take another with \
                 --data-dir",
                directory.display()
            )
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_the_configuration_are_those_of_the_bucket() {
        let (defaults, options) = (
            S3Options::new(Arc::new(SystemClock)),
            s3(&Configuration::default()),
        );
        assert_eq!(options.buffer_bytes, defaults.buffer_bytes);
        assert_eq!(options.url_lifetime, defaults.url_lifetime);
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_told_with_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, "").unwrap();
        for path in [file.clone(), file.join("inside")] {
            let error = format!("{:#}", create(&path).unwrap_err());
            assert!(
                error.contains(&path.display().to_string()) && error.contains("--data-dir"),
                "{error}"
            );
        }
        create(&directory.path().join("a/b")).unwrap();
        create(&directory.path().join("a/b")).unwrap();
    }
}
