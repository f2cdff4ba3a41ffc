//! Committing a manifest: one text of SQL, however much it names. It looks at everything the
//! decision needs and then writes everything; where the decision, made on what was found before
//! the writes, is against it, the writes are taken back. That costs a refused push more, and spares
//! every other one a round trip.
//!
//! CROSS JOIN keeps the order in which tables are written: from one row or one parameter to the
//! rows it names. The planner does not know how long a parameter's list is, and would rather walk
//! through all tags or manifests of a repository.

use oci_types::{Digest, MediaType, Tag};
use registry_core::change::Guard;
use registry_core::ports::{
    ExistingManifest, ManifestCommit, MetadataError, MissingReferences, NewManifest, Timestamp,
};

use super::references::{parameter, references};
use crate::cache::Key;
use crate::rows::{digest, json_array, media_type, optional, parsed, size, value};
use crate::statement::{Bound, ResultSet, Statement, ensure_repository, statement};
use crate::value::Row;
use crate::writer::Transaction;

/// It answers first: the manifest if it is there; what the tags name, for those that are there; the
/// references that stand in the way, absent (NULL) or of another size than claimed, by their
/// position. A child of an index is a manifest if the repository has it, else a blob, else absent,
/// which is its right.
///
/// Then it writes:
///
/// 1. Repository and manifest; the same bytes again keep their id and take the new media type.
/// 2. References: children that are there, everything else as blobs, held where it is linked.
/// 3. Indexes that waited for this very manifest contain it from now on.
/// 4. Links the manifest holds need no lease any more.
/// 5. Tags.
pub(super) static COMMIT: Statement = statement!(
    "manifest_commit",
    "SELECT manifests.media_type FROM repositories
     JOIN manifests ON manifests.repository_id = repositories.id
       AND manifests.digest = $3 AND manifests.deleted_at IS NULL
     WHERE repositories.path = $1 AND repositories.deleted_at IS NULL;

     SELECT tag.key, manifests.digest FROM json_each($10) AS tag
     CROSS JOIN tags ON tags.name = tag.value AND tags.repository_id = (
        SELECT id FROM repositories WHERE path = $1 AND deleted_at IS NULL
     )
     CROSS JOIN manifests ON manifests.id = tags.manifest_id AND manifests.deleted_at IS NULL;

     WITH reference AS (",
    references!(),
    "), home AS (SELECT id FROM repositories WHERE path = $1 AND deleted_at IS NULL)
     SELECT reference.key, reference.digest, coalesce(child.size, link.size) AS stored FROM reference
     LEFT JOIN manifests AS child ON reference.kind = 3 AND child.repository_id = (SELECT id FROM home)
       AND child.digest = reference.digest AND child.deleted_at IS NULL
     LEFT JOIN repository_blobs AS link ON link.repository_id = (SELECT id FROM home)
       AND link.digest = reference.digest AND link.deleted_at IS NULL
     WHERE CASE WHEN stored IS NULL THEN reference.kind < 2 ELSE stored <> reference.size END;",
    ensure_repository!(),
    "INSERT INTO manifests (
        repository_id, digest, media_type, size, pushed_at, artifact_type, subject_digest, annotations, payload
     )
     VALUES (
        (SELECT id FROM repositories WHERE path = $1 AND deleted_at IS NULL),
        $3, $4, length($8), $11, $5, $6, $7, $8
     )
     ON CONFLICT DO UPDATE SET media_type = excluded.media_type, artifact_type = excluded.artifact_type,
        subject_digest = excluded.subject_digest, annotations = excluded.annotations, deleted_at = NULL
        WHERE media_type <> excluded.media_type OR deleted_at IS NOT NULL;

     WITH reference AS (",
    references!(),
    ")
     INSERT INTO manifest_children (parent_id, child_id)
     SELECT parent.id, child.id FROM repositories
     CROSS JOIN manifests AS parent ON parent.repository_id = repositories.id AND parent.digest = $3
     CROSS JOIN reference ON reference.kind = 3
     CROSS JOIN manifests AS child ON child.repository_id = repositories.id
       AND child.digest = reference.digest AND child.deleted_at IS NULL
     WHERE repositories.path = $1 AND repositories.deleted_at IS NULL
     ON CONFLICT DO NOTHING;

     WITH reference AS (",
    references!(),
    ")
     INSERT INTO manifest_blobs (manifest_id, digest, repository_id, kind, linked)
     SELECT parent.id, reference.digest, repositories.id, reference.kind, link.digest FROM repositories
     CROSS JOIN manifests AS parent ON parent.repository_id = repositories.id AND parent.digest = $3
     CROSS JOIN reference
     LEFT JOIN repository_blobs AS link ON link.repository_id = repositories.id
       AND link.digest = reference.digest AND link.deleted_at IS NULL
     WHERE repositories.path = $1 AND repositories.deleted_at IS NULL AND NOT (
        reference.kind = 3 AND EXISTS (
            SELECT 1 FROM manifests AS child WHERE child.repository_id = repositories.id
              AND child.digest = reference.digest AND child.deleted_at IS NULL
        )
     )
     ON CONFLICT DO NOTHING;

     INSERT INTO manifest_children (parent_id, child_id)
     SELECT waiting.manifest_id, child.id FROM repositories
     JOIN manifests AS child ON child.repository_id = repositories.id AND child.digest = $3
     JOIN manifest_blobs AS waiting ON waiting.repository_id = repositories.id
       AND waiting.digest = $3 AND waiting.linked IS NULL AND waiting.kind = 3
     WHERE repositories.path = $1 AND repositories.deleted_at IS NULL
     ON CONFLICT DO NOTHING;

     DELETE FROM manifest_blobs
     WHERE repository_id = (SELECT id FROM repositories WHERE path = $1 AND deleted_at IS NULL)
       AND digest = $3 AND linked IS NULL AND kind = 3;

     UPDATE repository_blobs SET expires_at = NULL
     WHERE repository_id = (SELECT id FROM repositories WHERE path = $1 AND deleted_at IS NULL)
       AND expires_at IS NOT NULL AND digest IN (
        SELECT manifest_blobs.linked FROM repositories
        JOIN manifests ON manifests.repository_id = repositories.id AND manifests.digest = $3
        JOIN manifest_blobs ON manifest_blobs.manifest_id = manifests.id
        WHERE repositories.path = $1 AND repositories.deleted_at IS NULL
          AND manifest_blobs.linked IS NOT NULL
     );",
    "INSERT INTO tags (repository_id, name, manifest_id, version)
     SELECT manifests.repository_id, tag.value, manifests.id, 1
     FROM repositories
     CROSS JOIN manifests ON manifests.repository_id = repositories.id AND manifests.digest = $3
     CROSS JOIN json_each($10) AS tag
     WHERE repositories.path = $1 AND repositories.deleted_at IS NULL
     ON CONFLICT DO UPDATE SET manifest_id = excluded.manifest_id, version = version + 1;"
);

pub(super) struct Job {
    pub(super) guard: Guard<ExistingManifest>,
    pub(super) manifest: NewManifest,
    pub(super) now: Timestamp,
}

/// What [`COMMIT`] found before it wrote.
struct Found {
    media_type: Option<MediaType>,
    existing: ExistingManifest,
    missing: Vec<Digest>,
    mismatch: Option<(Digest, u64)>,
}

impl Job {
    pub(super) fn run(
        self,
        transaction: &mut Transaction,
    ) -> Result<ManifestCommit, MetadataError> {
        let found = self.found(&transaction.run(&self.commit())?)?;
        if let Some(refused) = self.judge(&found) {
            transaction.take_back();
            return Ok(refused);
        }
        let NewManifest {
            repository,
            digest,
            media_type,
            tags,
            ..
        } = &self.manifest;
        // What was not there is in no cache.
        if found.media_type.is_some_and(|before| before != *media_type) {
            transaction.touch(Key::manifest(repository, digest));
        }
        for tag in tags {
            transaction.touch(Key::tag(repository, tag));
        }
        Ok(ManifestCommit::Committed)
    }

    fn judge(&self, found: &Found) -> Option<ManifestCommit> {
        if let Err(refusal) = self.guard.check(&found.existing) {
            return Some(ManifestCommit::Refused(refusal));
        }
        match self.manifest.missing_references {
            MissingReferences::Refuse if !found.missing.is_empty() => {
                return Some(ManifestCommit::MissingBlobs(found.missing.clone()));
            }
            MissingReferences::Refuse | MissingReferences::Accept => {}
        }
        found
            .mismatch
            .map(|(digest, stored)| ManifestCommit::SizeMismatch { digest, stored })
    }

    fn found(&self, results: &[ResultSet]) -> Result<Found, MetadataError> {
        let rows = |index: usize| {
            results
                .get(index)
                .map_or(&[][..], |result| result.rows.as_slice())
        };
        let mut found = Found {
            media_type: rows(0)
                .first()
                .map(|row| parsed(row, 0, media_type))
                .transpose()?,
            existing: ExistingManifest {
                digest: None,
                tags: self
                    .manifest
                    .tags
                    .iter()
                    .map(|tag| (tag.clone(), None))
                    .collect(),
            },
            missing: Vec::new(),
            mismatch: None,
        };
        found.existing.digest = found.media_type.as_ref().map(|_| self.manifest.digest);
        for row in rows(1) {
            let position = usize::try_from(value::<i64>(row, 0)?).unwrap_or(usize::MAX);
            if let Some((_, names)) = found.existing.tags.get_mut(position) {
                *names = Some(parsed(row, 1, digest)?);
            }
        }
        for row in in_order(rows(2))? {
            let reference = parsed(row, 1, digest)?;
            match optional(row, 2, size)? {
                None => found.missing.push(reference),
                Some(stored) => found.mismatch = found.mismatch.or(Some((reference, stored))),
            }
        }
        Ok(found)
    }

    fn commit(&self) -> Bound {
        let manifest = &self.manifest;
        let artifact_type = manifest.artifact_type.as_ref().map(MediaType::as_str);
        // Annotations are shown by the list of referrers only, so only those are kept twice.
        let annotations = manifest
            .subject
            .map(|_| serde_json::json!(manifest.annotations).to_string());
        COMMIT
            .bind(manifest.repository.as_str())
            .bind(manifest.repository.namespace())
            .bind(manifest.digest.to_bytes())
            .bind(manifest.media_type.as_str())
            .bind(artifact_type)
            .bind(manifest.subject.map(|subject| subject.to_bytes()))
            .bind(annotations)
            .bind(manifest.payload.clone())
            .bind(parameter(&manifest.references))
            .bind(json_array(manifest.tags.iter().map(Tag::as_str)))
            .bind(manifest.pushed_at.unwrap_or(self.now).0)
    }
}

/// Rows by the position in their first column.
fn in_order(rows: &[Row]) -> Result<Vec<&Row>, MetadataError> {
    let position = |row| value::<i64>(row, 0).map(|position| (position, row));
    let mut rows = rows.iter().map(position).collect::<Result<Vec<_>, _>>()?;
    rows.sort_unstable_by_key(|(position, _)| *position);
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}
