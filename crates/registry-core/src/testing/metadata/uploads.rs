//! Upload sessions.

use blob_hash::{HashState, Hasher};
use futures_util::future::join;
use oci_types::Algorithm;
use uuid::Uuid;

use super::{change, digest_of, dry_run, lifetimes, name, new_upload};
use crate::ports::{
    Acquisition, Checkpoint, Claim, Claimed, LeaseAfter, LeaseHold, LeasedUpload, Metadata,
    NewUpload, StorageKey, Stored, UploadId, UploadObject, UploadPurpose, UploadStart, UploadState,
};
use crate::testing::TestClock;

pub(super) const WRITE: UploadPurpose = UploadPurpose::Write { expected: None };

pub(super) async fn open(metadata: &dyn Metadata) -> UploadId {
    let upload = new_upload("a/b", UploadStart::Open);
    let id = upload.id;
    metadata.create_upload(&change(), upload).await.unwrap();
    id
}

pub(super) async fn acquire(
    metadata: &dyn Metadata,
    id: UploadId,
    purpose: UploadPurpose,
) -> Acquisition {
    metadata
        .acquire_upload(&change(), &name("a/b"), id, purpose)
        .await
        .unwrap()
}

pub(super) async fn leased(metadata: &dyn Metadata, id: UploadId) -> LeasedUpload {
    match acquire(metadata, id, WRITE).await {
        Acquisition::Leased(upload) => upload,
        other => panic!("{other:?}"),
    }
}

fn state_of(content: &[u8]) -> HashState {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(content);
    hasher.state()
}

pub(super) fn checkpoint(content: &[u8], lease: LeaseAfter) -> Checkpoint {
    Checkpoint {
        committed: content.len() as u64,
        hash_state: state_of(content),
        stored: Stored::default(),
        lease,
    }
}

/// A claim for a content that is durable.
pub(super) fn claim(content: &[u8]) -> Claim {
    Claim {
        digest: digest_of(content),
        size: content.len() as u64,
        hash_state: state_of(content),
        stored: Stored::default(),
    }
}

/// Open, empty, not hashed.
pub async fn an_open_session_stands_at_zero(metadata: &dyn Metadata, _clock: &TestClock) {
    let upload = NewUpload {
        algorithm: Algorithm::Sha512,
        ..new_upload("a/b", UploadStart::Open)
    };
    let id = upload.id;
    metadata.create_upload(&change(), upload).await.unwrap();
    let progress = metadata
        .find_upload(&name("a/b"), id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (progress.committed, progress.algorithm),
        (0, Algorithm::Sha512)
    );
    assert_eq!(
        (progress.hash_state, progress.state),
        (None, UploadState::Open)
    );
}

/// Known by its id alone, it is nobody's.
pub async fn a_session_belongs_to_its_repository(metadata: &dyn Metadata, _clock: &TestClock) {
    let id = open(metadata).await;
    metadata
        .create_upload(&change(), new_upload("a/c", UploadStart::Open))
        .await
        .unwrap();
    for other in ["a/c", "absent"] {
        assert!(
            metadata
                .find_upload(&name(other), id)
                .await
                .unwrap()
                .is_none()
        );
        let acquired = metadata
            .acquire_upload(&change(), &name(other), id, WRITE)
            .await
            .unwrap();
        assert!(matches!(acquired, Acquisition::Absent));
        assert!(
            !metadata
                .cancel_upload(&change(), &name(other), id)
                .await
                .unwrap()
        );
    }
    let unknown = UploadId(Uuid::new_v4());
    assert!(
        metadata
            .find_upload(&name("a/b"), unknown)
            .await
            .unwrap()
            .is_none()
    );
    assert!(matches!(
        acquire(metadata, unknown, WRITE).await,
        Acquisition::Absent
    ));
}

