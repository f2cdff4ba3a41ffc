//! What may happen at once, and what must hold then.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::{join, join_all};
use oci_types::{Digest, Reference};

use super::{
    by_tag, change, digest_of, manifest, name, push, push_blob, read, reference, referring,
    resolve, tag, tagged,
};
use crate::change::Guard;
use crate::ports::{
    BlobDeletion, BlobKind, Lookup, ManifestCommit, ManifestDeletion, Metadata, NewManifest,
};
use crate::testing::TestClock;

/// A tag that is there names a manifest that is there, and a manifest that was committed has its blobs.
pub async fn deletions_and_pushes_leave_no_dangling_tag(
    metadata: &dyn Metadata,
    _clock: &TestClock,
) {
    for round in 0..20 {
        let layer = format!("layer {round}");
        push_blob(metadata, "a/b", layer.as_bytes()).await;
        let payload = format!("payload {round}");
        let holder = || NewManifest {
            tags: vec![tag("v1")],
            ..referring(
                "a/b",
                &payload,
                vec![reference(layer.as_bytes(), BlobKind::Layer)],
            )
        };
        let digest = push(
            metadata,
            NewManifest {
                tags: Vec::new(),
                ..holder()
            },
        )
        .await;
        let (pushed, deleted) = (change(), change());
        let (repository, blob) = (name("a/b"), digest_of(layer.as_bytes()));
        let (push_again, (delete, delete_blob)) = join(
            metadata.commit_manifest(&pushed, Guard::open(), holder()),
            join(
                metadata.delete_manifest(&deleted, Guard::open(), &repository, &digest),
                metadata.delete_blob(&deleted, &repository, &blob),
            ),
        )
        .await;
        let committed = match push_again.unwrap() {
            ManifestCommit::Committed => true,
            ManifestCommit::MissingBlobs(missing) => {
                assert_eq!(missing, [blob]);
                false
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(delete.unwrap(), ManifestDeletion::Deleted);
        let tagged = resolve(metadata, "a/b", "v1").await;
        let whole = read(metadata, "a/b", Reference::Digest(digest)).await;
        assert_eq!(
            tagged == Some(digest),
            matches!(whole, Lookup::Found(_)),
            "a tag without its manifest"
        );
        // What an earlier round has left may still be there.
        let tagged = tagged == Some(digest);
        assert!(committed || !tagged, "a tag of a push that failed");
        if tagged {
            assert!(
                matches!(delete_blob.unwrap(), BlobDeletion::Referenced { .. }),
                "a manifest without its blob"
            );
        }
    }
}

/// Each succeeds, and there is one manifest.
pub async fn concurrent_pushes_of_one_manifest_agree(metadata: &dyn Metadata, _clock: &TestClock) {
    let tags: Vec<String> = (0..30).map(|number| format!("t{number:02}")).collect();
    join_all(
        tags.iter()
            .map(|text| push(metadata, tagged("a/b", "{}", &[text.as_str()]))),
    )
    .await;
    for text in &tags {
        assert_eq!(resolve(metadata, "a/b", text).await, Some(digest_of(b"{}")));
    }
}

/// No push undoes another's.
pub async fn concurrent_tags_of_one_repository_are_all_kept(
    metadata: &dyn Metadata,
    _clock: &TestClock,
) {
    let names: Vec<String> = (0..100).map(|number| format!("t{number:03}")).collect();
    join_all(
        names
            .iter()
            .map(|text| push(metadata, tagged("a/b", text, &[text.as_str()]))),
    )
    .await;
    let listed = metadata
        .list_tags(&name("a/b"), None, 1_000)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        listed,
        names.iter().map(|text| tag(text)).collect::<Vec<_>>()
    );
}

/// While a tag moves on, whoever saw it somewhere never sees it further back, and whoever reads
/// after a push was answered sees that or a later one. Others read other tags all the while.
pub async fn a_reader_never_goes_back(metadata: &dyn Metadata, _clock: &TestClock) {
    let rounds: Vec<Digest> = {
        let payloads = (0..150).map(|round| format!("round {round}"));
        join_all(
            payloads.map(|payload| async move { push(metadata, manifest("a/b", &payload)).await }),
        )
        .await
    };
    push(metadata, tagged("a/b", "round 0", &["moving", "resting"])).await;
    let over = AtomicBool::new(false);
    let writer = async {
        for (round, digest) in rounds.iter().enumerate() {
            push(
                metadata,
                tagged("a/b", &format!("round {round}"), &["moving"]),
            )
            .await;
            assert_eq!(resolve(metadata, "a/b", "moving").await, Some(*digest));
        }
        over.store(true, Ordering::SeqCst);
    };
    let readers = join_all((0..4).map(|_| async {
        let mut last = 0;
        while !over.load(Ordering::SeqCst) {
            let Lookup::Found(found) = read_once(metadata, "moving").await else {
                panic!("gone");
            };
            let seen = rounds.iter().position(|digest| *digest == found).unwrap();
            assert!(seen >= last, "round {seen} after round {last}");
            last = seen;
            assert_eq!(
                read_once(metadata, "resting").await,
                Lookup::Found(rounds[0])
            );
        }
    }));
    join(writer, readers).await;
}

async fn read_once(metadata: &dyn Metadata, tag: &str) -> Lookup<Digest> {
    // A look-up from memory never waits; the others must get their turn.
    tokio::task::yield_now().await;
    match metadata
        .read_manifest(&name("a/b"), &by_tag(tag))
        .await
        .unwrap()
    {
        Lookup::Found(found) => Lookup::Found(found.stat.digest),
        Lookup::Absent => Lookup::Absent,
        Lookup::NoRepository => Lookup::NoRepository,
    }
}
