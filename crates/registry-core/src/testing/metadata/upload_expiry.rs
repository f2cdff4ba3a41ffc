//! Sessions nobody comes back to.

use super::{
    INSTANT, change, claim_blob, due, finalize, just_under, lifetimes, name, new_upload, push_blob,
};
use crate::ports::{
    Finalization, Lease, LeaseHold, Metadata, StorageKey, UploadId, UploadPurpose, UploadStart,
};
use crate::testing::TestClock;

async fn open(metadata: &dyn Metadata) -> (UploadId, StorageKey) {
    let upload = new_upload("a/b", UploadStart::Open);
    let opened = (upload.id, StorageKey::of(upload.object));
    metadata.create_upload(&change(), upload).await.unwrap();
    opened
}

async fn exists(metadata: &dyn Metadata, id: UploadId) -> bool {
    metadata
        .find_upload(&name("a/b"), id)
        .await
        .unwrap()
        .is_some()
}

/// As if they were cancelled.
pub async fn sessions_nobody_touched_expire(metadata: &dyn Metadata, clock: &TestClock) {
    let (id, key) = open(metadata).await;
    clock.advance(just_under(lifetimes().upload_idle));
    assert_eq!(metadata.expire_uploads(10).await.unwrap(), 0);
    assert!(exists(metadata, id).await);
    clock.advance(INSTANT);
    assert_eq!(metadata.expire_uploads(10).await.unwrap(), 1);
    assert!(!exists(metadata, id).await);
    assert_eq!(due(metadata).await, []);
    clock.advance(lifetimes().tombstone_delay);
    assert_eq!(due(metadata).await, [key]);
}

/// Each touch counts: taking a session, keeping it, giving it up.
pub async fn touched_sessions_do_not_expire(metadata: &dyn Metadata, clock: &TestClock) {
    let (id, _) = open(metadata).await;
    let almost = just_under(lifetimes().upload_idle);
    clock.advance(almost);
    let write = UploadPurpose::Write { expected: None };
    metadata
        .acquire_upload(&change(), &name("a/b"), id, write)
        .await
        .unwrap();
    let lease = Lease { id, fence: 1 };
    for held in [metadata.renew_upload(lease), metadata.release_upload(lease)] {
        clock.advance(almost);
        assert_eq!(metadata.expire_uploads(10).await.unwrap(), 0);
        assert_eq!(held.await.unwrap(), LeaseHold::Held);
    }
    clock.advance(almost);
    assert_eq!(metadata.expire_uploads(10).await.unwrap(), 0);
    assert!(exists(metadata, id).await);
}

/// The rest waits for the next time.
pub async fn expiry_keeps_its_limit(metadata: &dyn Metadata, clock: &TestClock) {
    for _ in 0..5 {
        open(metadata).await;
    }
    clock.advance(lifetimes().upload_idle);
    for ended in [2, 2, 1, 0] {
        assert_eq!(metadata.expire_uploads(2).await.unwrap(), ended);
    }
    let totals = metadata.measure_totals().await.unwrap();
    assert_eq!(totals.open_uploads, 0);
}

/// They answer repeated requests for a while; forgetting them deletes nothing.
pub async fn finished_sessions_are_forgotten_later(metadata: &dyn Metadata, clock: &TestClock) {
    let (finished, _) = claim_blob(metadata, "a/b", b"blob").await;
    let id = finished.lease.id;
    finalize(metadata, finished).await;
    clock.advance(just_under(lifetimes().upload_done));
    assert_eq!(metadata.expire_uploads(10).await.unwrap(), 0);
    assert!(exists(metadata, id).await);
    clock.advance(INSTANT);
    assert_eq!(metadata.expire_uploads(10).await.unwrap(), 1);
    assert!(!exists(metadata, id).await);
    clock.advance(lifetimes().tombstone_delay);
    assert_eq!(due(metadata).await, []);
}

/// What it published under its key, if it came so far, is named by nobody and goes with it.
pub async fn a_claimed_session_expires_too(metadata: &dyn Metadata, clock: &TestClock) {
    let (finished, key) = claim_blob(metadata, "a/b", b"blob").await;
    clock.advance(lifetimes().upload_idle);
    assert_eq!(metadata.expire_uploads(10).await.unwrap(), 1);
    assert_eq!(finalize(metadata, finished).await, Finalization::Lost);
    let (again, _) = push_blob(metadata, "a/b", b"blob").await;
    assert_eq!(again, Finalization::Published);
    clock.advance(lifetimes().tombstone_delay);
    assert_eq!(due(metadata).await, [key]);
}
