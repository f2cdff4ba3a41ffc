//! Manifests: read, commit, delete.

mod commit;
mod delete;
mod read;
mod references;

use async_trait::async_trait;
use oci_types::{Digest, Reference, RepositoryName};
use registry_core::change::{Change, Guard};
use registry_core::ports::{
    ExistingManifest, Lookup, ManifestCommit, ManifestDeletion, ManifestStat, ManifestStore,
    MetadataError, NewManifest, StoredManifest,
};

use crate::SqliteMetadata;
use crate::cache::Cached;
use crate::statement::Statement;
use crate::writer::Effect;

pub(crate) const STATEMENTS: &[&Statement] = &[
    &read::STAT_BY_TAG,
    &read::STAT_BY_DIGEST,
    &read::READ_BY_TAG,
    &read::READ_BY_DIGEST,
    &commit::COMMIT,
    &delete::FIND,
    &delete::DELETE,
];

#[async_trait]
impl ManifestStore for SqliteMetadata {
    async fn stat_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Lookup<ManifestStat>, MetadataError> {
        let ticket = match self.cache.manifest_stat(repository, reference) {
            Cached::Hit(stat) => return Ok(Lookup::Found(stat)),
            Cached::Miss(ticket) => ticket,
        };
        let found = read::stat(&self.readers, repository, reference).await?;
        if let Lookup::Found(stat) = &found {
            self.cache
                .store_manifest(ticket, repository, reference, stat, None);
        }
        Ok(found)
    }

    async fn read_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Lookup<StoredManifest>, MetadataError> {
        let ticket = match self.cache.manifest(repository, reference) {
            Cached::Hit(manifest) => return Ok(Lookup::Found(manifest)),
            Cached::Miss(ticket) => ticket,
        };
        let found = read::whole(&self.readers, repository, reference).await?;
        if let Lookup::Found(StoredManifest { stat, payload }) = &found {
            self.cache
                .store_manifest(ticket, repository, reference, stat, Some(payload));
        }
        Ok(found)
    }

    async fn commit_manifest(
        &self,
        change: &Change,
        guard: Guard<ExistingManifest>,
        manifest: NewManifest,
    ) -> Result<ManifestCommit, MetadataError> {
        let job = commit::Job {
            guard,
            manifest,
            now: self.now(),
        };
        self.writer
            .run(Effect::of(change), |transaction| job.run(transaction))
            .await
    }

    async fn delete_manifest(
        &self,
        change: &Change,
        guard: Guard<ExistingManifest>,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<ManifestDeletion, MetadataError> {
        let job = delete::Job {
            guard,
            repository: repository.clone(),
            digest: *digest,
            now: self.now(),
        };
        self.writer
            .run(Effect::of(change), |transaction| job.run(transaction))
            .await
    }
}
