//! Opening a session, and seeing where one stands.

use oci_types::RepositoryName;
use registry_core::ports::{NewUpload, UploadId, UploadProgress, UploadStart, UploadState};
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::{DONE, FINALIZING, Lives, OPEN};
use crate::database::{Verdict, Write};
use crate::error::ForeignValue;
use crate::rows::{
    Reading, algorithm, algorithm_number, digest, hash_state, optional, parsed, signed, size, value,
};
use crate::statement::{Bound, Statement, after, statement};

// A session that nobody holds yet need not be on the disk when it is answered: whoever takes it waits for that, and for all
// that was committed before; if it is lost until then, nothing was promised.
pub(super) static CREATE: Statement = statement!(
    "upload_create",
    "INSERT INTO uploads (
        id, repository_id, object, algorithm, state, fence, lease_until, committed, digest, size, expires_at
     )
     SELECT $2, id, $3, $4, $5, $6, CASE WHEN $6::bigint > 0 THEN ",
    after!("$9", "$10"),
    " END, 0, $7, $8, ",
    after!("$9", "$11"),
    " FROM repositories WHERE path = $1 AND deleted_at IS NULL
     RETURNING id, set_config(
        'synchronous_commit',
        CASE WHEN $6::bigint = 0 THEN 'off' ELSE current_setting('synchronous_commit') END,
        true
     )"
);

pub(super) static FIND: Statement = statement!(
    "upload_find",
    "SELECT committed, algorithm, hash_state, state, digest, size FROM uploads
     WHERE id = $1
       AND repository_id = (SELECT id FROM repositories WHERE path = $2 AND deleted_at IS NULL)"
);

pub(super) static LIVE: Statement = statement!(
    "upload_live",
    "SELECT object FROM uploads WHERE object = ANY ($1) AND state < 9"
);

pub(super) struct Create {
    pub(super) upload: NewUpload,
    pub(super) now: Option<i64>,
    pub(super) lives: Lives,
}

impl Write for Create {
    type Outcome = ();

    fn statement(&self) -> Bound {
        let upload = &self.upload;
        let (state, claimed) = match &upload.start {
            UploadStart::Open | UploadStart::Leased => (OPEN, None),
            UploadStart::Finalizing { digest, size } => {
                (FINALIZING, Some((digest.to_bytes(), signed(*size))))
            }
        };
        let fence: i64 = match upload.start {
            UploadStart::Open => 0,
            UploadStart::Leased | UploadStart::Finalizing { .. } => 1,
        };
        let (digest, size) = claimed.unzip();
        CREATE
            .bind(upload.repository.as_str())
            .bind(upload.id.0)
            .bind(upload.object)
            .bind(algorithm_number(upload.algorithm))
            .bind(state)
            .bind(fence)
            .bind(digest)
            .bind(size)
            .bind(self.now)
            .bind(self.lives.lease)
            .bind(self.lives.idle)
    }

    fn judge(&self, rows: &[PgRow]) -> Result<Verdict<()>, ForeignValue> {
        Ok(if rows.is_empty() {
            Verdict::Homeless
        } else {
            Verdict::Done(())
        })
    }

    fn home(&self) -> Option<&RepositoryName> {
        Some(&self.upload.repository)
    }
}

pub(super) fn find(repository: &RepositoryName, id: UploadId) -> Bound {
    FIND.bind(id.0).bind(repository.as_str())
}

pub(super) fn live(objects: &[Uuid]) -> Bound {
    LIVE.bind(objects.to_vec())
}

pub(super) fn progress(row: &PgRow) -> Reading<UploadProgress> {
    let state = match value::<i16>(row, 3)? {
        DONE => UploadState::Done {
            digest: parsed(row, 4, digest)?,
        },
        FINALIZING => UploadState::Finalizing {
            digest: parsed(row, 4, digest)?,
            size: parsed(row, 5, size)?,
        },
        _ => UploadState::Open,
    };
    Ok(UploadProgress {
        committed: parsed(row, 0, size)?,
        algorithm: parsed(row, 1, algorithm)?,
        hash_state: optional(row, 2, hash_state)?,
        state,
    })
}
