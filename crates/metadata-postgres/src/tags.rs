//! Tags: list and delete. They are written with their manifest.

use async_trait::async_trait;
use oci_types::{Digest, RepositoryName, Tag};
use registry_core::change::{Change, Guard};
use registry_core::ports::{ExistingManifest, MetadataError, TagDeletion, TagIndex};
use sqlx::postgres::PgRow;

use crate::PostgresMetadata;
use crate::database::{Effect, Verdict, Write};
use crate::error::ForeignValue;
use crate::rows::{self, digest, optional, value};
use crate::statement::{Bound, Statement, statement};

pub(crate) const STATEMENTS: &[&Statement] = &[&LIST, &DELETE, &LOCK];

// The names come as one array: a row each would cost more than finding them.
static LIST: Statement = statement!(
    "tag_list",
    "SELECT ARRAY (
        SELECT name FROM tags
        WHERE repository_id = repositories.id AND name > $2
        ORDER BY name LIMIT $3
     )
     FROM repositories WHERE path = $1 AND deleted_at IS NULL"
);

// Somebody may move the tag at the same time: without a guard it goes all the same ($3); with one only
// what the guard was shown goes, and the answer tells if that was not there any more.
static DELETE: Statement = statement!(
    "tag_delete",
    "WITH found AS (
        SELECT tags.repository_id, tags.manifest_id, manifest.digest FROM tags
        CROSS JOIN LATERAL (
            SELECT digest FROM manifests WHERE id = tags.manifest_id AND deleted_at IS NULL LIMIT 1
        ) AS manifest
        WHERE tags.repository_id = (SELECT id FROM repositories WHERE path = $1 AND deleted_at IS NULL)
          AND tags.name = $2
     ), deleted AS (
        DELETE FROM tags
        WHERE repository_id = (SELECT repository_id FROM found) AND name = $2
          AND ($3 OR manifest_id = (SELECT manifest_id FROM found))
        RETURNING name
     )
     SELECT (SELECT digest FROM found), EXISTS (SELECT FROM deleted)
     FROM repositories WHERE path = $1 AND deleted_at IS NULL"
);

// In the order they come in, which is that of their names, as every other statement that locks tags.
static LOCK: Statement = statement!(
    "tag_lock",
    "SELECT locked.name FROM unnest($2::text[]) AS tag (name)
     CROSS JOIN LATERAL (
        SELECT tags.name FROM tags
        WHERE tags.repository_id = (SELECT id FROM repositories WHERE path = $1 AND deleted_at IS NULL)
          AND tags.name = tag.name
        FOR UPDATE
     ) AS locked"
);

/// Locks those of the tags that are there, so that a guard sees them as they stay.
pub(crate) fn lock(repository: &RepositoryName, tags: &[Tag]) -> Bound {
    LOCK.bind(repository.as_str()).bind(names(tags))
}

/// Tags as an argument.
pub(crate) fn names(tags: &[Tag]) -> Vec<&str> {
    tags.iter().map(Tag::as_str).collect()
}

#[async_trait]
impl TagIndex for PostgresMetadata {
    async fn list_tags(
        &self,
        repository: &RepositoryName,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Option<Vec<Tag>>, MetadataError> {
        let page = LIST
            .bind(repository.as_str())
            .bind(after.unwrap_or_default())
            .bind(i64::from(limit));
        let row = self.primary.row(page).await?;
        Ok(row.map(|row| rows::names(&row, 0)).transpose()?)
    }

    async fn delete_tag(
        &self,
        change: &Change,
        guard: Guard<ExistingManifest>,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<TagDeletion, MetadataError> {
        let effect = Effect::of(change, &guard);
        let delete = Delete {
            guard,
            repository,
            tag,
        };
        self.primary.write(effect, &delete).await
    }
}

struct Delete<'a> {
    guard: Guard<ExistingManifest>,
    repository: &'a RepositoryName,
    tag: &'a Tag,
}

impl Write for Delete<'_> {
    type Outcome = TagDeletion;

    fn statement(&self) -> Bound {
        DELETE
            .bind(self.repository.as_str())
            .bind(self.tag.as_str())
            .bind(self.guard.is_open())
    }

    fn judge(&self, rows: &[PgRow]) -> Result<Verdict<TagDeletion>, ForeignValue> {
        let Some(row) = rows.first() else {
            return Ok(Verdict::Refused(TagDeletion::NoRepository));
        };
        let Some(digest): Option<Digest> = optional(row, 0, digest)? else {
            return Ok(Verdict::Refused(TagDeletion::Absent));
        };
        let existing = ExistingManifest {
            digest: Some(digest),
            tags: vec![(self.tag.clone(), Some(digest))],
        };
        if let Err(refusal) = self.guard.check(&existing) {
            return Ok(Verdict::Refused(TagDeletion::Refused(refusal)));
        }
        Ok(if value::<bool>(row, 1)? {
            Verdict::Done(TagDeletion::Deleted)
        } else {
            Verdict::Disturbed
        })
    }

    fn lock(&self) -> Option<Bound> {
        Some(lock(self.repository, std::slice::from_ref(self.tag)))
    }
}
