//! The metadata engine and the blob store. Each explains by itself why it cannot be opened; only the directory that
//! holds both is made here.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use metadata_sqlite::{OpenOptions, SqliteMetadata};
use prometheus::Registry;
use registry_core::ports::{BlobStore, Lifetimes};

use super::active_uploads::ActiveUploads;
use crate::clock::SystemClock;
use crate::config::{Configuration, Effective, MetadataUrl};

/// Everything that is kept.
#[derive(Debug)]
pub(crate) struct Stores {
    pub(crate) metadata: Arc<SqliteMetadata>,
    pub(crate) blobs: Arc<dyn BlobStore>,
}

impl Stores {
    /// Opens both, and brings the database up to date.
    pub(crate) async fn open(effective: &Effective, metrics: &Registry) -> anyhow::Result<Self> {
        let configuration = effective.configuration();
        if configuration.metadata.url.is_none() || configuration.storage.url.is_none() {
            create(&configuration.data_dir)?;
        }
        let MetadataUrl::Sqlite(path) = effective.metadata_url();
        let options = OpenOptions {
            path,
            lifetimes: lifetimes(configuration),
            clock: Arc::new(SystemClock),
            metrics: metrics.clone(),
            readers: configuration.metadata.reader_connections.get(),
            cache_bytes: usize::try_from(configuration.metadata.cache_size.bytes())
                .unwrap_or(usize::MAX),
        };
        let metadata = Arc::new(SqliteMetadata::open(options).await?);
        let blobs = blob_storage::open(&effective.storage_url().0, metrics).await?;
        let blobs = ActiveUploads::count(blobs, metrics).context("register metrics")?;
        Ok(Self { metadata, blobs })
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

fn lifetimes(configuration: &Configuration) -> Lifetimes {
    let uploads = &configuration.uploads;
    Lifetimes {
        upload_lease: uploads.lease.duration(),
        upload_idle: uploads.idle_timeout.duration(),
        upload_done: uploads.finished_lifetime.duration(),
        blob_link: uploads.unreferenced_lifetime.duration(),
        blob_link_promise: uploads.unreferenced_promise.duration(),
        tombstone_delay: uploads.deletion_delay.duration(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_the_configuration_are_those_of_the_stores() {
        assert_eq!(lifetimes(&Configuration::default()), Lifetimes::default());
        let defaults = OpenOptions::new("x", Arc::new(SystemClock), Registry::new());
        let configuration = Configuration::default();
        assert_eq!(
            defaults.readers,
            configuration.metadata.reader_connections.get()
        );
        assert_eq!(
            defaults.cache_bytes as u64,
            configuration.metadata.cache_size.bytes()
        );
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
