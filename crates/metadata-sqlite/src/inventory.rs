//! Lists of everything, for whoever copies a registry. Each is a range of an index.

use async_trait::async_trait;
use oci_types::{Digest, RepositoryName};
use registry_core::ports::{HeldBlob, HeldManifest, HeldTag, Inventory, MetadataError, Timestamp};

use crate::SqliteMetadata;
use crate::rows::{digest, media_type, names, parsed, size, storage_key, value};
use crate::statement::{Statement, statement};

pub(crate) const STATEMENTS: &[&Statement] = &[&REPOSITORIES, &BLOBS, &MANIFESTS, &TAGS, &HOLDER];

static REPOSITORIES: Statement = statement!(
    "inventory_repositories",
    "SELECT group_concat(path, char(10)) FROM (
        SELECT path FROM repositories
        WHERE deleted_at IS NULL AND path > $1 AND (
            EXISTS (SELECT 1 FROM manifests WHERE repository_id = repositories.id AND manifests.deleted_at IS NULL)
            OR EXISTS (
                SELECT 1 FROM repository_blobs
                WHERE repository_id = repositories.id AND repository_blobs.deleted_at IS NULL
            )
        )
        ORDER BY path LIMIT $2
     )"
);

static BLOBS: Statement = statement!(
    "inventory_blobs",
    "SELECT link.digest, link.size, blobs.storage_key
     FROM repositories
     CROSS JOIN repository_blobs AS link ON link.repository_id = repositories.id AND link.digest > $2
     CROSS JOIN blobs ON blobs.digest = link.digest
     WHERE repositories.path = $1 AND repositories.deleted_at IS NULL AND link.deleted_at IS NULL
     ORDER BY link.digest LIMIT $3"
);

static MANIFESTS: Statement = statement!(
    "inventory_manifests",
    "SELECT digest, media_type, id, pushed_at FROM manifests
     WHERE repository_id = (SELECT id FROM repositories WHERE path = $1 AND deleted_at IS NULL)
       AND digest > $2 AND deleted_at IS NULL
     ORDER BY digest LIMIT $3"
);

static TAGS: Statement = statement!(
    "inventory_tags",
    "SELECT tags.name, manifests.digest FROM tags
     CROSS JOIN manifests ON manifests.id = tags.manifest_id AND manifests.deleted_at IS NULL
     WHERE tags.repository_id = (SELECT id FROM repositories WHERE path = $1 AND deleted_at IS NULL)
       AND tags.name > $2
     ORDER BY tags.name LIMIT $3"
);

static HOLDER: Statement = statement!(
    "inventory_holder",
    "SELECT repositories.path FROM namespace_blobs AS charge
     CROSS JOIN repository_blobs AS link ON link.namespace_id = charge.namespace_id
       AND link.digest = charge.digest AND link.deleted_at IS NULL
     CROSS JOIN repositories ON repositories.id = link.repository_id AND repositories.deleted_at IS NULL
     WHERE charge.digest = $1 LIMIT 1"
);

/// A digest to begin after; nothing is before all of them.
fn bytes(after: Option<&Digest>) -> Vec<u8> {
    after.map(Digest::to_bytes).unwrap_or_default()
}

#[async_trait]
impl Inventory for SqliteMetadata {
    async fn held_repositories(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<RepositoryName>, MetadataError> {
        let page = REPOSITORIES.bind(after.unwrap_or_default()).bind(limit);
        let row = self.readers.row(page).await?;
        row.map_or_else(|| Ok(Vec::new()), |row| names(&row, 0))
    }

    async fn held_blobs(
        &self,
        repository: &RepositoryName,
        after: Option<&Digest>,
        limit: u32,
    ) -> Result<Vec<HeldBlob>, MetadataError> {
        let page = BLOBS.bind(repository.as_str()).bind(bytes(after));
        let rows = self.readers.rows(page.bind(limit)).await?;
        let held = rows.iter().map(|row| {
            Ok(HeldBlob {
                digest: parsed(row, 0, digest)?,
                size: parsed(row, 1, size)?,
                storage_key: parsed(row, 2, storage_key)?,
            })
        });
        held.collect()
    }

    async fn held_manifests(
        &self,
        repository: &RepositoryName,
        after: Option<&Digest>,
        limit: u32,
    ) -> Result<Vec<HeldManifest>, MetadataError> {
        let page = MANIFESTS.bind(repository.as_str()).bind(bytes(after));
        let rows = self.readers.rows(page.bind(limit)).await?;
        let held = rows.iter().map(|row| {
            Ok(HeldManifest {
                digest: parsed(row, 0, digest)?,
                media_type: parsed(row, 1, media_type)?,
                order: value(row, 2)?,
                pushed_at: Timestamp(value(row, 3)?),
            })
        });
        held.collect()
    }

    async fn held_tags(
        &self,
        repository: &RepositoryName,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<HeldTag>, MetadataError> {
        let page = TAGS
            .bind(repository.as_str())
            .bind(after.unwrap_or_default());
        let rows = self.readers.rows(page.bind(limit)).await?;
        let held = rows.iter().map(|row| {
            Ok(HeldTag {
                name: parsed(row, 0, |name: &str| Ok(name.parse()?))?,
                digest: parsed(row, 1, digest)?,
            })
        });
        held.collect()
    }

    async fn blob_holder(&self, digest: &Digest) -> Result<Option<RepositoryName>, MetadataError> {
        let row = self.readers.row(HOLDER.bind(digest.to_bytes())).await?;
        row.map(|row| parsed(&row, 0, |path: &str| Ok(path.parse()?)))
            .transpose()
    }
}
