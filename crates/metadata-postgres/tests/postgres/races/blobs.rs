//! Blobs: finalized, mounted, collected.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::future::{join, join_all};
use metadata_postgres::PostgresMetadata;
use registry_core::change::Guard;
use registry_core::ports::{
    BlobDeletion, BlobIndex as _, BlobKind, ExistingBlob, Finalization, Lookup, ManifestCommit,
    ManifestDeletion, ManifestStore as _, MissingReferences, Mount, NewManifest, UploadStore as _,
};
use registry_core::testing::metadata::{
    change, claim_blob, commit, digest_of, manifest, name, push, push_blob, reference, referring,
};
use sqlx::error::DatabaseError;
use sqlx::{Executor as _, PgConnection};

use super::{Pods, number};

/// The namespace is charged once, the bytes are kept once, and all succeed; also where no guard looks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_finalizes_charge_once() {
    let pods = Pods::new().await;
    let one = &pods.one;
    for (round, judged) in [false, true].into_iter().enumerate() {
        let content = format!("popular {round}");
        let mut finished = Vec::new();
        for session in 0..50 {
            let repository = format!("a/r{}", session % 10);
            finished.push(claim_blob(one, &repository, content.as_bytes()).await.0);
        }
        let uncharged = Arc::new(AtomicUsize::new(0));
        let outcomes = join_all(finished.into_iter().enumerate().map(|(session, finished)| {
            let metadata = pods.turn(session);
            let uncharged = Arc::clone(&uncharged);
            let guard = if judged {
                Guard::new(move |existing: &ExistingBlob| {
                    uncharged.fetch_add(usize::from(!existing.charged), Ordering::SeqCst);
                    Ok(())
                })
            } else {
                Guard::open()
            };
            async move {
                metadata
                    .finalize_upload(&change(), guard, finished)
                    .await
                    .unwrap()
            }
        }))
        .await;
        let published = outcomes
            .iter()
            .filter(|outcome| **outcome == Finalization::Published);
        assert_eq!(published.count(), 1, "{outcomes:?}");
        let deduplicated = outcomes
            .iter()
            .filter(|outcome| **outcome == Finalization::Deduplicated);
        assert_eq!(deduplicated.count(), 49);
        assert_eq!(uncharged.load(Ordering::SeqCst), usize::from(judged));
    }
    let mut connection = pods.database.connect().await;
    let tombstones = "SELECT count(*) FROM storage_deletions";
    assert_eq!(number(&mut connection, tombstones).await, 98);
    let links = "SELECT count(*) FROM repository_blobs";
    assert_eq!(number(&mut connection, links).await, 20);
    pods.assert_whole().await;
}

/// Either the mount came first, and the blob stays, or there was nothing to mount.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mount_meets_the_collection_of_its_blob() {
    let pods = Pods::new().await;
    let (one, other) = (&pods.one, &pods.other);
    let mut connection = pods.database.connect().await;
    let (mut mounted, mut gone) = (0, 0);
    for round in 0..100 {
        let content = format!("blob {round}");
        push_blob(one, "a/source", content.as_bytes()).await;
        let digest = digest_of(content.as_bytes());
        let target = name(if round % 2 == 0 {
            "a/target"
        } else {
            "b/target"
        });
        let (change, source) = (change(), name("a/source"));
        let mount = other.mount_blob(&change, Guard::open(), Some(&source), &target, &digest);
        let (outcome, ()) = join(mount, collect(&mut connection)).await;
        let found = one.find_blob(&target, &digest).await.unwrap();
        match outcome.unwrap() {
            Mount::Mounted => {
                // The collection takes what has no manifest, and so it may have come after.
                mounted += 1;
                if matches!(found, Lookup::Absent) {
                    gone += 1;
                }
            }
            Mount::NotMounted => assert!(!matches!(found, Lookup::Found(_))),
            Mount::Refused(refusal) => panic!("{refusal:?}"),
        }
        pods.assert_whole().await;
    }
    println!("{mounted} mounted, of which {gone} were collected right after");
}

