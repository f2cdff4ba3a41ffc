//! What a blob store wants to be remembered of a session, and what is left of one.

use blob_hash::Hasher;
use bytes::Bytes;
use oci_types::Algorithm;
use uuid::Uuid;

use super::{change, digest_of, finalize, lifetimes, name, new_upload};
use crate::ports::{
    Acquisition, Checkpoint, Claim, Claimed, Finalization, FinishedUpload, Lease, LeaseAfter,
    LeaseHold, LeasedUpload, Leftovers, Lookup, Metadata, Part, Published, StorageKey, Stored,
    UploadId, UploadPurpose, UploadStart,
};
use crate::testing::TestClock;

const WRITE: UploadPurpose = UploadPurpose::Write { expected: None };

/// A session that is open, and its object.
async fn open(metadata: &dyn Metadata) -> (UploadId, Uuid) {
    let upload = new_upload("a/b", UploadStart::Open);
    let opened = (upload.id, upload.object);
    metadata.create_upload(&change(), upload).await.unwrap();
    opened
}

async fn acquire(metadata: &dyn Metadata, id: UploadId, purpose: UploadPurpose) -> LeasedUpload {
    let acquired = metadata
        .acquire_upload(&change(), &name("a/b"), id, purpose)
        .await;
    match acquired.unwrap() {
        Acquisition::Leased(upload) => upload,
        other => panic!("{other:?}"),
    }
}

async fn cancel(metadata: &dyn Metadata, id: UploadId) {
    let cancelled = metadata.cancel_upload(&change(), &name("a/b"), id).await;
    assert!(cancelled.unwrap());
}

async fn record(metadata: &dyn Metadata, lease: Lease, stored: Stored) -> LeaseHold {
    let checkpoint = Checkpoint {
        committed: 4,
        hash_state: Hasher::new(Algorithm::Sha256).state(),
        stored,
        lease: LeaseAfter::Release,
    };
    metadata.checkpoint_upload(lease, checkpoint).await.unwrap()
}

/// One holder after the other records something.
async fn recorded(metadata: &dyn Metadata, id: UploadId, stored: Stored) {
    let upload = acquire(metadata, id, WRITE).await;
    assert_eq!(
        record(metadata, upload.lease, stored).await,
        LeaseHold::Held
    );
}

fn part(number: u32, tag: &str) -> Part {
    Part {
        number,
        size: u64::from(number) * 5,
        tag: tag.to_owned(),
    }
}

fn stored(state: &'static [u8], parts: &[Part]) -> Stored {
    Stored {
        state: Bytes::from_static(state),
        parts: parts.to_vec(),
        ..Stored::default()
    }
}

fn finish() -> UploadPurpose {
    UploadPurpose::Finish {
        digest: digest_of(b"blob"),
    }
}

/// The last of it, to whoever takes the session.
pub async fn what_the_store_said_comes_back(metadata: &dyn Metadata, _clock: &TestClock) {
    let (id, _) = open(metadata).await;
    assert_eq!(acquire_and_release(metadata, id).await, "");
    for said in [b"\x00\xff one".as_slice(), b"", b"two"] {
        recorded(metadata, id, stored(said, &[])).await;
        assert_eq!(acquire_and_release(metadata, id).await, said);
    }
}

async fn acquire_and_release(metadata: &dyn Metadata, id: UploadId) -> Bytes {
    let upload = acquire(metadata, id, WRITE).await;
    metadata.release_upload(upload.lease).await.unwrap();
    upload.object.state
}

/// All of them, whoever recorded them; nobody else needs them.
pub async fn parts_come_back_in_order_to_whoever_publishes(
    metadata: &dyn Metadata,
    _clock: &TestClock,
) {
    let parts: Vec<Part> = (1..=12)
        .map(|number| part(number, &format!("\"tag {number}\"")))
        .collect();
    let (id, _) = open(metadata).await;
    recorded(metadata, id, stored(b"x", &parts[..2])).await;
    recorded(metadata, id, stored(b"x", &parts[2..11])).await;
    let upload = acquire(metadata, id, WRITE).await;
    assert_eq!(upload.parts, []);
    let claim = Claim {
        digest: digest_of(b"blob"),
        size: 4,
        hash_state: Hasher::new(Algorithm::Sha256).state(),
        stored: stored(b"last", &parts[11..]),
    };
    let claimed = metadata.claim_upload(upload.lease, claim).await.unwrap();
    assert_eq!(claimed, Claimed::Held(parts.clone()));
    metadata.release_upload(upload.lease).await.unwrap();
    let again = acquire(metadata, id, finish()).await;
    assert_eq!(again.parts, parts);
    assert_eq!(again.object.state, "last");
}

/// Their numbers begin again.
pub async fn parts_of_an_object_that_was_started_anew_are_void(
    metadata: &dyn Metadata,
    _clock: &TestClock,
) {
    let (id, _) = open(metadata).await;
    recorded(metadata, id, stored(b"1", &[part(1, "a"), part(2, "b")])).await;
    let anew = Stored {
        anew: true,
        ..stored(b"2", &[part(1, "c")])
    };
    recorded(metadata, id, anew).await;
    recorded(metadata, id, stored(b"3", &[part(2, "d")])).await;
    let upload = acquire(metadata, id, finish()).await;
    assert_eq!(upload.parts, [part(1, "c"), part(2, "d")]);
}

