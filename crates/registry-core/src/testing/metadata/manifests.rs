//! Pushing and reading manifests.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use oci_types::{Algorithm, Reference};

use super::{
    by_tag, change, commit, digest_of, dry_run, image_type, manifest, name, push, push_blob, read,
    reference, referring, refusal, refuse, resolve, tag, tagged,
};
use crate::change::Guard;
use crate::ports::{
    BlobDeletion, BlobKind, ExistingManifest, Lookup, ManifestCommit, Metadata, MissingReferences,
    NewManifest,
};
use crate::testing::TestClock;

/// Byte for byte, by tag and by digest, in either algorithm.
pub async fn a_manifest_is_read_as_it_was_pushed(metadata: &dyn Metadata, _clock: &TestClock) {
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let payload = format!("{{ \"algorithm\" :\n\"{}\" }}  ", algorithm.as_str());
        let digest = blob_hash::digest(algorithm, payload.as_bytes());
        push(
            metadata,
            NewManifest {
                digest,
                ..tagged("a/b", &payload, &["v1"])
            },
        )
        .await;
        for reference in [by_tag("v1"), Reference::Digest(digest)] {
            let Lookup::Found(found) = read(metadata, "a/b", reference).await else {
                panic!("not found");
            };
            assert_eq!(found.payload, payload);
            assert_eq!(found.stat.digest, digest);
            assert_eq!(found.stat.size, payload.len() as u64);
            assert_eq!(found.stat.media_type.as_str(), image_type().as_str());
        }
    }
}

/// As large as registries accept.
pub async fn a_large_manifest_is_read_as_it_was_pushed(
    metadata: &dyn Metadata,
    _clock: &TestClock,
) {
    let payload = "x".repeat(4 * 1024 * 1024);
    let digest = push(metadata, tagged("a/b", &payload, &["large"])).await;
    for reference in [by_tag("large"), Reference::Digest(digest)] {
        match read(metadata, "a/b", reference).await {
            Lookup::Found(found) => assert!(found.payload == payload),
            other => panic!("{other:?}"),
        }
    }
}

/// No such repository is not the same as no such manifest.
pub async fn absence_is_told_apart(metadata: &dyn Metadata, _clock: &TestClock) {
    let absent = digest_of(b"absent");
    for reference in [by_tag("v1"), Reference::Digest(absent)] {
        assert_eq!(read(metadata, "a/b", reference).await, Lookup::NoRepository);
    }
    push(metadata, manifest("a/b", "present")).await;
    for reference in [by_tag("v1"), Reference::Digest(absent)] {
        assert_eq!(read(metadata, "a/b", reference).await, Lookup::Absent);
    }
}

/// The same bytes are visible only where they were pushed.
pub async fn repositories_do_not_share_manifests(metadata: &dyn Metadata, _clock: &TestClock) {
    let digest = push(metadata, tagged("a/one", "{}", &["v1"])).await;
    push(metadata, tagged("a/two", "other", &["v2"])).await;
    assert_eq!(
        read(metadata, "a/two", Reference::Digest(digest)).await,
        Lookup::Absent
    );
    assert_eq!(read(metadata, "a/two", by_tag("v1")).await, Lookup::Absent);
}

/// All of them; and nothing changes, not even that the repository exists.
pub async fn missing_blobs_are_named_in_order(metadata: &dyn Metadata, _clock: &TestClock) {
    push_blob(metadata, "a/elsewhere", b"here").await;
    let references = vec![
        reference(b"z", BlobKind::Layer),
        reference(b"here", BlobKind::Layer),
        reference(b"a", BlobKind::Config),
    ];
    let pushed = NewManifest {
        tags: vec![tag("v1")],
        ..referring("a/b", "{}", references)
    };
    let all = vec![digest_of(b"z"), digest_of(b"here"), digest_of(b"a")];
    assert_eq!(
        commit(metadata, pushed.clone()).await,
        ManifestCommit::MissingBlobs(all)
    );
    assert_eq!(
        metadata.list_tags(&name("a/b"), None, 10).await.unwrap(),
        None
    );

    push_blob(metadata, "a/b", b"here").await;
    let rest = vec![digest_of(b"z"), digest_of(b"a")];
    assert_eq!(
        commit(metadata, pushed).await,
        ManifestCommit::MissingBlobs(rest)
    );
    assert_eq!(
        metadata.list_tags(&name("a/b"), None, 10).await.unwrap(),
        Some(Vec::new())
    );
}

/// A sparse image, where the setting allows it; once complete it can be pushed with either setting.
pub async fn missing_references_can_be_accepted(metadata: &dyn Metadata, _clock: &TestClock) {
    let references = vec![
        reference(b"config", BlobKind::Config),
        reference(b"layer", BlobKind::Layer),
    ];
    let strict = NewManifest {
        tags: vec![tag("v1")],
        ..referring("a/b", "{}", references)
    };
    let sparse = NewManifest {
        missing_references: MissingReferences::Accept,
        ..strict.clone()
    };
    push(metadata, sparse).await;
    assert!(resolve(metadata, "a/b", "v1").await.is_some());
    let missing = vec![digest_of(b"config"), digest_of(b"layer")];
    assert_eq!(
        commit(metadata, strict.clone()).await,
        ManifestCommit::MissingBlobs(missing)
    );
    push_blob(metadata, "a/b", b"config").await;
    push_blob(metadata, "a/b", b"layer").await;
    push(metadata, strict).await;
}

