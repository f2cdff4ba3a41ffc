//! Look-ups from memory: what is kept, what is dropped, and that it is always true.

mod model;

use bytes::Bytes;
use oci_types::{Algorithm, Digest, Reference, RepositoryName};
use prometheus::Registry;
use registry_core::ports::{ManifestStat, StorageKey, StoredBlob, Timestamp};
use uuid::Uuid;

use super::{Cache, Cached, Key, Ticket};

fn cache(capacity: usize) -> Cache {
    Cache::new(capacity, &Registry::new()).unwrap()
}

fn repository() -> RepositoryName {
    "library/busybox".parse().unwrap()
}

fn digest(text: &str) -> Digest {
    blob_hash::digest(Algorithm::Sha256, text.as_bytes())
}

fn tag(text: &str) -> Reference {
    Reference::Tag(text.parse().unwrap())
}

fn key(reference: &Reference) -> Key {
    match reference {
        Reference::Tag(tag) => Key::tag(&repository(), tag),
        Reference::Digest(digest) => Key::manifest(&repository(), digest),
    }
}

fn stat(payload: &str) -> ManifestStat {
    ManifestStat {
        digest: digest(payload),
        media_type: "application/json".parse().unwrap(),
        size: payload.len() as u64,
    }
}

fn ticket(cache: &Cache, reference: &Reference) -> Ticket {
    match cache.manifest(&repository(), reference) {
        Cached::Miss(ticket) => ticket,
        Cached::Hit(found) => panic!("{found:?}"),
    }
}

fn store(cache: &Cache, ticket: Ticket, reference: &Reference, payload: &str) {
    let bytes = Bytes::copy_from_slice(payload.as_bytes());
    cache.store_manifest(
        ticket,
        &repository(),
        reference,
        &stat(payload),
        Some(&bytes),
    );
}

fn read(cache: &Cache, reference: &Reference, payload: &str) {
    store(cache, ticket(cache, reference), reference, payload);
}

fn payload(cache: &Cache, reference: &Reference) -> Option<Bytes> {
    match cache.manifest(&repository(), reference) {
        Cached::Hit(found) => Some(found.payload),
        Cached::Miss(_) => None,
    }
}

#[test]
fn tag_and_digest_share_one_payload() {
    let cache = cache(1 << 20);
    read(&cache, &tag("v1"), "{}");
    let by_tag = payload(&cache, &tag("v1")).unwrap();
    let by_digest = payload(&cache, &Reference::Digest(digest("{}"))).unwrap();
    assert_eq!(by_tag.as_ptr(), by_digest.as_ptr());
    // A second tag of the same manifest takes no second payload.
    let before = cache.bytes();
    read(&cache, &tag("v2"), "{}");
    assert!(cache.bytes() - before < 1_000);
}

#[test]
fn a_head_keeps_the_payload_a_get_read() {
    let cache = cache(1 << 20);
    let (reference, other) = (tag("v1"), Reference::Digest(digest("{}")));
    let head = ticket(&cache, &other);
    read(&cache, &reference, "{}");
    cache.store_manifest(head, &repository(), &other, &stat("{}"), None);
    assert_eq!(payload(&cache, &reference).unwrap(), "{}");
}

#[test]
fn what_head_read_is_no_answer_to_get() {
    let cache = cache(1 << 20);
    let reference = tag("v1");
    let head = ticket(&cache, &reference);
    cache.store_manifest(head, &repository(), &reference, &stat("{}"), None);
    assert!(payload(&cache, &reference).is_none());
    match cache.manifest_stat(&repository(), &reference) {
        Cached::Hit(found) => assert_eq!(found, stat("{}")),
        Cached::Miss(_) => panic!("not kept"),
    }
}

#[test]
fn a_ticket_from_before_a_write_stores_nothing() {
    let cache = cache(1 << 20);
    let reference = tag("v1");
    let before = ticket(&cache, &reference);
    let keys = [key(&reference)];
    let closed = cache.close(&keys);
    let during = ticket(&cache, &reference);
    store(&cache, before, &reference, "old");
    store(&cache, during, &reference, "old");
    assert!(payload(&cache, &reference).is_none());
    drop(closed);
    store(&cache, before, &reference, "old");
    store(&cache, during, &reference, "old");
    assert!(payload(&cache, &reference).is_none());
    read(&cache, &reference, "new");
    assert_eq!(payload(&cache, &reference).unwrap(), "new");
}

#[test]
fn a_pushed_tag_drops_itself_only() {
    let cache = cache(1 << 20);
    for text in ["v1", "v2"] {
        read(&cache, &tag(text), "{}");
    }
    drop(cache.close(&[key(&tag("v1"))]));
    assert!(payload(&cache, &tag("v1")).is_none());
    assert!(payload(&cache, &tag("v2")).is_some());
    assert!(payload(&cache, &Reference::Digest(digest("{}"))).is_some());
}

#[test]
fn a_deleted_manifest_is_gone_by_any_tag() {
    let cache = cache(1 << 20);
    read(&cache, &tag("v1"), "{}");
    drop(cache.close(&[key(&Reference::Digest(digest("{}")))]));
    assert!(payload(&cache, &tag("v1")).is_none());
}

#[test]
fn memory_is_bounded_and_what_is_used_stays() {
    let capacity = 1 << 20;
    let cache = cache(capacity);
    let used = tag("used");
    read(&cache, &used, "used");
    for number in 0..500 {
        let content = format!("{number:10000}");
        read(&cache, &tag(&format!("t{number}")), &content);
        assert!(cache.bytes() <= capacity);
        assert!(payload(&cache, &used).is_some(), "after {number}");
    }
    // One repository may have it all.
    assert!(cache.bytes() > capacity * 9 / 10);
    assert!(payload(&cache, &tag("t499")).is_some());
    assert!(payload(&cache, &tag("t0")).is_none());
}

#[test]
fn an_entry_larger_than_all_is_not_kept() {
    let cache = cache(10_000);
    read(&cache, &tag("large"), &"x".repeat(20_000));
    assert!(payload(&cache, &tag("large")).is_none());
    assert!(cache.bytes() <= 10_000);
}

#[test]
fn without_capacity_nothing_is_kept() {
    let cache = cache(0);
    read(&cache, &tag("v1"), "{}");
    assert!(payload(&cache, &tag("v1")).is_none());
    assert_eq!(cache.bytes(), 0);
}

#[test]
fn a_blob_is_answered_as_long_as_its_link_keeps_the_promise() {
    let cache = cache(1 << 20);
    let blob = StoredBlob {
        digest: digest("blob"),
        size: 4,
        storage_key: StorageKey::of(Uuid::nil()),
    };
    for (expires_at, answered) in [
        (None, true),
        (Some(Timestamp(100)), true),
        (Some(Timestamp(99)), false),
    ] {
        let Cached::Miss(ticket) = cache.blob(&repository(), &blob.digest, Timestamp(100)) else {
            panic!("kept");
        };
        cache.store_blob(ticket, &repository(), &blob, expires_at);
        let found = cache.blob(&repository(), &blob.digest, Timestamp(100));
        assert_eq!(
            matches!(found, Cached::Hit(found) if found == blob),
            answered
        );
        drop(cache.close(&[Key::blob(&repository(), &blob.digest)]));
    }
}
