//! Finalizing: the commit point of a blob's push.

use futures_util::future::join_all;
use oci_types::Digest;
use std::sync::{Arc, Mutex};

use super::{
    INSTANT, change, claim_blob, commit, digest_of, dry_run, due, finalize, hash_state, just_under,
    lifetimes, name, new_upload, published, push_blob, reference, referring, refusal, refuse,
};
use crate::change::Guard;
use crate::ports::{
    Acquisition, BlobDeletion, BlobKind, Claim, Claimed, ExistingBlob, Finalization,
    FinishedUpload, Lease, Lookup, ManifestCommit, Metadata, MissingReferences, NewManifest,
    StorageKey, Stored, StoredBlob, UploadPurpose, UploadStart, UploadState,
};
use crate::testing::TestClock;

/// A session claimed for a content.
struct Session {
    lease: Lease,
    key: StorageKey,
    digest: Digest,
    size: u64,
}

impl Session {
    fn finished(&self) -> FinishedUpload {
        FinishedUpload {
            lease: self.lease,
            digest: self.digest,
            size: self.size,
            published: published(self.key),
        }
    }

    fn purpose(&self) -> UploadPurpose {
        // Claiming says that all of it is durable.
        UploadPurpose::Finish {
            digest: self.digest,
        }
    }

    fn blob(&self) -> StoredBlob {
        StoredBlob {
            digest: self.digest,
            size: self.size,
            storage_key: self.key,
        }
    }
}

async fn claimed(metadata: &dyn Metadata, repository: &str, content: &[u8]) -> Session {
    let upload = new_upload(repository, UploadStart::Leased);
    let (lease, key) = (
        Lease {
            id: upload.id,
            fence: 1,
        },
        StorageKey::of(upload.object),
    );
    let (digest, size) = (digest_of(content), content.len() as u64);
    metadata.create_upload(&change(), upload).await.unwrap();
    let claim = Claim {
        digest,
        size,
        hash_state: hash_state(),
        stored: Stored::default(),
    };
    assert_eq!(
        metadata.claim_upload(lease, claim).await.unwrap(),
        Claimed::Held(Vec::new())
    );
    Session {
        lease,
        key,
        digest,
        size,
    }
}

async fn find(metadata: &dyn Metadata, repository: &str, digest: &Digest) -> Lookup<StoredBlob> {
    metadata.find_blob(&name(repository), digest).await.unwrap()
}

async fn acquire(
    metadata: &dyn Metadata,
    session: &Session,
    purpose: UploadPurpose,
) -> Acquisition {
    metadata
        .acquire_upload(&change(), &name("a/b"), session.lease.id, purpose)
        .await
        .unwrap()
}

/// And not before.
pub async fn a_finalized_blob_is_visible(metadata: &dyn Metadata, clock: &TestClock) {
    let session = claimed(metadata, "a/b", b"blob").await;
    assert_eq!(find(metadata, "a/b", &session.digest).await, Lookup::Absent);
    assert_eq!(
        finalize(metadata, session.finished()).await,
        Finalization::Published
    );
    assert_eq!(
        find(metadata, "a/b", &session.digest).await,
        Lookup::Found(session.blob())
    );
    clock.advance(lifetimes().tombstone_delay);
    assert_eq!(due(metadata).await, [], "its bytes stay");
}

/// When the bytes are at hand already.
pub async fn a_session_can_be_opened_for_a_digest(metadata: &dyn Metadata, _clock: &TestClock) {
    let (finished, key) = claim_blob(metadata, "a/b", b"").await;
    let session = Session {
        lease: finished.lease,
        key,
        digest: finished.digest,
        size: finished.size,
    };
    assert!(matches!(
        acquire(metadata, &session, session.purpose()).await,
        Acquisition::Busy
    ));
    assert_eq!(
        finalize(metadata, session.finished()).await,
        Finalization::Published
    );
    assert_eq!(
        find(metadata, "a/b", &session.digest).await,
        Lookup::Found(session.blob())
    );
}

/// So that a client whose answer was lost can ask again.
pub async fn a_repeated_finalize_finds_it_done(metadata: &dyn Metadata, _clock: &TestClock) {
    let session = claimed(metadata, "a/b", b"blob").await;
    finalize(metadata, session.finished()).await;
    assert_eq!(
        finalize(metadata, session.finished()).await,
        Finalization::Lost
    );
    for purpose in [session.purpose(), UploadPurpose::Write { expected: None }] {
        match acquire(metadata, &session, purpose).await {
            Acquisition::Done { digest } => assert_eq!(digest, session.digest),
            other => panic!("{other:?}"),
        }
    }
    let progress = metadata
        .find_upload(&name("a/b"), session.lease.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        progress.state,
        UploadState::Done {
            digest: session.digest
        }
    );
    assert!(
        !metadata
            .cancel_upload(&change(), &name("a/b"), session.lease.id)
            .await
            .unwrap()
    );
}