/// No push fails otherwise than because a blob went before its manifest came; and nothing is left torn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pushes_meet_a_collection_in_a_hurry() {
    let pods = Pods::new().await;
    let (one, other) = (&pods.one, &pods.other);
    let over = AtomicBool::new(false);
    let (committed, missed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let pusher = async |metadata: &PostgresMetadata, pusher: usize| {
        for round in 0..100 {
            // The same few contents again and again, by everybody.
            let content = format!("blob {}", round % 5);
            let (outcome, _) = push_blob(metadata, "a/b", content.as_bytes()).await;
            assert!(matches!(
                outcome,
                Finalization::Published | Finalization::Deduplicated
            ));
            let references = vec![reference(content.as_bytes(), BlobKind::Layer)];
            let payload = format!("{pusher} {round}");
            match commit(metadata, referring("a/b", &payload, references)).await {
                ManifestCommit::Committed => {
                    committed.fetch_add(1, Ordering::SeqCst);
                    let digest = digest_of(payload.as_bytes());
                    let deleted = metadata
                        .delete_manifest(&change(), Guard::open(), &name("a/b"), &digest)
                        .await;
                    assert_eq!(deleted.unwrap(), ManifestDeletion::Deleted);
                }
                ManifestCommit::MissingBlobs(missing) => {
                    assert_eq!(missing, [digest_of(content.as_bytes())]);
                    missed.fetch_add(1, Ordering::SeqCst);
                }
                outcome => panic!("{outcome:?}"),
            }
        }
    };
    let pushers = async {
        join_all([
            pusher(one, 0),
            pusher(other, 1),
            pusher(one, 2),
            pusher(other, 3),
        ])
        .await;
        over.store(true, Ordering::SeqCst);
    };
    let collector = async {
        let mut connection = pods.database.connect().await;
        while !over.load(Ordering::SeqCst) {
            collect(&mut connection).await;
        }
    };
    join(pushers, collector).await;
    println!(
        "{} pushed, {} missed their blob",
        committed.load(Ordering::SeqCst),
        missed.load(Ordering::SeqCst)
    );
    assert!(committed.load(Ordering::SeqCst) > 0);
    pods.assert_whole().await;
}

/// Nor do a sparse image and the blob it waits for, which cannot go either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sparse_image_and_its_layer_come_at_once() {
    let pods = Pods::new().await;
    let (one, other) = (&pods.one, &pods.other);
    push(one, manifest("a/b", "first")).await;
    for round in 0..100 {
        let layer = format!("layer {round}");
        let sparse = NewManifest {
            missing_references: MissingReferences::Accept,
            ..referring(
                "a/b",
                &format!("image {round}"),
                vec![reference(layer.as_bytes(), BlobKind::Layer)],
            )
        };
        let manifest = sparse.digest;
        let again = sparse.clone();
        let (finished, _) = claim_blob(one, "a/b", layer.as_bytes()).await;
        let change = change();
        let (finalized, _) = join(
            one.finalize_upload(&change, Guard::open(), finished),
            push(other, sparse),
        )
        .await;
        assert_eq!(finalized.unwrap(), Finalization::Published);
        let digest = digest_of(layer.as_bytes());
        let delete = one.delete_blob(&change, &name("a/b"), &digest).await;
        assert_eq!(
            delete.unwrap(),
            BlobDeletion::Referenced { manifest },
            "round {round}"
        );
        // Pushed again, it holds what it waited for.
        push(other, again).await;
    }
}

/// Garbage collection in a hurry, one pass: whatever no manifest names goes, whatever was promised. A
/// foreign key that fails is an answer.
async fn collect(connection: &mut PgConnection) {
    for step in [
        "DELETE FROM repository_blobs WHERE NOT EXISTS (
            SELECT FROM manifest_blobs
            WHERE manifest_blobs.repository_id = repository_blobs.repository_id
              AND manifest_blobs.digest = repository_blobs.digest
         )",
        "WITH gone AS (
            DELETE FROM namespace_blobs WHERE NOT EXISTS (
                SELECT FROM repository_blobs
                WHERE repository_blobs.namespace_id = namespace_blobs.namespace_id
                  AND repository_blobs.digest = namespace_blobs.digest
            ) RETURNING namespace_id, digest, size
         )
         INSERT INTO namespace_usage (namespace_id, shard, bytes)
         SELECT namespace_id, 0, -sum(size) FROM gone GROUP BY namespace_id
         ON CONFLICT (namespace_id, shard) DO UPDATE SET bytes = namespace_usage.bytes + excluded.bytes",
        "WITH gone AS (
            DELETE FROM blobs WHERE NOT EXISTS (SELECT FROM namespace_blobs WHERE namespace_blobs.digest = blobs.digest)
            RETURNING storage_key
         )
         INSERT INTO storage_deletions (object, fence, state, not_before)
         SELECT encode(substr(storage_key, 1, 16), 'hex')::uuid, 1, '', berth_now(1) FROM gone
         ON CONFLICT DO NOTHING",
    ] {
        if let Err(error) = connection.execute(step).await {
            let code = error.as_database_error().and_then(DatabaseError::code);
            let code = code.unwrap_or_default().into_owned();
            assert!(["23503", "40P01"].contains(&code.as_str()), "{error}");
        }
    }
}