/// Foreign layers and children of an index, whatever the setting.
pub async fn references_that_may_be_absent_may_be_absent(
    metadata: &dyn Metadata,
    _clock: &TestClock,
) {
    let references = vec![
        reference(b"foreign", BlobKind::NonDistributable),
        reference(b"child", BlobKind::Child),
    ];
    push(metadata, referring("a/b", "{}", references)).await;
}

/// A descriptor must claim the size that is stored, if anything is.
pub async fn a_size_that_differs_is_refused(metadata: &dyn Metadata, _clock: &TestClock) {
    push_blob(metadata, "a/b", b"12345").await;
    for kind in [
        BlobKind::Config,
        BlobKind::Layer,
        BlobKind::NonDistributable,
        BlobKind::Child,
    ] {
        let mut wrong = reference(b"12345", kind);
        wrong.size = 6;
        for missing_references in [MissingReferences::Refuse, MissingReferences::Accept] {
            let pushed = referring("a/b", "{}", vec![wrong.clone()]);
            let mismatch = ManifestCommit::SizeMismatch {
                digest: wrong.digest,
                stored: 5,
            };
            assert_eq!(
                commit(
                    metadata,
                    NewManifest {
                        missing_references,
                        ..pushed
                    }
                )
                .await,
                mismatch
            );
        }
    }
    let digest = digest_of(b"{}");
    assert_eq!(
        read(metadata, "a/b", Reference::Digest(digest)).await,
        Lookup::Absent
    );
}

/// The digest if it is there, and each tag of the request with what it names.
pub async fn the_guard_sees_what_exists(metadata: &dyn Metadata, _clock: &TestClock) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let see = || {
        let seen = Arc::clone(&seen);
        Guard::new(move |existing: &ExistingManifest| {
            seen.lock().unwrap().push(existing.clone());
            Ok(())
        })
    };
    let old = digest_of(b"old");
    let expected = |digest, a, b| ExistingManifest {
        digest,
        tags: vec![(tag("a"), a), (tag("b"), b)],
    };
    for pushed in [
        tagged("a/b", "old", &["a", "b"]),
        tagged("a/b", "new", &["a", "b"]),
    ] {
        metadata
            .commit_manifest(&change(), see(), pushed)
            .await
            .unwrap();
    }
    push(metadata, tagged("a/b", "old", &["b"])).await;
    metadata
        .commit_manifest(&change(), see(), tagged("a/b", "new", &["a", "b", "c"]))
        .await
        .unwrap();
    let new = digest_of(b"new");
    let mut last = expected(Some(new), Some(new), Some(old));
    last.tags.push((tag("c"), None));
    let seen = seen.lock().unwrap();
    assert_eq!(
        *seen,
        [
            expected(None, None, None),
            expected(None, Some(old), Some(old)),
            last
        ]
    );
}

/// Not even the repository, and no moved tag.
pub async fn a_refused_push_leaves_nothing(metadata: &dyn Metadata, _clock: &TestClock) {
    let refused = ManifestCommit::Refused(refusal());
    let outcome = metadata
        .commit_manifest(&change(), refuse(), tagged("a/b", "{}", &["v1"]))
        .await
        .unwrap();
    assert_eq!(outcome, refused);
    assert_eq!(
        metadata.list_tags(&name("a/b"), None, 10).await.unwrap(),
        None
    );
    let old = push(metadata, tagged("a/b", "old", &["v1"])).await;
    let outcome = metadata
        .commit_manifest(&change(), refuse(), tagged("a/b", "new", &["v1"]))
        .await
        .unwrap();
    assert_eq!(outcome, refused);
    assert_eq!(resolve(metadata, "a/b", "v1").await, Some(old));
    assert_eq!(
        read(metadata, "a/b", Reference::Digest(digest_of(b"new"))).await,
        Lookup::Absent
    );
}

/// It reports what would happen.
pub async fn a_dry_run_leaves_nothing(metadata: &dyn Metadata, _clock: &TestClock) {
    let commit = metadata
        .commit_manifest(&dry_run(), Guard::open(), tagged("a/b", "{}", &["v1"]))
        .await
        .unwrap();
    assert_eq!(commit, ManifestCommit::Committed);
    assert_eq!(
        read(metadata, "a/b", by_tag("v1")).await,
        Lookup::NoRepository
    );
    let old = push(metadata, tagged("a/b", "old", &["v1"])).await;
    let commit = metadata
        .commit_manifest(&dry_run(), Guard::open(), tagged("a/b", "new", &["v1"]))
        .await
        .unwrap();
    assert_eq!(commit, ManifestCommit::Committed);
    assert_eq!(resolve(metadata, "a/b", "v1").await, Some(old));
}

