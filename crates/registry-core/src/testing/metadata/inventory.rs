//! Lists of everything.

use std::collections::BTreeSet;

use oci_types::{Digest, RepositoryName};

use super::{change, digest_of, manifest, name, new_upload, push, push_blob, tag, tagged};
use crate::change::Guard;
use crate::ports::{HeldManifest, HeldTag, Metadata, NewManifest, Timestamp, UploadStart};
use crate::testing::TestClock;

async fn repositories(
    metadata: &dyn Metadata,
    after: Option<&str>,
    limit: u32,
) -> Vec<RepositoryName> {
    metadata.held_repositories(after, limit).await.unwrap()
}

async fn manifests(metadata: &dyn Metadata, repository: &str) -> Vec<HeldManifest> {
    metadata
        .held_manifests(&name(repository), None, 100)
        .await
        .unwrap()
}

/// Those with a manifest, and those with a blob alone.
pub async fn repositories_that_hold_anything_are_listed(
    metadata: &dyn Metadata,
    _clock: &TestClock,
) {
    metadata
        .create_upload(&change(), new_upload("uploading", UploadStart::Open))
        .await
        .unwrap();
    push_blob(metadata, "blobs", b"blob").await;
    push(metadata, manifest("a/b", "{}")).await;
    let emptied = push(metadata, manifest("emptied", "{}")).await;
    metadata
        .delete_manifest(&change(), Guard::open(), &name("emptied"), &emptied)
        .await
        .unwrap();
    let all = [name("a/b"), name("blobs")];
    assert_eq!(repositories(metadata, None, 10).await, all);
    assert_eq!(repositories(metadata, None, 1).await, all[..1]);
    assert_eq!(repositories(metadata, Some("a/b"), 10).await, all[1..]);
}

/// Of one repository, by their digests, page after page, with where they lie.
pub async fn blobs_are_listed_by_digest(metadata: &dyn Metadata, _clock: &TestClock) {
    let contents: [&[u8]; 5] = [b"1", b"22", b"333", b"4444", b"55555"];
    let mut expected = Vec::new();
    for content in contents {
        let (_, key) = push_blob(metadata, "a/b", content).await;
        expected.push((digest_of(content).to_bytes(), content.len() as u64, key));
    }
    push_blob(metadata, "a/c", b"another's").await;
    expected.sort();
    let (mut listed, mut after) = (Vec::new(), None::<Digest>);
    loop {
        let page = metadata.held_blobs(&name("a/b"), after.as_ref(), 2).await;
        let page = page.unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = Some(last.digest);
        listed.extend(
            page.iter()
                .map(|blob| (blob.digest.to_bytes(), blob.size, blob.storage_key)),
        );
    }
    assert_eq!(listed, expected);
    let nowhere = metadata.held_blobs(&name("nowhere"), None, 2).await;
    assert_eq!(nowhere.unwrap(), []);
}

/// By their digests, with their place in the order of pushes and their time.
pub async fn manifests_are_listed_with_their_order(metadata: &dyn Metadata, clock: &TestClock) {
    let mut pushed = Vec::new();
    for payload in ["1", "2", "3", "4"] {
        pushed.push(push(metadata, manifest("a/b", payload)).await);
    }
    push(metadata, manifest("a/c", "5")).await;
    let mut listed = manifests(metadata, "a/b").await;
    assert!(listed.is_sorted_by_key(|held| held.digest.to_bytes()));
    listed.sort_by_key(|held| held.order);
    let order: Vec<Digest> = listed.iter().map(|held| held.digest).collect();
    assert_eq!(order, pushed);
    let now = crate::ports::Clock::now(clock);
    assert!(listed.iter().all(|held| held.pushed_at == now));
    let second = metadata
        .held_manifests(&name("a/b"), Some(&pushed[0]), 10)
        .await
        .unwrap();
    assert!(
        second
            .iter()
            .all(|held| held.digest.to_bytes() > pushed[0].to_bytes())
    );
}

/// A time that is known from elsewhere is kept.
pub async fn a_time_of_push_can_be_brought(metadata: &dyn Metadata, _clock: &TestClock) {
    let long_ago = Timestamp(1_234_567);
    let old = NewManifest {
        pushed_at: Some(long_ago),
        ..manifest("a/b", "{}")
    };
    push(metadata, old).await;
    let times: Vec<_> = manifests(metadata, "a/b")
        .await
        .iter()
        .map(|held| held.pushed_at)
        .collect();
    assert_eq!(times, [long_ago]);
}

/// In byte order, page after page.
pub async fn tags_are_listed_with_what_they_name(metadata: &dyn Metadata, _clock: &TestClock) {
    let one = push(metadata, tagged("a/b", "one", &["b", "A", "1"])).await;
    let two = push(metadata, tagged("a/b", "two", &["b", "c"])).await;
    let held = |text: &str, digest| HeldTag {
        name: tag(text),
        digest,
    };
    let all = [
        held("1", one),
        held("A", one),
        held("b", two),
        held("c", two),
    ];
    let list = async |after, limit| {
        let tags = metadata.held_tags(&name("a/b"), after, limit).await;
        tags.unwrap()
    };
    assert_eq!(list(None, 10).await, all);
    assert_eq!(list(None, 2).await, all[..2]);
    assert_eq!(list(Some("A"), 10).await, all[2..]);
}

/// Whoever shows the blob, of whatever namespace, as long as somebody does.
pub async fn a_holder_of_a_blob_is_found(metadata: &dyn Metadata, _clock: &TestClock) {
    let digest = digest_of(b"blob");
    let holder = async || metadata.blob_holder(&digest).await.unwrap();
    assert_eq!(holder().await, None);
    let mut holders = BTreeSet::new();
    for repository in ["a/b", "c/d"] {
        push_blob(metadata, repository, b"blob").await;
        holders.insert(name(repository));
    }
    while let Some(found) = holder().await {
        assert!(holders.remove(&found), "{found} does not hold it");
        metadata
            .delete_blob(&change(), &found, &digest)
            .await
            .unwrap();
    }
    assert!(holders.is_empty(), "{holders:?}");
}
