//! Manifests: pushed and deleted, beside what they name and what names them.

use futures_util::future::{join, join_all, join3};
use oci_types::Reference;
use registry_core::change::{Guard, Refusal};
use registry_core::ports::{
    BlobDeletion, BlobIndex as _, BlobKind, ExistingManifest, Lookup, ManifestCommit,
    ManifestDeletion, ManifestStore as _, NewManifest, TagDeletion, TagIndex as _,
};
use registry_core::testing::metadata::{
    change, digest_of, manifest, name, push, push_blob, read, reference, referring, resolve, tag,
    tagged,
};
use sqlx::Executor as _;

use super::{Pods, number, wait_until};

/// A tag that is there names a manifest that is there, and a manifest that was committed has its blobs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletions_and_pushes_leave_no_dangling_tag() {
    let pods = Pods::new().await;
    let (one, other) = (&pods.one, &pods.other);
    let mut survived = 0;
    for round in 0..150 {
        let (layer, text) = (format!("layer {round}"), format!("v{round}"));
        push_blob(one, "a/b", layer.as_bytes()).await;
        let payload = format!("payload {round}");
        let holder = || NewManifest {
            tags: vec![tag(&text)],
            ..referring(
                "a/b",
                &payload,
                vec![reference(layer.as_bytes(), BlobKind::Layer)],
            )
        };
        let untagged = NewManifest {
            tags: Vec::new(),
            ..holder()
        };
        let digest = push(one, untagged).await;
        let (change, repository) = (change(), name("a/b"));
        let blob = digest_of(layer.as_bytes());
        let (pushed, deleted, unlinked) = join3(
            one.commit_manifest(&change, Guard::open(), holder()),
            other.delete_manifest(&change, Guard::open(), &repository, &digest),
            other.delete_blob(&change, &repository, &blob),
        )
        .await;
        let committed = match pushed.unwrap() {
            ManifestCommit::Committed => true,
            ManifestCommit::MissingBlobs(missing) => {
                assert_eq!(missing, [blob]);
                false
            }
            outcome => panic!("{outcome:?}"),
        };
        assert_eq!(deleted.unwrap(), ManifestDeletion::Deleted);
        let tagged = resolve(other, "a/b", &text).await == Some(digest);
        let whole = read(other, "a/b", Reference::Digest(digest)).await;
        assert_eq!(tagged, matches!(whole, Lookup::Found(_)));
        assert!(committed || !tagged, "a tag of a push that failed");
        if tagged {
            survived += 1;
            let unlinked = unlinked.unwrap();
            assert!(
                matches!(unlinked, BlobDeletion::Referenced { .. }),
                "{unlinked:?}"
            );
        }
    }
    println!("{survived} of 150 pushes came last");
    pods.assert_whole().await;
}

/// They do not see each other, but the child cannot go while the index names it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_and_its_child_come_at_once() {
    let pods = Pods::new().await;
    let (one, other) = (&pods.one, &pods.other);
    push(one, manifest("a/b", "first")).await;
    for round in 0..100 {
        let (child, index) = (format!("child {round}"), format!("index {round}"));
        let references = vec![reference(child.as_bytes(), BlobKind::Child)];
        join(
            push(one, manifest("a/b", &child)),
            push(other, referring("a/b", &index, references)),
        )
        .await;
        let delete = async |text: &str| {
            let digest = digest_of(text.as_bytes());
            one.delete_manifest(&change(), Guard::open(), &name("a/b"), &digest)
                .await
                .unwrap()
        };
        let parent = digest_of(index.as_bytes());
        assert_eq!(
            delete(&child).await,
            ManifestDeletion::Contained { parent },
            "round {round}"
        );
        assert_eq!(delete(&index).await, ManifestDeletion::Deleted);
        assert_eq!(delete(&child).await, ManifestDeletion::Deleted);
    }
}

