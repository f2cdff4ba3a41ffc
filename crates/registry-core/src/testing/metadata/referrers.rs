//! Listing referrers.

use oci_types::{Digest, MediaType};

use super::{change, digest_of, image_type, manifest, name, push};
use crate::change::Guard;
use crate::ports::{Metadata, NewManifest, Referrer, ReferrerQuery};
use crate::testing::TestClock;

fn subject() -> Digest {
    digest_of(b"the subject, which nobody pushed")
}

fn media_type(text: &str) -> MediaType {
    text.parse().unwrap()
}

fn referrer(payload: &str, artifact_type: Option<MediaType>) -> NewManifest {
    let annotations = [
        ("org.example.name", payload),
        ("empty", ""),
        ("quoted", "\"\u{1f6a2}\\"),
    ];
    NewManifest {
        subject: Some(subject()),
        artifact_type,
        annotations: annotations
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        ..manifest("a/b", payload)
    }
}

async fn list(metadata: &dyn Metadata, query: ReferrerQuery) -> Vec<Referrer> {
    metadata.list_referrers(&name("a/b"), &query).await.unwrap()
}

fn all() -> ReferrerQuery {
    ReferrerQuery {
        subject: subject(),
        artifact_type: None,
        after: None,
        limit: 100,
    }
}

fn digests(referrers: &[Referrer]) -> Vec<Digest> {
    referrers.iter().map(|referrer| referrer.digest).collect()
}

/// With every field of their descriptors.
pub async fn referrers_come_in_the_order_of_their_push(
    metadata: &dyn Metadata,
    _clock: &TestClock,
) {
    let pushed = [
        referrer("z", Some(media_type("application/vnd.example.signature"))),
        referrer("a", None),
        referrer("m", Some(media_type("application/vnd.example.sbom"))),
    ];
    for manifest in &pushed {
        push(metadata, manifest.clone()).await;
    }
    push(metadata, manifest("a/b", "refers to nothing")).await;
    push(
        metadata,
        NewManifest {
            subject: Some(digest_of(b"other")),
            ..manifest("a/b", "refers to another")
        },
    )
    .await;
    let listed = list(metadata, all()).await;
    assert_eq!(listed.len(), pushed.len());
    for (listed, pushed) in listed.iter().zip(&pushed) {
        assert_eq!(listed.digest, pushed.digest);
        assert_eq!(listed.media_type, image_type());
        assert_eq!(listed.size, pushed.payload.len() as u64);
        assert_eq!(listed.artifact_type, pushed.artifact_type);
        assert_eq!(listed.annotations, pushed.annotations);
    }
}

/// By the cursor of the last of the page before.
pub async fn pages_of_referrers_follow_each_other(metadata: &dyn Metadata, _clock: &TestClock) {
    let mut pushed = Vec::new();
    for number in 0..7 {
        pushed.push(push(metadata, referrer(&number.to_string(), None)).await);
    }
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = list(
            metadata,
            ReferrerQuery {
                after,
                limit: 3,
                ..all()
            },
        )
        .await;
        let Some(last) = page.last() else {
            break;
        };
        after = Some(last.cursor);
        listed.extend(digests(&page));
    }
    assert_eq!(listed, pushed);
}

/// Media types are compared as RFC 6838 does, without regard to case.
pub async fn referrers_can_be_filtered_by_type(metadata: &dyn Metadata, _clock: &TestClock) {
    let signature = || Some(media_type("application/vnd.example.Signature"));
    let one = push(metadata, referrer("one", signature())).await;
    push(
        metadata,
        referrer("other", Some(media_type("application/vnd.example.sbom"))),
    )
    .await;
    push(metadata, referrer("none", None)).await;
    let two = push(metadata, referrer("two", signature())).await;
    let filtered = ReferrerQuery {
        artifact_type: Some(media_type("application/vnd.EXAMPLE.signature")),
        ..all()
    };
    let found = list(metadata, filtered.clone()).await;
    assert_eq!(digests(&found), [one, two]);
    let rest = list(
        metadata,
        ReferrerQuery {
            after: Some(found[0].cursor),
            ..filtered.clone()
        },
    )
    .await;
    assert_eq!(digests(&rest), [two]);
    assert_eq!(
        digests(
            &list(
                metadata,
                ReferrerQuery {
                    limit: 1,
                    ..filtered
                }
            )
            .await
        ),
        [one]
    );
}

/// Neither a repository nor a subject has to be there.
pub async fn nothing_refers_to_what_is_unknown(metadata: &dyn Metadata, _clock: &TestClock) {
    assert_eq!(list(metadata, all()).await, []);
    push(metadata, manifest("a/b", "{}")).await;
    assert_eq!(list(metadata, all()).await, []);
    push(
        metadata,
        NewManifest {
            repository: name("a/c"),
            ..referrer("elsewhere", None)
        },
    )
    .await;
    assert_eq!(list(metadata, all()).await, []);
}

/// As any manifest.
pub async fn a_deleted_referrer_is_gone(metadata: &dyn Metadata, _clock: &TestClock) {
    let gone = push(metadata, referrer("gone", None)).await;
    let kept = push(metadata, referrer("kept", None)).await;
    metadata
        .delete_manifest(&change(), Guard::open(), &name("a/b"), &gone)
        .await
        .unwrap();
    assert_eq!(digests(&list(metadata, all()).await), [kept]);
}

/// Where it was.
pub async fn pushing_a_referrer_again_lists_it_once(metadata: &dyn Metadata, _clock: &TestClock) {
    let one = push(metadata, referrer("one", None)).await;
    let two = push(metadata, referrer("two", None)).await;
    push(metadata, referrer("one", None)).await;
    assert_eq!(digests(&list(metadata, all()).await), [one, two]);
}
