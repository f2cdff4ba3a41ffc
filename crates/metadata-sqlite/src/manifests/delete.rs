//! Deleting a manifest, with every tag that names it.

use oci_types::{Digest, RepositoryName, Tag};
use registry_core::change::Guard;
use registry_core::ports::{ExistingManifest, ManifestDeletion, MetadataError, Timestamp};

use crate::cache::Key;
use crate::rows::{digest, names, optional, value};
use crate::statement::{Statement, statement};
use crate::writer::Transaction;

pub(super) static FIND: Statement = statement!(
    "manifest_delete_find",
    "SELECT manifests.id, (
        SELECT parent.digest FROM manifest_children
        JOIN manifests AS parent ON parent.id = manifest_children.parent_id
        WHERE manifest_children.child_id = manifests.id AND parent.deleted_at IS NULL LIMIT 1
     ), (
        SELECT group_concat(name, char(10)) FROM (
            SELECT name FROM tags
            WHERE manifest_id = manifests.id AND repository_id = repositories.id ORDER BY name
        )
     )
     FROM repositories
     LEFT JOIN manifests ON manifests.repository_id = repositories.id
       AND manifests.digest = $2 AND manifests.deleted_at IS NULL
     WHERE repositories.path = $1 AND repositories.deleted_at IS NULL"
);

// Its references and children go with it, by their foreign keys.
pub(super) static DELETE: Statement = statement!(
    "manifest_delete",
    "DELETE FROM tags WHERE manifest_id = $1;
     INSERT INTO gc_links (repository_id, digest, due)
     SELECT repository_id, linked, $2 FROM manifest_blobs
     WHERE manifest_id = $1 AND linked IS NOT NULL
     ON CONFLICT DO UPDATE SET due = excluded.due;
     DELETE FROM manifests WHERE id = $1;"
);

pub(super) struct Job {
    pub(super) guard: Guard<ExistingManifest>,
    pub(super) repository: RepositoryName,
    pub(super) digest: Digest,
    pub(super) now: Timestamp,
}

impl Job {
    pub(super) fn run(
        self,
        transaction: &mut Transaction,
    ) -> Result<ManifestDeletion, MetadataError> {
        let find = FIND
            .bind(self.repository.as_str())
            .bind(self.digest.to_bytes());
        let Some(row) = transaction.row(&find)? else {
            return Ok(ManifestDeletion::NoRepository);
        };
        let Some(id) = value::<Option<i64>>(&row, 0)? else {
            return Ok(ManifestDeletion::Absent);
        };
        // As for any condition of a request, what would fail anyway fails first (RFC 9110, 13.2.1).
        if let Some(parent) = optional(&row, 1, digest)? {
            return Ok(ManifestDeletion::Contained { parent });
        }
        let tags: Vec<Tag> = names(&row, 2)?;
        let existing = ExistingManifest {
            digest: Some(self.digest),
            tags: tags
                .iter()
                .map(|tag| (tag.clone(), Some(self.digest)))
                .collect(),
        };
        if let Err(refusal) = self.guard.check(&existing) {
            return Ok(ManifestDeletion::Refused(refusal));
        }
        transaction.run(&DELETE.bind(id).bind(self.now.0))?;
        transaction.touch(Key::manifest(&self.repository, &self.digest));
        for tag in &tags {
            transaction.touch(Key::tag(&self.repository, tag));
        }
        Ok(ManifestDeletion::Deleted)
    }
}