/// Tags and layers in common, in whatever order they were listed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pushes_with_common_tags_and_layers_do_not_lock_each_other_up() {
    let pods = Pods::new().await;
    let one = &pods.one;
    let layers: Vec<String> = (0..80).map(|number| format!("layer {number}")).collect();
    let mut tags: Vec<_> = (0..8).map(|number| tag(&format!("t{number}"))).collect();
    for round in 0..6 {
        for layer in &layers {
            push_blob(one, "a/b", layer.as_bytes()).await;
        }
        tags.rotate_left(3);
        let pushes = (0..16).map(|pusher: usize| {
            let metadata = pods.turn(pusher);
            let mut layers: Vec<_> = layers
                .iter()
                .map(|layer| reference(layer.as_bytes(), BlobKind::Layer))
                .collect();
            layers.rotate_left(pusher * 5);
            // Common tags let one through after the other; half of them meet at the layers only.
            let tags = if pusher % 4 < 2 {
                &tags[pusher % 4..]
            } else {
                &[]
            };
            let mut tags = tags.to_vec();
            tags.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
            let payload = format!("image {round} {pusher}");
            let pushed = NewManifest {
                tags,
                ..referring("a/b", &payload, layers)
            };
            async move { push(metadata, pushed).await }
        });
        join_all(pushes).await;
        let deletions = (0..16).map(|pusher: usize| {
            let metadata = pods.turn(pusher);
            async move {
                let digest = digest_of(format!("image {round} {pusher}").as_bytes());
                let deleted = metadata
                    .delete_manifest(&change(), Guard::open(), &name("a/b"), &digest)
                    .await;
                assert_eq!(deleted.unwrap(), ManifestDeletion::Deleted);
            }
        });
        join_all(deletions).await;
    }
    pods.assert_whole().await;
    assert_eq!(pods.deadlocks().await, 0);
}

/// Links are locked in the order of their digests: whoever waits for the first holds none of the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_are_locked_in_order() {
    let pods = Pods::new().await;
    let one = &pods.one;
    let mut layers: Vec<_> = (0..20)
        .map(|number: u8| reference(&[number], BlobKind::Layer))
        .collect();
    for number in 0..20_u8 {
        push_blob(one, "a/b", &[number]).await;
    }
    layers.reverse();
    let mut holder = pods.database.connect().await;
    let first = "BEGIN; SELECT FROM repository_blobs ORDER BY digest LIMIT 1 FOR UPDATE";
    holder.execute(first).await.unwrap();
    let change = change();
    let pushed = one.commit_manifest(&change, Guard::open(), referring("a/b", "{}", layers));
    let (pushed, ()) = join(pushed, async {
        let waiting = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        wait_until(&mut holder, waiting, 1).await;
        let free =
            "SELECT count(*) FROM (SELECT FROM repository_blobs FOR UPDATE SKIP LOCKED) AS free";
        assert_eq!(number(&mut holder, free).await, 20);
        holder.execute("ROLLBACK").await.unwrap();
    })
    .await;
    assert_eq!(pushed.unwrap(), ManifestCommit::Committed);
}

/// A tag is written again and goes with its manifest, at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_and_a_deletion_do_not_lock_each_other_up() {
    let pods = Pods::new().await;
    let (one, other) = (&pods.one, &pods.other);
    let tags: Vec<String> = (0..50).map(|number| format!("t{number:02}")).collect();
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    for round in 0..50 {
        let payload = format!("image {round}");
        let digest = push(one, tagged("a/b", &payload, &tags)).await;
        let (change, repository) = (change(), name("a/b"));
        let (pushed, deleted) = join(
            one.commit_manifest(&change, Guard::open(), tagged("a/b", &payload, &tags)),
            other.delete_manifest(&change, Guard::open(), &repository, &digest),
        )
        .await;
        assert_eq!(pushed.unwrap(), ManifestCommit::Committed);
        assert_eq!(deleted.unwrap(), ManifestDeletion::Deleted);
    }
    assert_eq!(pods.deadlocks().await, 0);
}