/// Again and again, each time with a higher fence.
pub async fn a_session_can_be_acquired_and_released(metadata: &dyn Metadata, _clock: &TestClock) {
    let upload = new_upload("a/b", UploadStart::Open);
    let (id, object) = (upload.id, upload.object);
    metadata.create_upload(&change(), upload).await.unwrap();
    let mut fence = 0;
    for _ in 0..3 {
        let upload = leased(metadata, id).await;
        assert!(upload.lease.fence > fence);
        fence = upload.lease.fence;
        assert_eq!(upload.lease.id, id);
        let key = StorageKey {
            session: object,
            fence,
        };
        assert_eq!(upload.object, UploadObject::new(key));
        assert_eq!(
            (upload.algorithm, upload.hash_state),
            (Algorithm::Sha256, None)
        );
        assert!(matches!(
            acquire(metadata, id, WRITE).await,
            Acquisition::Busy
        ));
        assert_eq!(
            metadata.release_upload(upload.lease).await.unwrap(),
            LeaseHold::Held
        );
    }
}

/// The other one finds it busy.
pub async fn one_of_two_acquires_wins(metadata: &dyn Metadata, _clock: &TestClock) {
    for _ in 0..20 {
        let id = open(metadata).await;
        let (one, two) = join(acquire(metadata, id, WRITE), acquire(metadata, id, WRITE)).await;
        let won = [&one, &two]
            .into_iter()
            .filter(|outcome| matches!(outcome, Acquisition::Leased(_)));
        let busy = [&one, &two]
            .into_iter()
            .filter(|outcome| matches!(outcome, Acquisition::Busy));
        assert_eq!((won.count(), busy.count()), (1, 1), "{one:?} {two:?}");
    }
}

