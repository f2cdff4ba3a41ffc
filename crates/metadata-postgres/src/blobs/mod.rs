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

use crate::PostgresMetadata;
use crate::database::{Database, Effect};
use crate::error::Failure;
use crate::statement::Statement;
use crate::time::milliseconds;

pub(crate) use self::link::{held_before, link_blob};

pub(crate) const STATEMENTS: &[&Statement] = &[
    &find::FIND,
    &find::EXTEND,
    &mount::MOUNT,
    &mount::MOUNT_FROM_NAMESPACE,
    &delete::DELETE,
];

/// Who is always late with extending a link gives up after so many times.
const ATTEMPTS: usize = 3;

#[async_trait]
impl BlobIndex for PostgresMetadata {
    async fn find_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Lookup<StoredBlob>, MetadataError> {
        let find = self.find(repository, digest);
        for _ in 0..ATTEMPTS {
            let (blob, ends) = match look_up(&self.primary, &find).await? {
                Lookup::Found(found) => found,
                Lookup::Absent => return Ok(Lookup::Absent),
                Lookup::NoRepository => return Ok(Lookup::NoRepository),
            };
            let extend = find::Extend(find);
            if !ends {
                return Ok(Lookup::Found(blob));
            }
            match self.primary.write(Effect::Decided, &extend).await {
                // Nothing goes while nothing is written, and where the registry moves the link has a new end.
                Ok(true) | Err(MetadataError::ReadOnly(_)) => return Ok(Lookup::Found(blob)),
                Ok(false) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Failure::Contended.into())
    }

    async fn locate_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        above: u64,
    ) -> Result<Lookup<StoredBlob>, MetadataError> {
        if let Some(blob) = self.locations.recent(repository, digest, above) {
            return Ok(Lookup::Found(blob));
        }
        let find = self.find(repository, digest);
        if let Some(replica) = self.replica()
            && let Some((blob, false)) = replica.hear(look_up(replica.database(), &find).await)
        {
            // Not remembered: it may have been deleted, and forgotten, before the replica knows.
            return Ok(Lookup::Found(blob));
        }
        let found = self.find_blob(repository, digest).await?;
        if let Lookup::Found(blob) = &found
            && blob.size > above
        {
            self.locations.remember(repository, blob);
        }
        Ok(found)
    }

    async fn mount_blob(
        &self,
        change: &Change,
        guard: Guard<ExistingBlob>,
        source: Option<&RepositoryName>,
        target: &RepositoryName,
        digest: &Digest,
    ) -> Result<Mount, MetadataError> {
        let effect = Effect::of(change, &guard);
        let mount = mount::MountBlob {
            guard,
            source,
            target,
            digest,
            now: self.time.now(),
            life: milliseconds(self.lifetimes.blob_link),
        };
        self.primary.write(effect, &mount).await
    }

    async fn delete_blob(
        &self,
        change: &Change,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<BlobDeletion, MetadataError> {
        let delete = delete::Delete {
            repository,
            digest,
            now: self.time.now(),
        };
        let outcome = self.primary.write(Effect::of_change(change), &delete).await;
        self.locations.forget(repository, digest);
        outcome
    }
}

impl PostgresMetadata {
    fn find<'a>(&self, repository: &'a RepositoryName, digest: &'a Digest) -> find::Find<'a> {
        find::Find {
            repository,
            digest,
            now: self.time.now(),
            extension: find::Extension {
                promise: milliseconds(self.lifetimes.blob_link_promise),
                life: milliseconds(self.lifetimes.blob_link),
            },
        }
    }
}

/// The blob, and whether its link ends too soon.
async fn look_up(
    database: &Database,
    find: &find::Find<'_>,
) -> Result<Lookup<(StoredBlob, bool)>, MetadataError> {
    let row = database.row(find.statement()).await?;
    Ok(find.found(row.as_ref())?)
}
