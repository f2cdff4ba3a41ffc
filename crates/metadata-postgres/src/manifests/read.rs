//! Reading manifests. One statement tells three answers apart: no row means that there is no such
//! repository, a row of NULLs that it has no such manifest.
//!
//! What is there is always asked of the database. Only the bytes of a payload that is in memory
//! anyway are not sent again: the statement is told which digest they have, and leaves them out if
//! that is the answer.

use bytes::Bytes;
use oci_types::{Digest, Reference, RepositoryName};
use registry_core::ports::{Lookup, ManifestStat};
use sqlx::postgres::PgRow;

use crate::rows::{Reading, digest, media_type, optional, parsed, size, value};
use crate::statement::{Bound, Statement, statement};

macro_rules! by_tag {
    () => {
        " FROM repositories
         LEFT JOIN LATERAL (
            SELECT manifest_id FROM tags WHERE repository_id = repositories.id AND name = $2 LIMIT 1
         ) AS tag ON true
         LEFT JOIN LATERAL (
            SELECT digest, media_type, size, payload FROM manifests
            WHERE id = tag.manifest_id AND manifests.deleted_at IS NULL LIMIT 1
         ) AS manifest ON true
         WHERE path = $1 AND deleted_at IS NULL"
    };
}
macro_rules! by_digest {
    () => {
        " FROM repositories
         LEFT JOIN LATERAL (
            SELECT digest, media_type, size, payload FROM manifests
            WHERE repository_id = repositories.id AND digest = $2 AND manifests.deleted_at IS NULL LIMIT 1
         ) AS manifest ON true
         WHERE path = $1 AND deleted_at IS NULL"
    };
}
/// A payload is fetched from its pages only where it is wanted.
macro_rules! payload {
    () => {
        ", CASE WHEN manifest.digest = $3 THEN NULL ELSE manifest.payload END"
    };
}

pub(super) static STAT_BY_TAG: Statement = statement!(
    "manifest_stat_by_tag",
    "SELECT manifest.digest, manifest.media_type, manifest.size",
    by_tag!()
);
pub(super) static STAT_BY_DIGEST: Statement = statement!(
    "manifest_stat_by_digest",
    "SELECT manifest.digest, manifest.media_type, manifest.size",
    by_digest!()
);
pub(super) static READ_BY_TAG: Statement = statement!(
    "manifest_read_by_tag",
    "SELECT manifest.digest, manifest.media_type, manifest.size",
    payload!(),
    by_tag!()
);
pub(super) static READ_BY_DIGEST: Statement = statement!(
    "manifest_read_by_digest",
    "SELECT manifest.digest, manifest.media_type, manifest.size",
    payload!(),
    by_digest!()
);

/// A manifest; without its payload if that was held.
pub(super) struct Found {
    pub(super) stat: ManifestStat,
    pub(super) payload: Option<Bytes>,
}

pub(super) fn stat(repository: &RepositoryName, reference: &Reference) -> Bound {
    bind(&STAT_BY_TAG, &STAT_BY_DIGEST, repository, reference)
}

/// Asks for the payload, too, unless the manifest is `held`.
pub(super) fn whole(
    repository: &RepositoryName,
    reference: &Reference,
    held: Option<&Digest>,
) -> Bound {
    bind(&READ_BY_TAG, &READ_BY_DIGEST, repository, reference).bind(held.map(Digest::to_bytes))
}

fn bind(
    by_tag: &'static Statement,
    by_digest: &'static Statement,
    repository: &RepositoryName,
    reference: &Reference,
) -> Bound {
    match reference {
        Reference::Tag(tag) => by_tag.bind(repository.as_str()).bind(tag.as_str()),
        Reference::Digest(digest) => by_digest.bind(repository.as_str()).bind(digest.to_bytes()),
    }
}

pub(super) fn stat_of(row: Option<&PgRow>) -> Reading<Lookup<ManifestStat>> {
    found(row, |stat, _| Ok(stat))
}

pub(super) fn whole_of(row: Option<&PgRow>) -> Reading<Lookup<Found>> {
    found(row, |stat, row| {
        let payload: Option<Vec<u8>> = value(row, 3)?;
        let payload = payload.map(Bytes::from);
        Ok(Found { stat, payload })
    })
}

fn found<T>(
    row: Option<&PgRow>,
    read: impl FnOnce(ManifestStat, &PgRow) -> Reading<T>,
) -> Reading<Lookup<T>> {
    let Some(row) = row else {
        return Ok(Lookup::NoRepository);
    };
    let Some(digest) = optional(row, 0, digest)? else {
        return Ok(Lookup::Absent);
    };
    let stat = ManifestStat {
        digest,
        media_type: parsed(row, 1, media_type)?,
        size: parsed(row, 2, size)?,
    };
    read(stat, row).map(Lookup::Found)
}