/// And keeps the lease or gives it up.
pub async fn a_checkpoint_records_offset_and_hash_together(
    metadata: &dyn Metadata,
    _clock: &TestClock,
) {
    let id = open(metadata).await;
    let upload = leased(metadata, id).await;
    for (content, lease) in [
        (b"one".as_slice(), LeaseAfter::Keep),
        (b"one, two", LeaseAfter::Release),
    ] {
        let held = metadata
            .checkpoint_upload(upload.lease, checkpoint(content, lease))
            .await
            .unwrap();
        assert_eq!(held, LeaseHold::Held);
        let progress = metadata
            .find_upload(&name("a/b"), id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(progress.committed, content.len() as u64);
        assert_eq!(progress.hash_state, Some(state_of(content)));
        assert_eq!(progress.state, UploadState::Open);
    }
    let again = leased(metadata, id).await;
    assert_eq!(
        (again.object.committed, again.hash_state),
        (8, Some(state_of(b"one, two")))
    );
}

/// The session is not leased, whether the client is ahead or behind.
pub async fn an_offset_that_differs_is_told(metadata: &dyn Metadata, _clock: &TestClock) {
    let id = open(metadata).await;
    let upload = leased(metadata, id).await;
    metadata
        .checkpoint_upload(upload.lease, checkpoint(b"1234", LeaseAfter::Release))
        .await
        .unwrap();
    for expected in [0, 3, 5, u64::MAX] {
        let write = UploadPurpose::Write {
            expected: Some(expected),
        };
        let outcome = acquire(metadata, id, write).await;
        assert!(
            matches!(outcome, Acquisition::Elsewhere { committed: 4 }),
            "{outcome:?}"
        );
    }
    let whole = UploadPurpose::Whole {
        digest: digest_of(b"x"),
        size: 9,
    };
    let outcome = acquire(metadata, id, whole).await;
    assert!(
        matches!(outcome, Acquisition::Elsewhere { committed: 4 }),
        "{outcome:?}"
    );
    let outcome = acquire(metadata, id, UploadPurpose::Write { expected: Some(4) }).await;
    assert!(matches!(outcome, Acquisition::Leased(_)), "{outcome:?}");
}

/// Unknown, cancelled already; and a dry run cancels nothing.
pub async fn cancelling_what_cannot_be_cancelled_is_told(
    metadata: &dyn Metadata,
    _clock: &TestClock,
) {
    assert!(
        !metadata
            .cancel_upload(&change(), &name("a/b"), UploadId(Uuid::new_v4()))
            .await
            .unwrap()
    );
    let id = open(metadata).await;
    assert!(
        metadata
            .cancel_upload(&dry_run(), &name("a/b"), id)
            .await
            .unwrap()
    );
    assert!(
        metadata
            .cancel_upload(&change(), &name("a/b"), id)
            .await
            .unwrap()
    );
    assert!(
        !metadata
            .cancel_upload(&change(), &name("a/b"), id)
            .await
            .unwrap()
    );
}

/// While its holder lives it is busy; without it, it is for that digest only.
pub async fn a_claimed_session_takes_no_more_bytes(metadata: &dyn Metadata, _clock: &TestClock) {
    let id = open(metadata).await;
    let lease = leased(metadata, id).await.lease;
    assert_eq!(
        metadata.claim_upload(lease, claim(b"12")).await.unwrap(),
        Claimed::Held(Vec::new())
    );
    let more = checkpoint(b"123", LeaseAfter::Keep);
    assert_eq!(
        metadata.checkpoint_upload(lease, more).await.unwrap(),
        LeaseHold::Lost
    );
    assert!(matches!(
        acquire(metadata, id, WRITE).await,
        Acquisition::Busy
    ));
    assert_eq!(metadata.renew_upload(lease).await.unwrap(), LeaseHold::Held);
    let progress = metadata
        .find_upload(&name("a/b"), id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        progress.state,
        UploadState::Finalizing {
            digest: digest_of(b"12"),
            size: 2
        }
    );
    assert_eq!(
        metadata.release_upload(lease).await.unwrap(),
        LeaseHold::Held
    );
    assert!(matches!(
        acquire(metadata, id, WRITE).await,
        Acquisition::Absent
    ));
}

/// Nor leases.
pub async fn a_dry_run_opens_nothing(metadata: &dyn Metadata, _clock: &TestClock) {
    let upload = new_upload("a/b", UploadStart::Open);
    let id = upload.id;
    metadata
        .create_upload(&dry_run(), upload.clone())
        .await
        .unwrap();
    assert!(
        metadata
            .find_upload(&name("a/b"), id)
            .await
            .unwrap()
            .is_none()
    );
    metadata.create_upload(&change(), upload).await.unwrap();
    let dry = metadata
        .acquire_upload(&dry_run(), &name("a/b"), id, WRITE)
        .await
        .unwrap();
    assert!(matches!(dry, Acquisition::Leased(_)));
    leased(metadata, id).await;
}

/// And to one that was claimed for the same blob, whose bytes were lost with its holder.
pub async fn whole_blobs_go_to_sessions_without_bytes(metadata: &dyn Metadata, clock: &TestClock) {
    let id = open(metadata).await;
    let (digest, size) = (digest_of(b"blob"), 4);
    let whole = UploadPurpose::Whole { digest, size };
    for fence in [1, 2] {
        let Acquisition::Leased(upload) = acquire(metadata, id, whole).await else {
            panic!("not leased");
        };
        assert_eq!((upload.lease.fence, upload.object.committed), (fence, 0));
        clock.advance(lifetimes().upload_lease);
    }
    let progress = metadata.find_upload(&name("a/b"), id).await.unwrap();
    assert_eq!(
        progress.unwrap().state,
        UploadState::Finalizing { digest, size }
    );
    let longer = UploadPurpose::Whole { digest, size: 5 };
    let finish = UploadPurpose::Finish { digest };
    for purpose in [longer, finish, WRITE] {
        let outcome = acquire(metadata, id, purpose).await;
        assert!(matches!(outcome, Acquisition::Absent), "{outcome:?}");
    }
}

/// With its bytes, hash and all, whatever their number.
pub async fn only_what_is_held_can_be_finished(metadata: &dyn Metadata, _clock: &TestClock) {
    for content in [b"".as_slice(), b"blob"] {
        let id = open(metadata).await;
        let upload = leased(metadata, id).await;
        metadata
            .checkpoint_upload(upload.lease, checkpoint(content, LeaseAfter::Release))
            .await
            .unwrap();
        let digest = digest_of(content);
        let finish = UploadPurpose::Finish { digest };
        let Acquisition::Leased(upload) = acquire(metadata, id, finish).await else {
            panic!("not leased");
        };
        assert_eq!(upload.object.committed, content.len() as u64);
        assert_eq!(upload.hash_state, Some(state_of(content)));
        let progress = metadata.find_upload(&name("a/b"), id).await.unwrap();
        let size = content.len() as u64;
        assert_eq!(
            progress.unwrap().state,
            UploadState::Finalizing { digest, size }
        );
    }
}