/// The key of the session that came second gets a tombstone, in whatever repository it was.
pub async fn known_bytes_are_not_kept_twice(metadata: &dyn Metadata, clock: &TestClock) {
    let first = claimed(metadata, "a/b", b"blob").await;
    assert_eq!(
        finalize(metadata, first.finished()).await,
        Finalization::Published
    );
    let mut second = Vec::new();
    for repository in ["a/b", "a/c", "other"] {
        let session = claimed(metadata, repository, b"blob").await;
        assert_eq!(
            finalize(metadata, session.finished()).await,
            Finalization::Deduplicated
        );
        assert_eq!(
            find(metadata, repository, &session.digest).await,
            Lookup::Found(first.blob())
        );
        second.push(session.key);
    }
    clock.advance(just_under(lifetimes().tombstone_delay));
    assert_eq!(due(metadata).await, []);
    clock.advance(INSTANT);
    let mut due = due(metadata).await;
    due.sort_unstable();
    second.sort_unstable();
    assert_eq!(due, second);
}

/// By its holder, where publishing took no step; and it is done then.
pub async fn a_session_need_not_be_claimed(metadata: &dyn Metadata, _clock: &TestClock) {
    let upload = new_upload("a/b", UploadStart::Leased);
    let (id, key) = (upload.id, StorageKey::of(upload.object));
    metadata.create_upload(&change(), upload).await.unwrap();
    let session = Session {
        lease: Lease { id, fence: 1 },
        key,
        digest: digest_of(b"blob"),
        size: 4,
    };
    assert_eq!(
        finalize(metadata, session.finished()).await,
        Finalization::Published
    );
    assert_eq!(
        find(metadata, "a/b", &session.digest).await,
        Lookup::Found(session.blob())
    );
    match acquire(metadata, &session, session.purpose()).await {
        Acquisition::Done { digest } => assert_eq!(digest, session.digest),
        other => panic!("{other:?}"),
    }
}

/// Nor without a lease.
pub async fn a_session_claimed_for_another_digest_cannot_be_finalized(
    metadata: &dyn Metadata,
    _clock: &TestClock,
) {
    let other = claimed(metadata, "a/b", b"other").await;
    let (digest, size) = (digest_of(b"blob"), 4);
    let finished = FinishedUpload {
        digest,
        size,
        ..other.finished()
    };
    assert_eq!(
        finalize(metadata, finished.clone()).await,
        Finalization::Lost
    );
    metadata.release_upload(other.lease).await.unwrap();
    assert_eq!(
        finalize(metadata, other.finished()).await,
        Finalization::Lost
    );
    assert_eq!(find(metadata, "a/b", &digest).await, Lookup::Absent);
}

/// Nothing changes, whoever has it now.
pub async fn a_holder_that_lost_its_lease_cannot_finalize(
    metadata: &dyn Metadata,
    clock: &TestClock,
) {
    let late = claimed(metadata, "a/b", b"blob").await;
    clock.advance(lifetimes().upload_lease);
    assert!(matches!(
        acquire(metadata, &late, late.purpose()).await,
        Acquisition::Leased(_)
    ));
    assert_eq!(
        finalize(metadata, late.finished()).await,
        Finalization::Lost
    );
    assert_eq!(find(metadata, "a/b", &late.digest).await, Lookup::Absent);

    let cancelled = claimed(metadata, "a/b", b"cancelled").await;
    assert!(
        metadata
            .cancel_upload(&change(), &name("a/b"), cancelled.lease.id)
            .await
            .unwrap()
    );
    assert_eq!(
        finalize(metadata, cancelled.finished()).await,
        Finalization::Lost
    );
    assert_eq!(
        find(metadata, "a/b", &cancelled.digest).await,
        Lookup::Absent
    );
}

