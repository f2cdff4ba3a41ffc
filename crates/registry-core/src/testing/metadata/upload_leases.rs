//! Leases of upload sessions: who holds one, and until when.

use super::uploads::{WRITE, acquire, checkpoint, claim, leased, open};
use super::{
    change, digest_of, due, finalize, fresh_key, just_under, lifetimes, name, new_upload, published,
};
use crate::ports::{
    Acquisition, Claimed, Finalization, FinishedUpload, Lease, LeaseAfter, LeaseHold, Metadata,
    StorageKey, UploadStart,
};
use crate::testing::TestClock;

/// Every step that needs a lease, with one that is not in force.
async fn assert_lost(metadata: &dyn Metadata, lease: Lease) {
    let late = checkpoint(b"late", LeaseAfter::Keep);
    assert_eq!(
        metadata.checkpoint_upload(lease, late).await.unwrap(),
        LeaseHold::Lost
    );
    assert_eq!(metadata.renew_upload(lease).await.unwrap(), LeaseHold::Lost);
    assert_eq!(
        metadata.release_upload(lease).await.unwrap(),
        LeaseHold::Lost
    );
    assert_eq!(
        metadata.claim_upload(lease, claim(b"late")).await.unwrap(),
        Claimed::Lost
    );
    let finished = FinishedUpload {
        lease,
        digest: digest_of(b"late"),
        size: 4,
        published: published(fresh_key()),
    };
    assert_eq!(finalize(metadata, finished).await, Finalization::Lost);
}

/// By the request that opens it, with fence 1.
pub async fn a_session_can_be_opened_leased(metadata: &dyn Metadata, _clock: &TestClock) {
    let upload = new_upload("a/b", UploadStart::Leased);
    let lease = Lease {
        id: upload.id,
        fence: 1,
    };
    metadata.create_upload(&change(), upload).await.unwrap();
    assert!(matches!(
        acquire(metadata, lease.id, WRITE).await,
        Acquisition::Busy
    ));
    let held = metadata
        .checkpoint_upload(lease, checkpoint(b"1", LeaseAfter::Release))
        .await
        .unwrap();
    assert_eq!(held, LeaseHold::Held);
    assert!(leased(metadata, lease.id).await.lease.fence > 1);
}

/// As long as it goes on being renewed, by itself or with a checkpoint.
pub async fn a_renewed_lease_stays_in_force(metadata: &dyn Metadata, clock: &TestClock) {
    let id = open(metadata).await;
    let lease = leased(metadata, id).await.lease;
    let almost = just_under(lifetimes().upload_lease);
    for _ in 0..3 {
        clock.advance(almost);
        assert_eq!(metadata.renew_upload(lease).await.unwrap(), LeaseHold::Held);
        clock.advance(almost);
        let held = metadata
            .checkpoint_upload(lease, checkpoint(b"1", LeaseAfter::Keep))
            .await
            .unwrap();
        assert_eq!(held, LeaseHold::Held);
        assert!(matches!(
            acquire(metadata, id, WRITE).await,
            Acquisition::Busy
        ));
    }
}

/// The late holder can do nothing any more.
pub async fn an_expired_lease_is_taken_over(metadata: &dyn Metadata, clock: &TestClock) {
    let id = open(metadata).await;
    let late = leased(metadata, id).await.lease;
    metadata
        .checkpoint_upload(late, checkpoint(b"12", LeaseAfter::Keep))
        .await
        .unwrap();
    clock.advance(lifetimes().upload_lease);
    let taken = leased(metadata, id).await;
    assert!(taken.lease.fence > late.fence);
    assert_eq!(taken.object.committed, 2);
    assert_lost(metadata, late).await;
    assert_eq!(
        metadata.renew_upload(taken.lease).await.unwrap(),
        LeaseHold::Held
    );
}

/// Nobody else took it, but it was given up.
pub async fn a_released_lease_is_no_lease(metadata: &dyn Metadata, _clock: &TestClock) {
    let id = open(metadata).await;
    let lease = leased(metadata, id).await.lease;
    assert_eq!(
        metadata.release_upload(lease).await.unwrap(),
        LeaseHold::Held
    );
    assert_lost(metadata, lease).await;
}

/// In the middle of its writing.
pub async fn a_cancelled_session_is_lost_to_its_holder(metadata: &dyn Metadata, clock: &TestClock) {
    let upload = new_upload("a/b", UploadStart::Leased);
    let (lease, key) = (
        Lease {
            id: upload.id,
            fence: 1,
        },
        StorageKey::of(upload.object),
    );
    metadata.create_upload(&change(), upload).await.unwrap();
    assert!(
        metadata
            .cancel_upload(&change(), &name("a/b"), lease.id)
            .await
            .unwrap()
    );
    assert_lost(metadata, lease).await;
    assert!(matches!(
        acquire(metadata, lease.id, WRITE).await,
        Acquisition::Absent
    ));
    assert!(
        metadata
            .find_upload(&name("a/b"), lease.id)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(due(metadata).await, []);
    clock.advance(lifetimes().tombstone_delay);
    assert_eq!(due(metadata).await, [key]);
}
