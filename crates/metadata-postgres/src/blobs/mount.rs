//! Mounting: a blob that one repository holds becomes visible in another, without a byte moving.

use oci_types::{Digest, RepositoryName};
use registry_core::change::Guard;
use registry_core::ports::{ExistingBlob, Mount};
use sqlx::postgres::PgRow;

use super::link::{held_before, link_blob};
use crate::database::{Verdict, Write};
use crate::error::ForeignValue;
use crate::rows::{parsed, size, value};
use crate::statement::{Bound, Statement, statement};

/// SQL that links the blob that `source` found.
///
/// The source may lose it at the same time: then this mount came first, as long as the blob itself
/// is there. If that goes, too, a foreign key fails, and the next attempt finds no source.
macro_rules! mount {
    ($name:literal, $source:literal) => {
        statement!(
            $name,
            "WITH source AS (",
            $source,
            "), home AS (
                SELECT repositories.id, repositories.namespace_id, source.size
                FROM source CROSS JOIN repositories
                WHERE repositories.path = $1 AND repositories.deleted_at IS NULL
             ), ",
            link_blob!(),
            "SELECT source.size, home.id IS NOT NULL, ",
            held_before!(),
            " FROM source LEFT JOIN home ON true"
        )
    };
}

pub(super) static MOUNT: Statement = mount!(
    "blob_mount",
    "SELECT size FROM repository_blobs
     WHERE repository_id = (SELECT id FROM repositories WHERE path = $2 AND deleted_at IS NULL)
       AND digest = $3 AND deleted_at IS NULL"
);

pub(super) static MOUNT_FROM_NAMESPACE: Statement = mount!(
    "blob_mount_from_namespace",
    "SELECT link.size FROM repository_blobs AS link
     CROSS JOIN LATERAL (
        SELECT id FROM repositories WHERE id = link.repository_id AND deleted_at IS NULL LIMIT 1
     ) AS alive
     WHERE link.namespace_id = (SELECT id FROM namespaces WHERE name = $2)
       AND link.digest = $3 AND link.deleted_at IS NULL
     LIMIT 1"
);

pub(super) struct MountBlob<'a> {
    pub(super) guard: Guard<ExistingBlob>,
    /// `None`: any repository of the target's namespace.
    pub(super) source: Option<&'a RepositoryName>,
    pub(super) target: &'a RepositoryName,
    pub(super) digest: &'a Digest,
    pub(super) now: Option<i64>,
    /// How long the new link lives, unless a manifest names it.
    pub(super) life: i64,
}

impl Write for MountBlob<'_> {
    type Outcome = Mount;

    fn statement(&self) -> Bound {
        let target = self.target.as_str();
        let mount = match self.source {
            Some(source) => MOUNT.bind(target).bind(source.as_str()),
            None => MOUNT_FROM_NAMESPACE
                .bind(target)
                .bind(self.target.namespace()),
        };
        mount
            .bind(self.digest.to_bytes())
            .bind(self.now)
            .bind(self.life)
    }

    fn judge(&self, rows: &[PgRow]) -> Result<Verdict<Mount>, ForeignValue> {
        let Some(row) = rows.first() else {
            return Ok(Verdict::Refused(Mount::NotMounted));
        };
        if !value::<bool>(row, 1)? {
            return Ok(Verdict::Homeless);
        }
        let existing = ExistingBlob {
            size: parsed(row, 0, size)?,
            linked: value(row, 2)?,
            charged: value(row, 3)?,
        };
        Ok(match self.guard.check(&existing) {
            Ok(()) => Verdict::Done(Mount::Mounted),
            Err(refusal) => Verdict::Refused(Mount::Refused(refusal)),
        })
    }

    fn home(&self) -> Option<&RepositoryName> {
        Some(self.target)
    }
}
