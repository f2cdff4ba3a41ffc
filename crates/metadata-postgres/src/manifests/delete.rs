//! Deleting a manifest, with every tag that names it.

use oci_types::{Digest, RepositoryName, Tag};
use registry_core::change::Guard;
use registry_core::ports::{ExistingManifest, ManifestDeletion};
use sqlx::postgres::PgRow;

use crate::database::{Verdict, Write};
use crate::error::ForeignValue;
use crate::rows::{digest, names, optional, value};
use crate::statement::{Bound, Statement, statement};

/// Its references and children go with it, by their foreign keys. They are read here before they go:
/// foreign keys act when the statement ends.
///
/// What others do at the same time: whoever tags it, or puts it into an index, either sees that it is
/// gone, or holds it by a foreign key that makes this statement fail. Tags are taken away before the
/// manifest, as a push writes them after it has found the manifest: nobody waits in a ring. `untagged`
/// are the tags that really went; one that moved away meanwhile stays. If somebody else deletes the
/// manifest first, it was found and is not among `deleted`.
///
/// An index that waits for the manifest although it is there contains it, see `manifest_blobs`.
pub(super) static DELETE: Statement = statement!(
    "manifest_delete",
    "WITH target AS (
        SELECT id, repository_id FROM manifests
        WHERE repository_id = (SELECT id FROM repositories WHERE path = $1 AND deleted_at IS NULL)
          AND digest = $2 AND deleted_at IS NULL
     ), parent AS (
        SELECT parent_id AS id FROM manifest_children WHERE child_id = (SELECT id FROM target)
        UNION ALL
        SELECT manifest_id FROM manifest_blobs
        WHERE repository_id = (SELECT repository_id FROM target) AND digest = $2 AND linked IS NULL AND kind = 3
     ), holder AS (
        SELECT manifests.digest FROM parent CROSS JOIN LATERAL (
            SELECT digest FROM manifests WHERE manifests.id = parent.id AND deleted_at IS NULL LIMIT 1
        ) AS manifests LIMIT 1
     ), doomed AS (
        SELECT id FROM target WHERE NOT EXISTS (SELECT FROM holder)
     ), untagged AS (
        DELETE FROM tags WHERE manifest_id = (SELECT id FROM doomed) RETURNING name
     ), queued AS (
        INSERT INTO gc_links (repository_id, digest, due)
        SELECT repository_id, linked, berth_now($3) FROM manifest_blobs
        WHERE manifest_id = (SELECT id FROM doomed) AND linked IS NOT NULL
        ORDER BY linked
        ON CONFLICT (repository_id, digest) DO UPDATE SET due = excluded.due
     ), deleted AS (
        DELETE FROM manifests
        WHERE id = (SELECT id FROM doomed) AND (SELECT count(*) FROM untagged) >= 0
        RETURNING id
     )
     SELECT
        EXISTS (SELECT FROM target),
        (SELECT digest FROM holder),
        ARRAY (SELECT name FROM untagged ORDER BY name),
        EXISTS (SELECT FROM deleted)
     FROM repositories WHERE path = $1 AND deleted_at IS NULL"
);

pub(super) struct Delete<'a> {
    pub(super) guard: Guard<ExistingManifest>,
    pub(super) repository: &'a RepositoryName,
    pub(super) digest: &'a Digest,
    pub(super) now: Option<i64>,
}

impl Write for Delete<'_> {
    type Outcome = ManifestDeletion;

    fn statement(&self) -> Bound {
        DELETE
            .bind(self.repository.as_str())
            .bind(self.digest.to_bytes())
            .bind(self.now)
    }

    fn judge(&self, rows: &[PgRow]) -> Result<Verdict<ManifestDeletion>, ForeignValue> {
        let Some(row) = rows.first() else {
            return Ok(Verdict::Refused(ManifestDeletion::NoRepository));
        };
        if !value::<bool>(row, 0)? {
            return Ok(Verdict::Refused(ManifestDeletion::Absent));
        }
        // As for any condition of a request, what would fail anyway fails first (RFC 9110, 13.2.1).
        if let Some(parent) = optional(row, 1, digest)? {
            return Ok(Verdict::Refused(ManifestDeletion::Contained { parent }));
        }
        if !value::<bool>(row, 3)? {
            return Ok(Verdict::Disturbed);
        }
        let tags: Vec<Tag> = names(row, 2)?;
        let existing = ExistingManifest {
            digest: Some(*self.digest),
            tags: tags
                .into_iter()
                .map(|tag| (tag, Some(*self.digest)))
                .collect(),
        };
        Ok(match self.guard.check(&existing) {
            Ok(()) => Verdict::Done(ManifestDeletion::Deleted),
            Err(refusal) => Verdict::Refused(ManifestDeletion::Refused(refusal)),
        })
    }
}