/// By a holder who knows nothing of the one before, or says it twice.
pub async fn a_part_may_be_recorded_again(metadata: &dyn Metadata, _clock: &TestClock) {
    let (id, _) = open(metadata).await;
    recorded(metadata, id, stored(b"1", &[part(1, "late")])).await;
    recorded(metadata, id, stored(b"1", &[part(1, "a")])).await;
    assert_eq!(acquire(metadata, id, finish()).await.parts, [part(1, "a")]);
}

/// Nor does it change what the store said.
pub async fn a_late_holder_records_no_parts(metadata: &dyn Metadata, clock: &TestClock) {
    let (id, _) = open(metadata).await;
    let late = acquire(metadata, id, WRITE).await.lease;
    clock.advance(lifetimes().upload_lease);
    recorded(metadata, id, stored(b"in time", &[part(1, "a")])).await;
    let anew = Stored {
        anew: true,
        ..stored(b"late", &[part(1, "b"), part(2, "c")])
    };
    assert_eq!(record(metadata, late, anew.clone()).await, LeaseHold::Lost);
    let claim = Claim {
        digest: digest_of(b"blob"),
        size: 4,
        hash_state: Hasher::new(Algorithm::Sha256).state(),
        stored: anew,
    };
    assert_eq!(
        metadata.claim_upload(late, claim).await.unwrap(),
        Claimed::Lost
    );
    let upload = acquire(metadata, id, finish()).await;
    assert_eq!(upload.parts, [part(1, "a")]);
    assert_eq!(upload.object.state, "in time");
}

/// Whether it was cancelled or nobody came back.
pub async fn a_tombstone_names_the_last_holder_and_what_the_store_said(
    metadata: &dyn Metadata,
    clock: &TestClock,
) {
    let mut expected = Vec::new();
    for _ in 0..2 {
        let (id, session) = open(metadata).await;
        recorded(metadata, id, stored(b"said", &[part(1, "a")])).await;
        acquire_and_release(metadata, id).await;
        let cancelled = expected.is_empty();
        expected.push(Leftovers {
            key: StorageKey { session, fence: 2 },
            keep: None,
            state: Bytes::from_static(b"said"),
        });
        if cancelled {
            cancel(metadata, id).await;
        }
    }
    clock.advance(lifetimes().upload_idle);
    assert_eq!(metadata.expire_uploads(10).await.unwrap(), 1);
    clock.advance(lifetimes().tombstone_delay);
    let mut due = metadata.take_deletions(10).await.unwrap();
    due.sort_unstable_by_key(|leftovers| leftovers.key);
    assert_eq!(due, expected);
    metadata.forget_deletions(&due).await.unwrap();
    assert_eq!(metadata.take_deletions(10).await.unwrap(), []);
}

async fn finalized(metadata: &dyn Metadata, published_by: u64) -> (Finalization, Uuid) {
    let (id, session) = open(metadata).await;
    recorded(metadata, id, stored(b"said", &[])).await;
    let lease = acquire(metadata, id, finish()).await.lease;
    let finished = FinishedUpload {
        lease,
        digest: digest_of(b"blob"),
        size: 4,
        published: Published {
            key: StorageKey {
                session,
                fence: published_by,
            },
            leftovers: true,
        },
    };
    (finalize(metadata, finished).await, session)
}

/// And of a session whose bytes were known already, nothing is.
pub async fn the_published_object_is_kept_among_leftovers(
    metadata: &dyn Metadata,
    clock: &TestClock,
) {
    let mut expected = Vec::new();
    for outcome in [Finalization::Published, Finalization::Deduplicated] {
        let (finalized, session) = finalized(metadata, 1).await;
        assert_eq!(finalized, outcome);
        expected.push(Leftovers {
            key: StorageKey { session, fence: 2 },
            keep: (outcome == Finalization::Published).then_some(1),
            state: Bytes::from_static(b"said"),
        });
    }
    clock.advance(lifetimes().tombstone_delay);
    let mut due = metadata.take_deletions(10).await.unwrap();
    due.sort_unstable_by_key(|leftovers| leftovers.key);
    assert_eq!(due, expected);
    metadata.forget_deletions(&due[..1]).await.unwrap();
    clock.advance(lifetimes().tombstone_delay);
    assert_eq!(metadata.take_deletions(10).await.unwrap(), expected[1..]);
}

/// Whoever looks it up finds the object of the holder who wrote it.
pub async fn the_key_of_a_blob_has_its_fence(metadata: &dyn Metadata, _clock: &TestClock) {
    let fence = 0x0102_0304_0506;
    let (outcome, session) = finalized(metadata, fence).await;
    assert_eq!(outcome, Finalization::Published);
    for _ in 0..2 {
        let found = metadata.find_blob(&name("a/b"), &digest_of(b"blob")).await;
        match found.unwrap() {
            Lookup::Found(blob) => assert_eq!(blob.storage_key, StorageKey { session, fence }),
            other => panic!("{other:?}"),
        }
    }
}

/// Open ones and claimed ones; not those that are done or gone.
pub async fn sessions_that_may_go_on_are_live(metadata: &dyn Metadata, _clock: &TestClock) {
    let (_, live) = open(metadata).await;
    let (claimed, claimed_object) = open(metadata).await;
    acquire(metadata, claimed, finish()).await;
    let (gone, gone_object) = open(metadata).await;
    cancel(metadata, gone).await;
    let (_, done) = finalized(metadata, 1).await;
    let asked = [live, claimed_object, gone_object, done, Uuid::now_v7()];
    let mut found = metadata.live_objects(&asked).await.unwrap();
    found.sort_unstable();
    let mut expected = [live, claimed_object];
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(
        metadata.live_objects(&[]).await.unwrap(),
        Vec::<Uuid>::new()
    );
}
