//! Committing a manifest: one statement, however much it names. It looks at everything the decision
//! needs, and writes everything if nothing stands in the way.

use std::collections::HashMap;

use oci_types::{Digest, MediaType, RepositoryName, Tag};
use registry_core::change::Guard;
use registry_core::ports::{ExistingManifest, ManifestCommit, MissingReferences, NewManifest};
use sqlx::postgres::PgRow;

use super::references::{self, references};
use crate::database::{Verdict, Write};
use crate::error::ForeignValue;
use crate::rows::{Reading, digest, digests, names, optional, parsed, size, value};
use crate::statement::{Bound, Statement, statement};
use crate::tags;

/// What it finds:
///
/// - `known`: the manifest, if it is there, deleted or not.
/// - `named`: what the tags name, for those that are there.
/// - `found`: each reference with the child or the link that is there for it.
/// - `problem`: the references that stand in the way, absent (NULL) or of another size than claimed.
///
/// What it writes, unless there is a problem:
///
/// 1. `written`: the manifest; the same bytes again keep their id and take the new media type.
/// 2. `contained`: children that are there; and indexes that waited for this very manifest
///    (`arrived`) contain it from now on.
/// 3. `kept`: everything else it names as blobs, held where it is linked. What is kept already is left alone: a conflict
///    would lock it and write it anew.
/// 4. `released`: links it holds need no lease any more. They are locked in the order of their
///    digests, so that two pushes with common layers do not wait for each other in a ring.
/// 5. `tagged`: tags, in the order of their names for the same reason.
///
/// What others do at the same time:
///
/// - A link, a child, a parent or the known manifest goes: a foreign key fails, and nothing is done.
/// - The manifest comes: the unique key decides; it is overwritten like one that was known. A tag
///   comes or moves: the last one wins. But where a guard has judged what was there (`$13` is
///   false) only what was seen is overwritten, and the answer tells if that was not all.
/// - A tag goes, or the known manifest does before it is overwritten: what is written is new. Where a guard has judged what
///   was there the answer tells: a new tag has version 1, a new manifest another id.
/// - A blob comes that is named here and was not seen: its reference waits, as if the blob had come
///   later. A child likewise. The comments of `manifest_blobs` tell who copes with that.
pub(super) static COMMIT: Statement = statement!(
    "manifest_commit",
    "WITH home AS (
        SELECT id FROM repositories WHERE path = $1 AND deleted_at IS NULL
     ), reference AS (",
    references!(),
    "), known AS (
        SELECT id, media_type, deleted_at FROM manifests
        WHERE repository_id = (SELECT id FROM home) AND digest = $2
     ), named AS (
        SELECT tag.name, before.manifest_id, manifests.digest
        FROM home CROSS JOIN unnest($11::text[]) AS tag (name)
        CROSS JOIN LATERAL (
            SELECT manifest_id FROM tags WHERE tags.repository_id = home.id AND tags.name = tag.name LIMIT 1
        ) AS before
        LEFT JOIN LATERAL (
            SELECT digest FROM manifests WHERE manifests.id = before.manifest_id AND deleted_at IS NULL LIMIT 1
        ) AS manifests ON true
     ), found AS (
        SELECT reference.position, reference.digest, reference.kind, reference.size AS claimed,
            child.id AS child_id, link.digest AS linked, link.expires_at, coalesce(child.size, link.size) AS stored
        FROM home CROSS JOIN reference
        LEFT JOIN LATERAL (
            SELECT id, size FROM manifests
            WHERE manifests.repository_id = home.id AND manifests.deleted_at IS NULL
              AND manifests.digest = CASE WHEN reference.kind = 3 THEN reference.digest END LIMIT 1
        ) AS child ON true
        LEFT JOIN LATERAL (
            SELECT repository_blobs.digest, size, expires_at FROM repository_blobs
            WHERE repository_blobs.repository_id = home.id AND repository_blobs.digest = reference.digest
              AND deleted_at IS NULL LIMIT 1
        ) AS link ON true
     ), problem AS (
        SELECT position, digest, stored FROM found
        WHERE CASE WHEN stored IS NULL THEN kind < 2 AND NOT $12 ELSE stored <> claimed END
     ), written AS (
        INSERT INTO manifests (
            repository_id, digest, media_type, size, pushed_at, artifact_type, subject_digest, annotations, payload
        )
        SELECT home.id, $2, $3, octet_length($7::bytea), berth_now($14), $4, $5, $6, $7
        FROM home
        WHERE NOT EXISTS (SELECT FROM problem)
          AND NOT EXISTS (SELECT FROM known WHERE media_type = $3 AND deleted_at IS NULL)
        ON CONFLICT (repository_id, digest) DO UPDATE SET media_type = excluded.media_type,
            artifact_type = excluded.artifact_type, subject_digest = excluded.subject_digest,
            annotations = excluded.annotations, deleted_at = NULL
            WHERE $13 OR EXISTS (SELECT FROM known WHERE known.id = manifests.id)
        RETURNING id
     ), manifest AS (
        SELECT id FROM written
        UNION ALL
        SELECT id FROM known
        WHERE media_type = $3 AND deleted_at IS NULL AND NOT EXISTS (SELECT FROM problem)
     ), arrived AS (
        DELETE FROM manifest_blobs AS waiting USING manifest
        WHERE waiting.repository_id = (SELECT id FROM home) AND waiting.digest = $2
          AND waiting.linked IS NULL AND waiting.kind = 3
        RETURNING waiting.manifest_id, manifest.id AS child_id
     ), contained AS (
        INSERT INTO manifest_children (parent_id, child_id)
        SELECT manifest.id, found.child_id FROM manifest CROSS JOIN found WHERE found.child_id IS NOT NULL
        UNION
        SELECT manifest_id, child_id FROM arrived
        ORDER BY 1, 2
        ON CONFLICT DO NOTHING
     ), kept AS (
        INSERT INTO manifest_blobs (manifest_id, digest, repository_id, kind, linked)
        SELECT manifest.id, found.digest, home.id, found.kind, found.linked
        FROM home CROSS JOIN manifest CROSS JOIN found
        WHERE found.child_id IS NULL
          AND NOT EXISTS (
            SELECT FROM manifest_blobs AS held
            WHERE held.manifest_id = manifest.id AND held.digest = found.digest
              AND (held.linked IS NOT NULL OR found.linked IS NULL)
          )
        ORDER BY found.digest
        ON CONFLICT (manifest_id, digest) DO UPDATE SET linked = excluded.linked
            WHERE manifest_blobs.linked IS NULL AND excluded.linked IS NOT NULL
     ), leased AS (
        SELECT link.repository_id, link.digest
        FROM (
            SELECT home.id, found.linked FROM home CROSS JOIN manifest CROSS JOIN found
            WHERE found.child_id IS NULL AND found.expires_at IS NOT NULL ORDER BY found.linked
        ) AS held
        CROSS JOIN LATERAL (
            SELECT repository_id, digest FROM repository_blobs
            WHERE repository_id = held.id AND digest = held.linked FOR NO KEY UPDATE
        ) AS link
     ), released AS (
        UPDATE repository_blobs SET expires_at = NULL FROM leased
        WHERE repository_blobs.repository_id = leased.repository_id AND repository_blobs.digest = leased.digest
     ), tagged AS (
        INSERT INTO tags (repository_id, name, manifest_id, version)
        SELECT home.id, tag.name, manifest.id, 1
        FROM home CROSS JOIN manifest CROSS JOIN unnest($11::text[]) AS tag (name)
        ORDER BY tag.name COLLATE \"C\"
        ON CONFLICT (repository_id, name) DO UPDATE SET manifest_id = excluded.manifest_id, version = tags.version + 1
            WHERE $13 OR tags.manifest_id = (SELECT named.manifest_id FROM named WHERE named.name = tags.name)
        RETURNING name, version
     )
     SELECT
        EXISTS (SELECT FROM known WHERE deleted_at IS NULL),
        ARRAY (SELECT name FROM named WHERE digest IS NOT NULL ORDER BY name COLLATE \"C\"),
        ARRAY (SELECT digest FROM named WHERE digest IS NOT NULL ORDER BY name COLLATE \"C\"),
        ARRAY (SELECT digest FROM problem WHERE stored IS NULL ORDER BY position),
        (SELECT digest FROM problem WHERE stored IS NOT NULL ORDER BY position LIMIT 1),
        (SELECT stored FROM problem WHERE stored IS NOT NULL ORDER BY position LIMIT 1),
        EXISTS (
            SELECT FROM manifest
            WHERE $13 OR manifest.id = coalesce((SELECT known.id FROM known), manifest.id)
        ),
        (SELECT count(*) FROM tagged),
        $13 OR (SELECT count(*) FROM tagged WHERE version > 1) = (SELECT count(*) FROM named)
     FROM home"
);

pub(super) struct Commit {
    pub(super) guard: Guard<ExistingManifest>,
    pub(super) manifest: NewManifest,
    pub(super) now: Option<i64>,
}

/// What [`COMMIT`] found, and whether all was written.
struct Found {
    existing: ExistingManifest,
    missing: Vec<Digest>,
    mismatch: Option<(Digest, u64)>,
    complete: bool,
}

impl Write for Commit {
    type Outcome = ManifestCommit;

    fn statement(&self) -> Bound {
        let manifest = &self.manifest;
        let artifact_type = manifest.artifact_type.as_ref().map(MediaType::as_str);
        // Annotations are shown by the list of referrers only, so only those are kept twice.
        let annotations = manifest
            .subject
            .map(|_| serde_json::json!(manifest.annotations).to_string());
        let accepted = manifest.missing_references == MissingReferences::Accept;
        let bound = COMMIT
            .bind(manifest.repository.as_str())
            .bind(manifest.digest.to_bytes())
            .bind(manifest.media_type.as_str())
            .bind(artifact_type)
            .bind(manifest.subject.map(|subject| subject.to_bytes()))
            .bind(annotations)
            .bind(&manifest.payload[..]);
        references::bind(bound, &manifest.references)
            .bind(tags::names(&manifest.tags))
            .bind(accepted)
            .bind(self.guard.is_open())
            .bind(manifest.pushed_at.map(|at| at.0).or(self.now))
    }

    fn judge(&self, rows: &[PgRow]) -> Result<Verdict<ManifestCommit>, ForeignValue> {
        let Some(row) = rows.first() else {
            return Ok(Verdict::Homeless);
        };
        let found = self.found(row)?;
        if let Err(refusal) = self.guard.check(&found.existing) {
            return Ok(Verdict::Refused(ManifestCommit::Refused(refusal)));
        }
        if !found.missing.is_empty() {
            return Ok(Verdict::Refused(ManifestCommit::MissingBlobs(
                found.missing,
            )));
        }
        if let Some((digest, stored)) = found.mismatch {
            return Ok(Verdict::Refused(ManifestCommit::SizeMismatch {
                digest,
                stored,
            }));
        }
        Ok(if found.complete {
            Verdict::Done(ManifestCommit::Committed)
        } else {
            Verdict::Disturbed
        })
    }

    fn home(&self) -> Option<&RepositoryName> {
        Some(&self.manifest.repository)
    }

    fn lock(&self) -> Option<Bound> {
        (!self.manifest.tags.is_empty())
            .then(|| tags::lock(&self.manifest.repository, &self.manifest.tags))
    }
}

impl Commit {
    fn found(&self, row: &PgRow) -> Reading<Found> {
        let tags: Vec<Tag> = names(row, 1)?;
        let targets: HashMap<Tag, Digest> = tags.into_iter().zip(digests(row, 2)?).collect();
        let target = |tag: &Tag| (tag.clone(), targets.get(tag).copied());
        let existing = ExistingManifest {
            digest: value::<bool>(row, 0)?.then_some(self.manifest.digest),
            tags: self.manifest.tags.iter().map(target).collect(),
        };
        let mismatch = match optional(row, 4, digest)? {
            Some(digest) => Some((digest, parsed(row, 5, size)?)),
            None => None,
        };
        let tagged = parsed(row, 7, |count: i64| Ok(usize::try_from(count)?))?;
        Ok(Found {
            existing,
            missing: digests(row, 3)?,
            mismatch,
            complete: value::<bool>(row, 6)?
                && tagged == self.manifest.tags.len()
                && value::<bool>(row, 8)?,
        })
    }
}
