//! Lists of everything, for whoever copies a registry. Each is a range of an index, asked of the primary.

use async_trait::async_trait;
use oci_types::{Digest, RepositoryName};
use registry_core::ports::{HeldBlob, HeldManifest, HeldTag, Inventory, MetadataError, Timestamp};
use sqlx::postgres::PgRow;

use crate::PostgresMetadata;
use crate::rows::{Reading, digest, media_type, names, parsed, size, storage_key, value};
use crate::statement::{Statement, statement};

pub(crate) const STATEMENTS: &[&Statement] = &[&REPOSITORIES, &BLOBS, &MANIFESTS, &TAGS, &HOLDER];

static REPOSITORIES: Statement = statement!(
    "inventory_repositories",
    "SELECT ARRAY (
        SELECT path FROM repositories
        WHERE deleted_at IS NULL AND path > $1 AND (
            (
                SELECT true FROM manifests
                WHERE repository_id = repositories.id AND manifests.deleted_at IS NULL LIMIT 1
            ) OR (
                SELECT true FROM repository_blobs
                WHERE repository_id = repositories.id AND repository_blobs.deleted_at IS NULL LIMIT 1
            )
        )
        ORDER BY path LIMIT $2
     )"
);

static BLOBS: Statement = statement!(
    "inventory_blobs",
    "SELECT link.digest, link.size, blob.storage_key FROM repository_blobs AS link
     CROSS JOIN LATERAL (
        SELECT storage_key FROM blobs WHERE blobs.digest = link.digest LIMIT 1
     ) AS blob
     WHERE link.repository_id = (SELECT id FROM repositories WHERE path = $1 AND deleted_at IS NULL)
       AND link.digest > $2 AND link.deleted_at IS NULL
     ORDER BY link.digest LIMIT $3"
);

static MANIFESTS: Statement = statement!(
    "inventory_manifests",
    "SELECT digest, media_type, id, floor(extract(epoch FROM pushed_at) * 1000)::bigint FROM manifests
     WHERE repository_id = (SELECT id FROM repositories WHERE path = $1 AND deleted_at IS NULL)
       AND digest > $2 AND deleted_at IS NULL
     ORDER BY digest LIMIT $3"
);

static TAGS: Statement = statement!(
    "inventory_tags",
    "SELECT tags.name, manifest.digest FROM tags
     CROSS JOIN LATERAL (
        SELECT digest FROM manifests WHERE manifests.id = tags.manifest_id AND deleted_at IS NULL LIMIT 1
     ) AS manifest
     WHERE tags.repository_id = (SELECT id FROM repositories WHERE path = $1 AND deleted_at IS NULL)
       AND tags.name > $2
     ORDER BY tags.name LIMIT $3"
);

static HOLDER: Statement = statement!(
    "inventory_holder",
    "SELECT home.path FROM namespace_blobs AS charge
     CROSS JOIN LATERAL (
        SELECT repository_id FROM repository_blobs
        WHERE repository_blobs.namespace_id = charge.namespace_id AND repository_blobs.digest = charge.digest
          AND deleted_at IS NULL LIMIT 1
     ) AS link
     CROSS JOIN LATERAL (
        SELECT path FROM repositories WHERE repositories.id = link.repository_id AND deleted_at IS NULL LIMIT 1
     ) AS home
     WHERE charge.digest = $1 LIMIT 1"
);

/// A digest to begin after; nothing is before all of them.
fn bytes(after: Option<&Digest>) -> Vec<u8> {
    after.map(Digest::to_bytes).unwrap_or_default()
}

fn blob(row: &PgRow) -> Reading<HeldBlob> {
    Ok(HeldBlob {
        digest: parsed(row, 0, digest)?,
        size: parsed(row, 1, size)?,
        storage_key: parsed(row, 2, storage_key)?,
    })
}

fn manifest(row: &PgRow) -> Reading<HeldManifest> {
    Ok(HeldManifest {
        digest: parsed(row, 0, digest)?,
        media_type: parsed(row, 1, media_type)?,
        order: value(row, 2)?,
        pushed_at: Timestamp(value(row, 3)?),
    })
}

fn tag(row: &PgRow) -> Reading<HeldTag> {
    Ok(HeldTag {
        name: parsed(row, 0, |name: &str| Ok(name.parse()?))?,
        digest: parsed(row, 1, digest)?,
    })
}

#[async_trait]
impl Inventory for PostgresMetadata {
    async fn held_repositories(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<RepositoryName>, MetadataError> {
        let page = REPOSITORIES
            .bind(after.unwrap_or_default())
            .bind(i64::from(limit));
        let row = self.primary.row(page).await?;
        let held = row.map(|row| names(&row, 0)).transpose()?;
        Ok(held.unwrap_or_default())
    }

    async fn held_blobs(
        &self,
        repository: &RepositoryName,
        after: Option<&Digest>,
        limit: u32,
    ) -> Result<Vec<HeldBlob>, MetadataError> {
        let page = BLOBS.bind(repository.as_str()).bind(bytes(after));
        let rows = self.primary.rows(page.bind(i64::from(limit))).await?;
        Ok(rows.iter().map(blob).collect::<Reading<_>>()?)
    }

    async fn held_manifests(
        &self,
        repository: &RepositoryName,
        after: Option<&Digest>,
        limit: u32,
    ) -> Result<Vec<HeldManifest>, MetadataError> {
        let page = MANIFESTS.bind(repository.as_str()).bind(bytes(after));
        let rows = self.primary.rows(page.bind(i64::from(limit))).await?;
        Ok(rows.iter().map(manifest).collect::<Reading<_>>()?)
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
        let rows = self.primary.rows(page.bind(i64::from(limit))).await?;
        Ok(rows.iter().map(tag).collect::<Reading<_>>()?)
    }

    async fn blob_holder(&self, digest: &Digest) -> Result<Option<RepositoryName>, MetadataError> {
        let row = self.primary.row(HOLDER.bind(digest.to_bytes())).await?;
        let path = row.map(|row| parsed(&row, 0, |path: &str| Ok(path.parse()?)));
        Ok(path.transpose()?)
    }
}
