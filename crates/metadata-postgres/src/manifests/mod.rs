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

use crate::PostgresMetadata;
use crate::database::{Database, Effect};
use crate::statement::Statement;

pub(crate) const STATEMENTS: &[&Statement] = &[
    &read::STAT_BY_TAG,
    &read::STAT_BY_DIGEST,
    &read::READ_BY_TAG,
    &read::READ_BY_DIGEST,
    &commit::COMMIT,
    &delete::DELETE,
];

#[async_trait]
impl ManifestStore for PostgresMetadata {
    async fn stat_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Lookup<ManifestStat>, MetadataError> {
        // Never the replica: who asks whether a manifest is there need not push it then.
        let row = self.primary.row(read::stat(repository, reference)).await?;
        Ok(read::stat_of(row.as_ref())?)
    }

    async fn read_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Lookup<StoredManifest>, MetadataError> {
        if let (Reference::Digest(_), Some(replica)) = (reference, self.replica())
            && let Some(found) = replica.hear(
                self.read_from(replica.database(), repository, reference)
                    .await,
            )
        {
            return Ok(Lookup::Found(found));
        }
        self.read_from(&self.primary, repository, reference).await
    }

    async fn commit_manifest(
        &self,
        change: &Change,
        guard: Guard<ExistingManifest>,
        manifest: NewManifest,
    ) -> Result<ManifestCommit, MetadataError> {
        let effect = Effect::of(change, &guard);
        let commit = commit::Commit {
            guard,
            manifest,
            now: self.time.now(),
        };
        self.primary.write(effect, &commit).await
    }

    async fn delete_manifest(
        &self,
        change: &Change,
        guard: Guard<ExistingManifest>,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<ManifestDeletion, MetadataError> {
        let effect = Effect::of(change, &guard);
        let delete = delete::Delete {
            guard,
            repository,
            digest,
            now: self.time.now(),
        };
        self.primary.write(effect, &delete).await
    }
}

impl PostgresMetadata {
    async fn read_from(
        &self,
        database: &Database,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Lookup<StoredManifest>, MetadataError> {
        let held = self.payloads.held(repository, reference);
        let digest = held.as_ref().map(|held| &held.digest);
        let whole = read::whole(repository, reference, digest);
        let row = database.row(whole).await?;
        let read::Found { stat, payload } = match read::whole_of(row.as_ref())? {
            Lookup::Found(found) => found,
            Lookup::Absent => return Ok(Lookup::Absent),
            Lookup::NoRepository => return Ok(Lookup::NoRepository),
        };
        let payload = match payload {
            Some(payload) => self.payloads.sent(repository, reference, &stat, payload),
            None => self.payloads.spared(held)?,
        };
        Ok(Lookup::Found(StoredManifest { stat, payload }))
    }
}
