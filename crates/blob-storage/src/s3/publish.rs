//! Publishing: one request to put the parts together, one to store what was never in parts, or none.
//!
//! Doing it again, by the same process or another, gives the same object: parts are named with what
//! S3 calls their bytes, so nobody can have another one put in; an upload that is gone was completed, if
//! its object has the right size, because no other bytes are ever stored under its key.

use registry_core::ports::{BlobStoreError, Part, Published, StorageKey, UploadObject};

use super::bucket::Bucket;
use super::error::S3Error;
use super::lead::Lead;
use super::state::{PieceName, State, Upload};

/// Publishes the committed bytes of an object.
pub(super) async fn publish(
    bucket: &Bucket,
    object: &UploadObject,
    parts: Vec<Part>,
) -> Result<Published, BlobStoreError> {
    let mut state = State::of(object)?.taken_over(object.key.fence);
    if let Some(piece) = state.whole() {
        let key = held_by(object, piece.fence);
        if piece.name == PieceName::Parked {
            bucket.holds(key, object.committed).await?;
        }
        return Ok(Published {
            key,
            leftovers: state.superseded,
        });
    }
    let loose = state.loose();
    let _room = match loose {
        0 => None,
        loose => Some(bucket.budget.publish(loose).await?),
    };
    let upload = state.upload.take();
    let lead = Lead::take(object.key.session, &mut state);
    let key = match upload {
        None => store(bucket, object, lead).await?,
        Some(upload) => complete(bucket, object, upload, parts, lead, loose).await?,
    };
    Ok(Published {
        key,
        leftovers: state.superseded,
    })
}

fn held_by(object: &UploadObject, fence: u64) -> StorageKey {
    StorageKey {
        session: object.key.session,
        fence,
    }
}

/// Stores all there is as one object.
async fn store(
    bucket: &Bucket,
    object: &UploadObject,
    lead: Lead,
) -> Result<StorageKey, BlobStoreError> {
    let slices = lead.before(bucket, Vec::new()).await?;
    let name = bucket.keys.object(object.key);
    bucket.client.put(&name, slices, None).await?;
    Ok(object.key)
}

/// Makes the rest the last part, and puts the parts together.
async fn complete(
    bucket: &Bucket,
    object: &UploadObject,
    upload: Upload,
    mut parts: Vec<Part>,
    lead: Lead,
    loose: u64,
) -> Result<StorageKey, BlobStoreError> {
    let key = held_by(object, upload.fence);
    if !upload.parts.are(&parts) {
        return Err(BlobStoreError::Lost(object.key));
    }
    let target = upload.target(&bucket.keys, key.session);
    let mut completed = Ok(());
    if loose > 0 {
        let slices = lead.before(bucket, Vec::new()).await?;
        let number = upload.parts.count + 1;
        let sent = bucket.client.upload_part(&target, number, slices).await;
        completed = sent.map(|part| parts.push(part));
    }
    if completed.is_ok() {
        completed = bucket.client.complete(&target, &parts).await;
    }
    match completed {
        Ok(()) => Ok(key),
        Err(error) => made_good(bucket, object, key, error).await,
    }
}

/// Whether the object is there all the same: the answer may be lost, or be about an upload that was
/// completed before. Some servers hang up on who sends a part of one, and say nothing.
async fn made_good(
    bucket: &Bucket,
    object: &UploadObject,
    key: StorageKey,
    error: S3Error,
) -> Result<StorageKey, BlobStoreError> {
    match bucket.holds(key, object.committed).await {
        Ok(()) => Ok(key),
        Err(lost) if error.is_no_upload() || error.is_wrong_part() => Err(lost),
        Err(_) => Err(error.into()),
    }
}