/// And add their tags.
pub async fn the_same_bytes_again_are_no_error(metadata: &dyn Metadata, _clock: &TestClock) {
    push_blob(metadata, "a/b", b"layer").await;
    let pushed = || referring("a/b", "{}", vec![reference(b"layer", BlobKind::Layer)]);
    let digest = push(
        metadata,
        NewManifest {
            tags: vec![tag("one")],
            ..pushed()
        },
    )
    .await;
    push(metadata, pushed()).await;
    push(
        metadata,
        NewManifest {
            tags: vec![tag("two")],
            ..pushed()
        },
    )
    .await;
    assert_eq!(resolve(metadata, "a/b", "one").await, Some(digest));
    assert_eq!(resolve(metadata, "a/b", "two").await, Some(digest));
}

/// Seen at once, by tag and by digest.
pub async fn the_last_media_type_is_kept(metadata: &dyn Metadata, _clock: &TestClock) {
    let digest = push(metadata, tagged("a/b", "{}", &["v1"])).await;
    for text in ["application/vnd.example+json", "application/vnd.other+json"] {
        for reference in [by_tag("v1"), Reference::Digest(digest)] {
            assert!(matches!(
                read(metadata, "a/b", reference).await,
                Lookup::Found(_)
            ));
        }
        push(
            metadata,
            NewManifest {
                media_type: text.parse().unwrap(),
                ..manifest("a/b", "{}")
            },
        )
        .await;
        for reference in [by_tag("v1"), Reference::Digest(digest)] {
            match read(metadata, "a/b", reference).await {
                Lookup::Found(found) => assert_eq!(found.stat.media_type.as_str(), text),
                other => panic!("{other:?}"),
            }
        }
    }
}

/// From one manifest to another; the old one stays.
pub async fn tags_move(metadata: &dyn Metadata, _clock: &TestClock) {
    let old = push(metadata, tagged("a/b", "old", &["latest", "v1"])).await;
    let new = push(metadata, tagged("a/b", "new", &["latest", "v2"])).await;
    let tags = [("latest", new), ("v1", old), ("v2", new)];
    for (tag, digest) in tags {
        assert_eq!(resolve(metadata, "a/b", tag).await, Some(digest), "{tag}");
    }
    assert!(matches!(
        read(metadata, "a/b", Reference::Digest(old)).await,
        Lookup::Found(_)
    ));
}

/// However often it was read before.
pub async fn a_read_sees_the_last_push(metadata: &dyn Metadata, _clock: &TestClock) {
    for round in 0..50 {
        let digest = push(metadata, tagged("a/b", &format!("round {round}"), &["v1"])).await;
        for _ in 0..2 {
            assert_eq!(resolve(metadata, "a/b", "v1").await, Some(digest));
        }
    }
}

/// A thousand layers, a thousand tags.
pub async fn many_references_and_tags_are_committed_at_once(
    metadata: &dyn Metadata,
    _clock: &TestClock,
) {
    let contents: Vec<String> = (0..1_000).map(|number| format!("layer {number}")).collect();
    for content in &contents[1..] {
        push_blob(metadata, "a/b", content.as_bytes()).await;
    }
    let references = contents
        .iter()
        .map(|content| reference(content.as_bytes(), BlobKind::Layer))
        .collect();
    let tags: Vec<_> = (0..1_000)
        .map(|number| tag(&format!("t{number:04}")))
        .collect();
    let pushed = NewManifest {
        tags: tags.clone(),
        payload: Bytes::from("{}"),
        ..referring("a/b", "{}", references)
    };
    let missing = vec![digest_of(contents[0].as_bytes())];
    assert_eq!(
        commit(metadata, pushed.clone()).await,
        ManifestCommit::MissingBlobs(missing)
    );
    push_blob(metadata, "a/b", contents[0].as_bytes()).await;
    push(metadata, pushed).await;
    assert_eq!(
        metadata.list_tags(&name("a/b"), None, 2_000).await.unwrap(),
        Some(tags)
    );
    assert!(resolve(metadata, "a/b", "t0999").await.is_some());
}

/// None of them can be deleted while it names them.
pub async fn a_manifest_holds_its_blobs(metadata: &dyn Metadata, _clock: &TestClock) {
    let named = [b"config".as_slice(), b"layer", b"foreign"];
    for content in named {
        push_blob(metadata, "a/b", content).await;
    }
    let references = vec![
        reference(b"config", BlobKind::Config),
        reference(b"layer", BlobKind::Layer),
        reference(b"foreign", BlobKind::NonDistributable),
    ];
    let holder = push(metadata, referring("a/b", "{}", references)).await;
    for content in named {
        let outcome = metadata
            .delete_blob(&change(), &name("a/b"), &digest_of(content))
            .await
            .unwrap();
        assert_eq!(outcome, BlobDeletion::Referenced { manifest: holder });
    }
}
