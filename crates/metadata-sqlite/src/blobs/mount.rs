//! Mounting: a blob that one repository holds becomes visible in another, without a byte moving.

use oci_types::{Digest, RepositoryName};
use registry_core::change::Guard;
use registry_core::ports::{ExistingBlob, MetadataError, Mount, Timestamp};

use super::link_blob;
use crate::rows::{parsed, signed, size, value};
use crate::statement::{Statement, ensure_repository, statement};
use crate::writer::Transaction;

/// SQL that tells whether the target `$1` of namespace `$2` holds blob `$3`, and the namespace.
macro_rules! existing {
    () => {
        "SELECT repository_blobs.size,
            EXISTS (
                SELECT 1 FROM repositories AS target
                JOIN repository_blobs AS link ON link.repository_id = target.id AND link.digest = $3
                WHERE target.path = $1 AND target.deleted_at IS NULL AND link.deleted_at IS NULL
            ),
            EXISTS (
                SELECT 1 FROM namespaces AS home
                JOIN namespace_blobs AS charge ON charge.namespace_id = home.id AND charge.digest = $3
                WHERE home.name = $2
            )"
    };
}

pub(super) static FIND_IN_REPOSITORY: Statement = statement!(
    "blob_mount_find",
    existing!(),
    "FROM repositories
     JOIN repository_blobs ON repository_blobs.repository_id = repositories.id
       AND repository_blobs.digest = $3 AND repository_blobs.deleted_at IS NULL
     WHERE repositories.path = $4 AND repositories.deleted_at IS NULL"
);

pub(super) static FIND_IN_NAMESPACE: Statement = statement!(
    "blob_mount_find_anywhere",
    existing!(),
    "FROM namespaces
     JOIN repository_blobs ON repository_blobs.namespace_id = namespaces.id
       AND repository_blobs.digest = $3 AND repository_blobs.deleted_at IS NULL
     JOIN repositories ON repositories.id = repository_blobs.repository_id
       AND repositories.deleted_at IS NULL
     WHERE namespaces.name = $2 LIMIT 1"
);

pub(super) static LINK: Statement = statement!(
    "blob_mount",
    ensure_repository!(),
    link_blob!("(SELECT id FROM repositories WHERE path = $1 AND deleted_at IS NULL)")
);

pub(super) struct Job {
    pub(super) guard: Guard<ExistingBlob>,
    /// `None`: any repository of the target's namespace.
    pub(super) source: Option<RepositoryName>,
    pub(super) target: RepositoryName,
    pub(super) digest: Digest,
    /// When the new link ends, unless a manifest names it.
    pub(super) expires_at: Timestamp,
}

impl Job {
    pub(super) fn run(self, transaction: &mut Transaction) -> Result<Mount, MetadataError> {
        let (path, namespace, digest) = (
            self.target.as_str(),
            self.target.namespace(),
            self.digest.to_bytes(),
        );
        let statement = if self.source.is_some() {
            &FIND_IN_REPOSITORY
        } else {
            &FIND_IN_NAMESPACE
        };
        let mut find = statement.bind(path).bind(namespace).bind(digest.as_slice());
        if let Some(source) = &self.source {
            find = find.bind(source.as_str());
        }
        let Some(row) = transaction.row(&find)? else {
            return Ok(Mount::NotMounted);
        };
        let size = parsed(&row, 0, size)?;
        let existing = ExistingBlob {
            linked: value(&row, 1)?,
            charged: value(&row, 2)?,
            size,
        };
        if let Err(refusal) = self.guard.check(&existing) {
            return Ok(Mount::Refused(refusal));
        }
        let link = LINK
            .bind(path)
            .bind(namespace)
            .bind(digest)
            .bind(signed(size))
            .bind(self.expires_at.0);
        transaction.run(&link)?;
        Ok(Mount::Mounted)
    }
}