/// Of two who delete the same, one did it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_deleted_twice_at_once_was_deleted_once() {
    let pods = Pods::new().await;
    let (one, other) = (&pods.one, &pods.other);
    let (change, repository) = (change(), name("a/b"));
    for round in 0..60 {
        let content = format!("content {round}");
        push_blob(one, "a/b", content.as_bytes()).await;
        let digest = push(one, tagged("a/b", &content, &["v1", "v2"])).await;
        let v1 = tag("v1");
        let outcomes = join(
            one.delete_tag(&change, Guard::open(), &repository, &v1),
            other.delete_tag(&change, Guard::new(|_| Ok(())), &repository, &v1),
        )
        .await;
        let deleted = [outcomes.0.unwrap(), outcomes.1.unwrap()];
        assert!(deleted.contains(&TagDeletion::Deleted), "{deleted:?}");
        assert!(deleted.contains(&TagDeletion::Absent), "{deleted:?}");
        let outcomes = join(
            one.delete_manifest(&change, Guard::open(), &repository, &digest),
            other.delete_manifest(&change, Guard::new(|_| Ok(())), &repository, &digest),
        )
        .await;
        let deleted = [outcomes.0.unwrap(), outcomes.1.unwrap()];
        assert!(deleted.contains(&ManifestDeletion::Deleted), "{deleted:?}");
        assert!(deleted.contains(&ManifestDeletion::Absent), "{deleted:?}");
        let outcomes = join(
            one.delete_blob(&change, &repository, &digest),
            other.delete_blob(&change, &repository, &digest),
        )
        .await;
        let deleted = [outcomes.0.unwrap(), outcomes.1.unwrap()];
        assert!(deleted.contains(&BlobDeletion::Deleted), "{deleted:?}");
        assert!(deleted.contains(&BlobDeletion::Absent), "{deleted:?}");
    }
}

/// Tags, existence and deletions are never answered from memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_writes_the_other_reads() {
    let pods = Pods::new().await;
    let (one, other) = (&pods.one, &pods.other);
    for round in 0..50 {
        let payload = format!("round {round}");
        let digest = push(one, tagged("a/b", &payload, &["v1"])).await;
        assert_eq!(resolve(other, "a/b", "v1").await, Some(digest));
        let listed = other.list_tags(&name("a/b"), None, 10).await.unwrap();
        assert_eq!(listed, Some(vec![tag("v1")]));
        push_blob(other, "a/b", b"blob").await;
        let (repository, blob) = (name("a/b"), digest_of(b"blob"));
        let found = one.find_blob(&repository, &blob).await.unwrap();
        assert!(matches!(found, Lookup::Found(_)));
        let deleted = other.delete_blob(&change(), &repository, &blob).await;
        assert_eq!(deleted.unwrap(), BlobDeletion::Deleted);
        assert_eq!(
            one.find_blob(&repository, &blob).await.unwrap(),
            Lookup::Absent
        );
        let deleted = one
            .delete_manifest(&change(), Guard::open(), &repository, &digest)
            .await;
        assert_eq!(deleted.unwrap(), ManifestDeletion::Deleted);
        assert_eq!(resolve(other, "a/b", "v1").await, None);
    }
}

/// A guard that saw a manifest is not asked for nothing: one whose deletion was acknowledged does not come back by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_manifest_is_not_replaced() {
    let pods = Pods::new().await;
    let (one, other) = (&pods.one, &pods.other);
    for round in 0..150 {
        let payload = format!("payload {round}");
        let digest = push(one, manifest("a/b", &payload)).await;
        let there = Guard::new(|existing: &ExistingManifest| match existing.digest {
            Some(_) => Ok(()),
            None => Err(Refusal::PreconditionFailed { current: None }),
        });
        let (change, repository) = (change(), name("a/b"));
        // Another media type, so that it is written anew.
        let next = NewManifest {
            media_type: "application/x".parse().unwrap(),
            ..manifest("a/b", &payload)
        };
        let (replaced, deleted) = join(
            one.commit_manifest(&change, there, next),
            other.delete_manifest(&change, Guard::open(), &repository, &digest),
        )
        .await;
        assert_eq!(deleted.unwrap(), ManifestDeletion::Deleted);
        drop(replaced.unwrap());
        let whole = read(one, "a/b", Reference::Digest(digest)).await;
        assert_eq!(whole, Lookup::Absent, "round {round}");
    }
}
