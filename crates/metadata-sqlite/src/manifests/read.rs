//! Reading manifests. One statement tells three answers apart: no row means that there is no such
//! repository, a row of NULLs that it has no such manifest.

use bytes::Bytes;
use oci_types::{Reference, RepositoryName};
use registry_core::ports::{Lookup, ManifestStat, MetadataError, StoredManifest};

use crate::readers::Readers;
use crate::rows::{digest, media_type, optional, parsed, size, value};
use crate::statement::{Bound, Statement, statement};
use crate::value::Row;

macro_rules! by_tag {
    () => {
        " FROM repositories
         LEFT JOIN tags ON tags.repository_id = repositories.id AND tags.name = $2
         LEFT JOIN manifests ON manifests.id = tags.manifest_id AND manifests.deleted_at IS NULL
         WHERE repositories.path = $1 AND repositories.deleted_at IS NULL"
    };
}
macro_rules! by_digest {
    () => {
        " FROM repositories
         LEFT JOIN manifests ON manifests.repository_id = repositories.id
           AND manifests.digest = $2 AND manifests.deleted_at IS NULL
         WHERE repositories.path = $1 AND repositories.deleted_at IS NULL"
    };
}

pub(super) static STAT_BY_TAG: Statement = statement!(
    "manifest_stat_by_tag",
    "SELECT manifests.digest, manifests.media_type, manifests.size",
    by_tag!()
);
pub(super) static STAT_BY_DIGEST: Statement = statement!(
    "manifest_stat_by_digest",
    "SELECT manifests.digest, manifests.media_type, manifests.size",
    by_digest!()
);
pub(super) static READ_BY_TAG: Statement = statement!(
    "manifest_read_by_tag",
    "SELECT manifests.digest, manifests.media_type, manifests.size, manifests.payload",
    by_tag!()
);
pub(super) static READ_BY_DIGEST: Statement = statement!(
    "manifest_read_by_digest",
    "SELECT manifests.digest, manifests.media_type, manifests.size, manifests.payload",
    by_digest!()
);

pub(super) async fn stat(
    readers: &Readers,
    repository: &RepositoryName,
    reference: &Reference,
) -> Result<Lookup<ManifestStat>, MetadataError> {
    let row = readers
        .row(bind(&STAT_BY_TAG, &STAT_BY_DIGEST, repository, reference))
        .await?;
    found(row, stat_of)
}

pub(super) async fn whole(
    readers: &Readers,
    repository: &RepositoryName,
    reference: &Reference,
) -> Result<Lookup<StoredManifest>, MetadataError> {
    let row = readers
        .row(bind(&READ_BY_TAG, &READ_BY_DIGEST, repository, reference))
        .await?;
    found(row, |row| {
        Ok(StoredManifest {
            stat: stat_of(row)?,
            payload: value::<&Bytes>(row, 3)?.clone(),
        })
    })
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

fn found<T>(
    row: Option<Row>,
    read: impl FnOnce(&Row) -> Result<T, MetadataError>,
) -> Result<Lookup<T>, MetadataError> {
    let Some(row) = row else {
        return Ok(Lookup::NoRepository);
    };
    match optional(&row, 0, digest)? {
        Some(_) => read(&row).map(Lookup::Found),
        None => Ok(Lookup::Absent),
    }
}

fn stat_of(row: &Row) -> Result<ManifestStat, MetadataError> {
    Ok(ManifestStat {
        digest: parsed(row, 0, digest)?,
        media_type: parsed(row, 1, media_type)?,
        size: parsed(row, 2, size)?,
    })
}
