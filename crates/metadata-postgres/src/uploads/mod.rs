//! Upload sessions: open and look, take and keep a lease, finalize, end. The protocol is written
//! at the port.

mod acquire;
mod end;
mod finalize;
mod lease;
mod parts;
mod session;

use async_trait::async_trait;
use oci_types::RepositoryName;
use registry_core::change::{Change, Guard};
use registry_core::ports::{
    Acquisition, Checkpoint, Claim, Claimed, ExistingBlob, Finalization, FinishedUpload, Lease,
    LeaseHold, Lifetimes, MetadataError, NewUpload, UploadId, UploadProgress, UploadPurpose,
    UploadStore,
};
use uuid::Uuid;

use self::acquire::Taken;
use self::lease::{Hold, Step};
use crate::PostgresMetadata;
use crate::database::Effect;
use crate::rows::{Reading, value};
use crate::statement::Statement;
use crate::time::milliseconds;

pub(crate) const STATEMENTS: &[&Statement] = &[
    &session::CREATE,
    &session::FIND,
    &session::LIVE,
    &acquire::TO_WRITE,
    &acquire::WHOLE,
    &acquire::TO_FINISH,
    &lease::CHECKPOINT,
    &lease::RENEW,
    &lease::RELEASE,
    &lease::CLAIM,
    &parts::LIST,
    &finalize::FINALIZE,
    &end::CANCEL,
    &end::EXPIRE,
];

/// The states of a session, in `uploads.state`.
const OPEN: i16 = 0;
const FINALIZING: i16 = 1;
const DONE: i16 = 9;

/// How long things last, as arguments: milliseconds.
#[derive(Debug, Clone, Copy)]
struct Lives {
    lease: i64,
    idle: i64,
    done: i64,
    link: i64,
    tombstone: i64,
}

impl Lives {
    fn of(lifetimes: &Lifetimes) -> Self {
        Self {
            lease: milliseconds(lifetimes.upload_lease),
            idle: milliseconds(lifetimes.upload_idle),
            done: milliseconds(lifetimes.upload_done),
            link: milliseconds(lifetimes.blob_link),
            tombstone: milliseconds(lifetimes.tombstone_delay),
        }
    }
}

#[async_trait]
impl UploadStore for PostgresMetadata {
    async fn create_upload(&self, change: &Change, upload: NewUpload) -> Result<(), MetadataError> {
        let create = session::Create {
            upload,
            now: self.time.now(),
            lives: Lives::of(&self.lifetimes),
        };
        self.primary.write(Effect::of_change(change), &create).await
    }

    async fn find_upload(
        &self,
        repository: &RepositoryName,
        id: UploadId,
    ) -> Result<Option<UploadProgress>, MetadataError> {
        let row = self.primary.row(session::find(repository, id)).await?;
        Ok(row.as_ref().map(session::progress).transpose()?)
    }

    async fn acquire_upload(
        &self,
        change: &Change,
        repository: &RepositoryName,
        id: UploadId,
        purpose: UploadPurpose,
    ) -> Result<Acquisition, MetadataError> {
        let acquire = acquire::Acquire {
            repository,
            id,
            purpose,
            now: self.time.now(),
            lives: Lives::of(&self.lifetimes),
        };
        let taken = self.primary.write(Effect::of_change(change), &acquire);
        let mut upload = match taken.await? {
            Taken::Told(acquisition) => return Ok(acquisition),
            Taken::WithoutParts(upload) => upload,
        };
        // Nobody else records any now: the lease is ours.
        if let Some(row) = self.primary.row(parts::list_of(id)).await? {
            upload.parts = parts::read(&row, 0)?;
        }
        Ok(Acquisition::Leased(upload))
    }

    async fn checkpoint_upload(
        &self,
        lease: Lease,
        checkpoint: Checkpoint,
    ) -> Result<LeaseHold, MetadataError> {
        let step = self.hold(lease, Step::Checkpoint(checkpoint));
        self.primary.write(Effect::Decided, &step).await
    }

    async fn renew_upload(&self, lease: Lease) -> Result<LeaseHold, MetadataError> {
        let step = self.hold(lease, Step::Renew);
        self.primary.write(Effect::Decided, &step).await
    }

    async fn release_upload(&self, lease: Lease) -> Result<LeaseHold, MetadataError> {
        let step = self.hold(lease, Step::Release);
        self.primary.write(Effect::Decided, &step).await
    }

    async fn claim_upload(&self, lease: Lease, claim: Claim) -> Result<Claimed, MetadataError> {
        let step = self.hold(lease, claim);
        self.primary.write(Effect::Decided, &step).await
    }

    async fn finalize_upload(
        &self,
        change: &Change,
        guard: Guard<ExistingBlob>,
        upload: FinishedUpload,
    ) -> Result<Finalization, MetadataError> {
        let effect = Effect::of(change, &guard);
        let finalize = finalize::Finalize {
            guard,
            upload,
            now: self.time.now(),
            lives: Lives::of(&self.lifetimes),
        };
        self.primary.write(effect, &finalize).await
    }

    async fn cancel_upload(
        &self,
        change: &Change,
        repository: &RepositoryName,
        id: UploadId,
    ) -> Result<bool, MetadataError> {
        let cancel = end::Cancel {
            repository,
            id,
            now: self.time.now(),
            lives: Lives::of(&self.lifetimes),
        };
        self.primary.write(Effect::of_change(change), &cancel).await
    }

    async fn expire_uploads(&self, limit: u32) -> Result<u64, MetadataError> {
        let expire = end::Expire {
            limit,
            now: self.time.now(),
            lives: Lives::of(&self.lifetimes),
        };
        self.primary.write(Effect::Decided, &expire).await
    }

    async fn live_objects(&self, objects: &[Uuid]) -> Result<Vec<Uuid>, MetadataError> {
        let rows = self.primary.rows(session::live(objects)).await?;
        let live = rows.iter().map(|row| value(row, 0)).collect::<Reading<_>>();
        Ok(live?)
    }
}

impl PostgresMetadata {
    fn hold<S>(&self, lease: Lease, step: S) -> Hold<S> {
        Hold {
            lease,
            step,
            now: self.time.now(),
            lives: Lives::of(&self.lifetimes),
        }
    }
}
