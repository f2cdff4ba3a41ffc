//! Upload sessions: open and look, take and keep a lease, finalize, end. The protocol is written
//! at the port.

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
    LeaseHold, MetadataError, NewUpload, UploadId, UploadProgress, UploadPurpose, UploadStore,
};
use uuid::Uuid;

use crate::SqliteMetadata;
use crate::statement::{Bound, Statement};
use crate::writer::{Effect, Transaction};

pub(crate) use self::lease::void_leases;

pub(crate) const STATEMENTS: &[&Statement] = &[
    &session::CREATE,
    &session::FIND,
    &session::LIVE,
    &lease::ACQUIRE_TO_WRITE,
    &lease::ACQUIRE_WHOLE,
    &lease::ACQUIRE_TO_FINISH,
    &lease::CHECKPOINT,
    &lease::RENEW,
    &lease::RELEASE,
    &lease::CLAIM,
    &lease::VOID,
    &parts::RECORD,
    &parts::LIST,
    &finalize::FINALIZE,
    &end::CANCEL,
    &end::EXPIRE,
];

/// The states of a session, in `uploads.state`.
const OPEN: i64 = 0;
const FINALIZING: i64 = 1;
const DONE: i64 = 9;

#[async_trait]
impl UploadStore for SqliteMetadata {
    async fn create_upload(&self, change: &Change, upload: NewUpload) -> Result<(), MetadataError> {
        let create = session::create(&upload, self.now(), &self.lifetimes);
        self.writer
            .run(Effect::loosely_of(change), move |transaction| {
                transaction.run(&create).map(drop)
            })
            .await
    }

    async fn find_upload(
        &self,
        repository: &RepositoryName,
        id: UploadId,
    ) -> Result<Option<UploadProgress>, MetadataError> {
        session::find(&self.readers, repository, id).await
    }

    async fn acquire_upload(
        &self,
        change: &Change,
        repository: &RepositoryName,
        id: UploadId,
        purpose: UploadPurpose,
    ) -> Result<Acquisition, MetadataError> {
        // What has recorded bytes may be moved next, so its claim must outlive a power cut; what has
        // none, or only takes the lease, begins anew after one.
        let effect = match purpose {
            UploadPurpose::Finish { .. } => Effect::of(change),
            UploadPurpose::Whole { .. } | UploadPurpose::Write { .. } => Effect::loosely_of(change),
        };
        let job = lease::Acquire {
            repository: repository.clone(),
            id,
            purpose,
            now: self.now(),
            lifetimes: self.lifetimes,
        };
        self.writer
            .run(effect, |transaction| job.run(transaction))
            .await
    }

    async fn checkpoint_upload(
        &self,
        lease: Lease,
        checkpoint: Checkpoint,
    ) -> Result<LeaseHold, MetadataError> {
        let step = lease::checkpoint(lease, &checkpoint, self.now(), &self.lifetimes);
        let record = move |transaction: &mut Transaction| {
            let hold = hold(transaction, &step)?;
            if hold == LeaseHold::Held {
                parts::record(transaction, lease.id, &checkpoint.stored)?;
            }
            Ok(hold)
        };
        self.writer.run(Effect::Keep, record).await
    }

    async fn renew_upload(&self, lease: Lease) -> Result<LeaseHold, MetadataError> {
        self.hold(
            Effect::KeepLoosely,
            lease::renew(lease, self.now(), &self.lifetimes),
        )
        .await
    }

    async fn release_upload(&self, lease: Lease) -> Result<LeaseHold, MetadataError> {
        self.hold(
            Effect::KeepLoosely,
            lease::release(lease, self.now(), &self.lifetimes),
        )
        .await
    }

    async fn claim_upload(&self, lease: Lease, claim: Claim) -> Result<Claimed, MetadataError> {
        let step = lease::claim(lease, &claim, self.now(), &self.lifetimes);
        let record = move |transaction: &mut Transaction| {
            if hold(transaction, &step)? == LeaseHold::Lost {
                return Ok(Claimed::Lost);
            }
            parts::record(transaction, lease.id, &claim.stored)?;
            parts::list(transaction, lease.id, &claim.stored.state).map(Claimed::Held)
        };
        self.writer.run(Effect::Keep, record).await
    }

    async fn finalize_upload(
        &self,
        change: &Change,
        guard: Guard<ExistingBlob>,
        upload: FinishedUpload,
    ) -> Result<Finalization, MetadataError> {
        let job = finalize::Job {
            guard,
            upload,
            now: self.now(),
            lifetimes: self.lifetimes,
        };
        self.writer
            .run(Effect::of(change), |transaction| job.run(transaction))
            .await
    }

    async fn cancel_upload(
        &self,
        change: &Change,
        repository: &RepositoryName,
        id: UploadId,
    ) -> Result<bool, MetadataError> {
        let cancel = end::cancel(repository, id, self.now(), &self.lifetimes);
        self.writer
            .run(Effect::of(change), move |transaction| {
                let results = transaction.run(&cancel)?;
                Ok(results.last().is_some_and(|ended| ended.changes > 0))
            })
            .await
    }

    async fn expire_uploads(&self, limit: u32) -> Result<u64, MetadataError> {
        let (now, lifetimes) = (self.now(), self.lifetimes);
        self.writer
            .run(Effect::Keep, move |transaction| {
                end::expire(transaction, limit, now, &lifetimes)
            })
            .await
    }

    async fn live_objects(&self, objects: &[Uuid]) -> Result<Vec<Uuid>, MetadataError> {
        session::live(&self.readers, objects).await
    }
}

impl SqliteMetadata {
    /// Runs a step that changes the session if, and only if, the lease is in force.
    async fn hold(&self, effect: Effect, step: Bound) -> Result<LeaseHold, MetadataError> {
        self.writer
            .run(effect, move |transaction| hold(transaction, &step))
            .await
    }
}

fn hold(transaction: &mut Transaction, step: &Bound) -> Result<LeaseHold, MetadataError> {
    let results = transaction.run(step)?;
    let held = results.last().is_some_and(|step| step.changes > 0);
    Ok(if held {
        LeaseHold::Held
    } else {
        LeaseHold::Lost
    })
}