/// The session of a holder that is gone goes to a repeated PUT of the same digest, not another.
pub async fn whoever_repeats_the_digest_takes_over(metadata: &dyn Metadata, clock: &TestClock) {
    let session = claimed(metadata, "a/b", b"blob").await;
    clock.advance(lifetimes().upload_lease);
    let digest = digest_of(b"other");
    for purpose in [
        UploadPurpose::Finish { digest },
        UploadPurpose::Write { expected: None },
        UploadPurpose::Write { expected: Some(4) },
    ] {
        assert!(matches!(
            acquire(metadata, &session, purpose).await,
            Acquisition::Absent
        ));
    }
    let Acquisition::Leased(taken) = acquire(metadata, &session, session.purpose()).await else {
        panic!("not taken over");
    };
    assert_eq!(taken.object.key.session, session.key.session);
    let finished = FinishedUpload {
        lease: taken.lease,
        ..session.finished()
    };
    assert_eq!(finalize(metadata, finished).await, Finalization::Published);
}

/// The session is as it was.
pub async fn a_refused_finalize_can_be_repeated(metadata: &dyn Metadata, _clock: &TestClock) {
    let session = claimed(metadata, "a/b", b"blob").await;
    let refused = metadata
        .finalize_upload(&change(), refuse(), session.finished())
        .await
        .unwrap();
    assert_eq!(refused, Finalization::Refused(refusal()));
    assert_eq!(find(metadata, "a/b", &session.digest).await, Lookup::Absent);
    assert_eq!(
        finalize(metadata, session.finished()).await,
        Finalization::Published
    );
}

/// It reports what would happen.
pub async fn a_dry_finalize_changes_nothing(metadata: &dyn Metadata, _clock: &TestClock) {
    let session = claimed(metadata, "a/b", b"blob").await;
    let dry = metadata
        .finalize_upload(&dry_run(), Guard::open(), session.finished())
        .await
        .unwrap();
    assert_eq!(dry, Finalization::Published);
    assert_eq!(find(metadata, "a/b", &session.digest).await, Lookup::Absent);
    assert_eq!(
        finalize(metadata, session.finished()).await,
        Finalization::Published
    );
}

/// Whether the repository holds it, and whether its namespace is charged for it.
pub async fn the_guard_of_a_finalize_sees_what_exists(metadata: &dyn Metadata, _clock: &TestClock) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    for repository in ["a/b", "a/b", "a/c", "b/c"] {
        let session = claimed(metadata, repository, b"blob").await;
        let seen = Arc::clone(&seen);
        let guard = Guard::new(move |existing: &ExistingBlob| {
            seen.lock()
                .unwrap()
                .push((existing.linked, existing.charged, existing.size));
            Ok(())
        });
        metadata
            .finalize_upload(&change(), guard, session.finished())
            .await
            .unwrap();
    }
    let expected = [
        (false, false, 4),
        (true, true, 4),
        (false, true, 4),
        (false, false, 4),
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
}

/// A manifest that named the blob before it was there holds it from then on.
pub async fn finalizing_fills_references_that_waited(metadata: &dyn Metadata, _clock: &TestClock) {
    let sparse = NewManifest {
        missing_references: MissingReferences::Accept,
        ..referring("a/b", "{}", vec![reference(b"blob", BlobKind::Layer)])
    };
    let holder = sparse.digest;
    assert_eq!(commit(metadata, sparse).await, ManifestCommit::Committed);
    push_blob(metadata, "a/b", b"blob").await;
    let outcome = metadata
        .delete_blob(&change(), &name("a/b"), &digest_of(b"blob"))
        .await
        .unwrap();
    assert_eq!(outcome, BlobDeletion::Referenced { manifest: holder });
}

/// The namespace is charged once, the bytes are kept once, and all succeed.
pub async fn fifty_finalizes_charge_once(metadata: &dyn Metadata, clock: &TestClock) {
    let mut sessions = Vec::new();
    for number in 0..50 {
        sessions.push(claimed(metadata, &format!("a/r{}", number % 10), b"popular").await);
    }
    let uncharged = Arc::new(Mutex::new(0));
    let outcomes = join_all(sessions.iter().map(|session| {
        let uncharged = Arc::clone(&uncharged);
        let guard = Guard::new(move |existing: &ExistingBlob| {
            *uncharged.lock().unwrap() += u32::from(!existing.charged);
            Ok(())
        });
        let finished = session.finished();
        async move {
            metadata
                .finalize_upload(&change(), guard, finished)
                .await
                .unwrap()
        }
    }))
    .await;
    assert_eq!(*uncharged.lock().unwrap(), 1);
    let published = outcomes
        .iter()
        .filter(|outcome| **outcome == Finalization::Published);
    let deduplicated = outcomes
        .iter()
        .filter(|outcome| **outcome == Finalization::Deduplicated);
    assert_eq!((published.count(), deduplicated.count()), (1, 49));
    clock.advance(lifetimes().tombstone_delay);
    assert_eq!(due(metadata).await.len(), 49);
}
