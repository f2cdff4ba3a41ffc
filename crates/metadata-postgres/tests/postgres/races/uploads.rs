//! Upload sessions: taken, given up, ended.

use futures_util::future::{join, join_all};
use registry_core::ports::{
    Acquisition, Checkpoint, Lease, LeaseAfter, LeaseHold, Lifetimes, Part, Stored, UploadPurpose,
    UploadStart, UploadStore as _,
};
use registry_core::testing::metadata::{change, digest_of, manifest, name, new_upload, push};
use sqlx::Executor as _;

use super::{Pods, number, wait_until};

/// One of many takes an idle session, however many try, and it is the only one with its fence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_takes_a_session() {
    let pods = Pods::new().await;
    let one = &pods.one;
    let change = change();
    let upload = new_upload("a/b", UploadStart::Open);
    let (id, repository) = (upload.id, name("a/b"));
    one.create_upload(&change, upload).await.unwrap();
    for round in 1..20 {
        let write = UploadPurpose::Write { expected: None };
        let acquired = join_all((0..10).map(|number| {
            let metadata = pods.turn(number);
            metadata.acquire_upload(&change, &repository, id, write)
        }))
        .await;
        let fences = acquired.into_iter().filter_map(|acquired| match acquired {
            Ok(Acquisition::Leased(upload)) => Some(upload.lease.fence),
            Ok(Acquisition::Busy) => None,
            outcome => panic!("{outcome:?}"),
        });
        assert_eq!(fences.collect::<Vec<_>>(), [round]);
        pods.database
            .clock
            .advance(Lifetimes::default().upload_lease);
    }
}

/// Whoever takes a session to publish it gets all parts that its last holder recorded, though that was only a
/// moment ago.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_finishes_a_session_gets_all_its_parts() {
    let pods = Pods::new().await;
    let (one, other) = (&pods.one, &pods.other);
    let change = change();
    push(one, manifest("a/b", "first")).await;
    for round in 0..100 {
        let upload = new_upload("a/b", UploadStart::Leased);
        let (id, repository) = (upload.id, name("a/b"));
        let lease = Lease { id, fence: 1 };
        one.create_upload(&change, upload).await.unwrap();
        let recorded = |number: u32, after| Checkpoint {
            committed: u64::from(number),
            hash_state: blob_hash::Hasher::new(oci_types::Algorithm::Sha256).state(),
            stored: Stored {
                parts: vec![Part {
                    number,
                    size: 1,
                    tag: number.to_string(),
                }],
                ..Stored::default()
            },
            lease: after,
        };
        let holder = async {
            let keep = recorded(1, LeaseAfter::Keep);
            let held = one.checkpoint_upload(lease, keep).await.unwrap();
            assert_eq!(held, LeaseHold::Held);
            let release = recorded(2, LeaseAfter::Release);
            let held = one.checkpoint_upload(lease, release).await.unwrap();
            assert_eq!(held, LeaseHold::Held);
        };
        let finisher = async {
            let digest = digest_of(b"whatever");
            let finish = UploadPurpose::Finish { digest };
            loop {
                let acquired = other.acquire_upload(&change, &repository, id, finish).await;
                match acquired.unwrap() {
                    Acquisition::Leased(upload) => break upload,
                    Acquisition::Busy => {}
                    outcome => panic!("{outcome:?}"),
                }
            }
        };
        let ((), upload) = join(holder, finisher).await;
        let numbers: Vec<u32> = upload.parts.iter().map(|part| part.number).collect();
        assert_eq!(upload.object.committed, 2, "round {round}");
        assert_eq!(numbers, [1, 2], "round {round}");
        assert_eq!(upload.lease.fence, 2);
    }
}

/// Its lease had run out, but nobody had taken it yet: so the late holder recorded one more part while
/// another was just taking it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_finishes_a_session_gets_what_came_last() {
    let pods = Pods::new().await;
    let (one, _other) = (&pods.one, &pods.other);
    let change = change();
    let upload = new_upload("a/b", UploadStart::Leased);
    let (id, repository) = (upload.id, name("a/b"));
    one.create_upload(&change, upload).await.unwrap();
    pods.database
        .clock
        .advance(Lifetimes::default().upload_lease);
    let mut late = pods.database.connect().await;
    let checkpoint = "BEGIN; UPDATE uploads SET committed = 1, lease_until = NULL;
        INSERT INTO upload_parts SELECT id, 1, 'late', 1 FROM uploads";
    late.execute(checkpoint).await.unwrap();
    let digest = digest_of(b"whatever");
    let finish = UploadPurpose::Finish { digest };
    let (acquired, ()) = join(
        one.acquire_upload(&change, &repository, id, finish),
        async {
            let waiting = "SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock'";
            wait_until(&mut late, waiting, 1).await;
            late.execute("COMMIT").await.unwrap();
        },
    )
    .await;
    match acquired.unwrap() {
        Acquisition::Leased(upload) => {
            assert_eq!(upload.object.committed, 1);
            assert_eq!(upload.parts.len(), 1);
        }
        outcome => panic!("{outcome:?}"),
    }
}

/// Each session ends once, whoever comes by.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_expire_the_same_sessions_once() {
    let pods = Pods::new().await;
    let one = &pods.one;
    for _ in 0..50 {
        let upload = new_upload("a/b", UploadStart::Open);
        one.create_upload(&change(), upload).await.unwrap();
    }
    pods.database
        .clock
        .advance(Lifetimes::default().upload_idle);
    let expired = join_all((0..8).map(|number| {
        let metadata = pods.turn(number);
        metadata.expire_uploads(20)
    }))
    .await;
    let expired: u64 = expired.into_iter().map(Result::unwrap).sum();
    let rest = one.expire_uploads(100).await.unwrap();
    assert_eq!(expired + rest, 50);
    let mut connection = pods.database.connect().await;
    let tombstones = "SELECT count(*) FROM storage_deletions";
    assert_eq!(number(&mut connection, tombstones).await, 50);
}
