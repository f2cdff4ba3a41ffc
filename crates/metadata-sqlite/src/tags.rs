//! Tags: list and delete. They are written with their manifest.

use async_trait::async_trait;
use oci_types::{RepositoryName, Tag};
use registry_core::change::{Change, Guard};
use registry_core::ports::{ExistingManifest, MetadataError, TagDeletion, TagIndex};

use crate::SqliteMetadata;
use crate::cache::Key;
use crate::rows::{digest, names, optional, value};
use crate::statement::{Statement, statement};
use crate::writer::{Effect, Transaction};

pub(crate) const STATEMENTS: &[&Statement] = &[&LIST, &FIND, &DELETE];

// The names come as the lines of one value: a row each would cost more than finding them.
static LIST: Statement = statement!(
    "tag_list",
    "SELECT (
        SELECT group_concat(name, char(10)) FROM (
            SELECT name FROM tags
            WHERE repository_id = repositories.id AND name > $2
            ORDER BY name LIMIT $3
        )
     )
     FROM repositories WHERE path = $1 AND deleted_at IS NULL"
);

static FIND: Statement = statement!(
    "tag_find",
    "SELECT repositories.id, manifests.digest
     FROM repositories
     LEFT JOIN tags ON tags.repository_id = repositories.id AND tags.name = $2
     LEFT JOIN manifests ON manifests.id = tags.manifest_id AND manifests.deleted_at IS NULL
     WHERE repositories.path = $1 AND repositories.deleted_at IS NULL"
);

static DELETE: Statement = statement!(
    "tag_delete",
    "DELETE FROM tags WHERE repository_id = $1 AND name = $2"
);

#[async_trait]
impl TagIndex for SqliteMetadata {
    async fn list_tags(
        &self,
        repository: &RepositoryName,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Option<Vec<Tag>>, MetadataError> {
        let list = LIST
            .bind(repository.as_str())
            .bind(after.unwrap_or_default())
            .bind(limit);
        let row = self.readers.row(list).await?;
        row.map(|row| names(&row, 0)).transpose()
    }

    async fn delete_tag(
        &self,
        change: &Change,
        guard: Guard<ExistingManifest>,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<TagDeletion, MetadataError> {
        let (repository, tag) = (repository.clone(), tag.clone());
        self.writer
            .run(Effect::of(change), move |transaction| {
                delete(transaction, &guard, &repository, &tag)
            })
            .await
    }
}

fn delete(
    transaction: &mut Transaction,
    guard: &Guard<ExistingManifest>,
    repository: &RepositoryName,
    tag: &Tag,
) -> Result<TagDeletion, MetadataError> {
    let Some(row) = transaction.row(&FIND.bind(repository.as_str()).bind(tag.as_str()))? else {
        return Ok(TagDeletion::NoRepository);
    };
    let repository_id: i64 = value(&row, 0)?;
    let Some(digest) = optional(&row, 1, digest)? else {
        return Ok(TagDeletion::Absent);
    };
    let existing = ExistingManifest {
        digest: Some(digest),
        tags: vec![(tag.clone(), Some(digest))],
    };
    if let Err(refusal) = guard.check(&existing) {
        return Ok(TagDeletion::Refused(refusal));
    }
    transaction.run(&DELETE.bind(repository_id).bind(tag.as_str()))?;
    transaction.touch(Key::tag(repository, tag));
    Ok(TagDeletion::Deleted)
}
