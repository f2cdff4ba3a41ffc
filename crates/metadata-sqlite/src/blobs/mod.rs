//! The blob index: find, mount, delete. How a blob becomes visible in a repository is the same
//! for a mount and for a finished upload; the SQL for it stands in `link`.

mod delete;
mod find;
mod link;
mod mount;

use async_trait::async_trait;
use oci_types::{Digest, RepositoryName};
use registry_core::change::{Change, Guard};
use registry_core::ports::{
    BlobDeletion, BlobIndex, ExistingBlob, Lookup, MetadataError, Mount, StoredBlob,
};

use crate::SqliteMetadata;
use crate::cache::Cached;
use crate::statement::Statement;
use crate::writer::Effect;

pub(crate) use self::link::link_blob;

pub(crate) const STATEMENTS: &[&Statement] = &[
    &find::FIND,
    &find::EXTEND,
    &mount::FIND_IN_REPOSITORY,
    &mount::FIND_IN_NAMESPACE,
    &mount::LINK,
    &delete::FIND,
    &delete::DELETE,
];

#[async_trait]
impl BlobIndex for SqliteMetadata {
    async fn find_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Lookup<StoredBlob>, MetadataError> {
        let now = self.now();
        let promise = now.plus(self.lifetimes.blob_link_promise);
        let ticket = match self.cache.blob(repository, digest, promise) {
            Cached::Hit(blob) => return Ok(Lookup::Found(blob)),
            Cached::Miss(ticket) => ticket,
        };
        let (blob, expires_at) = match find::read(&self.readers, repository, digest).await? {
            Lookup::Found(found) => found,
            Lookup::Absent => return Ok(Lookup::Absent),
            Lookup::NoRepository => return Ok(Lookup::NoRepository),
        };
        if expires_at.is_none_or(|end| end >= promise) {
            self.cache.store_blob(ticket, repository, &blob, expires_at);
            return Ok(Lookup::Found(blob));
        }
        let extension = find::Extension {
            promise,
            expires_at: now.plus(self.lifetimes.blob_link),
        };
        let (repository, digest) = (repository.clone(), *digest);
        self.writer
            .run(Effect::Keep, move |transaction| {
                find::extend(transaction, &repository, &digest, extension)
            })
            .await
    }

    async fn mount_blob(
        &self,
        change: &Change,
        guard: Guard<ExistingBlob>,
        source: Option<&RepositoryName>,
        target: &RepositoryName,
        digest: &Digest,
    ) -> Result<Mount, MetadataError> {
        let job = mount::Job {
            guard,
            source: source.cloned(),
            target: target.clone(),
            digest: *digest,
            expires_at: self.now().plus(self.lifetimes.blob_link),
        };
        self.writer
            .run(Effect::of(change), |transaction| job.run(transaction))
            .await
    }

    async fn delete_blob(
        &self,
        change: &Change,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<BlobDeletion, MetadataError> {
        let (repository, digest, now) = (repository.clone(), *digest, self.now());
        self.writer
            .run(Effect::of(change), move |transaction| {
                delete::run(transaction, &repository, &digest, now)
            })
            .await
    }
}
