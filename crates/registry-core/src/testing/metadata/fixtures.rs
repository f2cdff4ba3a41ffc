//! What the cases push and read; of use to an engine's own tests, too.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use blob_hash::{HashState, Hasher};
use bytes::Bytes;
use oci_types::{Algorithm, Digest, MediaType, Reference, RepositoryName, Tag};
use uuid::Uuid;

use crate::change::{Actor, Change, Guard, Refusal};
use crate::ports::{
    BlobKind, BlobReference, Finalization, FinishedUpload, Lease, Lifetimes, Lookup,
    ManifestCommit, Metadata, MissingReferences, NewManifest, NewUpload, Published, StorageKey,
    StoredManifest, UploadId, UploadStart,
};

/// The circumstances of a write.
pub fn change() -> Change {
    let origin = IpAddr::from([127, 0, 0, 1]);
    Change {
        actor: Actor::Anonymous,
        request_id: Arc::from("contract"),
        origin: Some(origin),
        dry_run: false,
    }
}

/// Those of one that is to be decided and rolled back.
pub fn dry_run() -> Change {
    Change {
        dry_run: true,
        ..change()
    }
}

/// Why [`refuse`] refuses.
pub fn refusal() -> Refusal {
    Refusal::PreconditionFailed { current: None }
}

/// A guard that lets nothing pass.
pub fn refuse<S>() -> Guard<S> {
    Guard::new(|_: &S| Err(refusal()))
}

/// A repository's name.
pub fn name(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

/// A tag.
pub fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

/// A reference by tag.
pub fn by_tag(text: &str) -> Reference {
    Reference::Tag(tag(text))
}

/// The SHA-256 digest of a content.
pub fn digest_of(content: &[u8]) -> Digest {
    blob_hash::digest(Algorithm::Sha256, content)
}

/// The media type of an OCI image.
pub fn image_type() -> MediaType {
    "application/vnd.oci.image.manifest.v1+json"
        .parse()
        .unwrap()
}

/// A hash state, where it does not matter which.
pub fn hash_state() -> HashState {
    Hasher::new(Algorithm::Sha256).state()
}

/// A key nobody used.
pub fn fresh_key() -> StorageKey {
    StorageKey::of(Uuid::now_v7())
}

/// An object that lies under a key, with nothing beside it.
pub fn published(key: StorageKey) -> Published {
    Published {
        key,
        leftovers: false,
    }
}

/// A session nobody opened.
pub fn new_upload(repository: &str, start: UploadStart) -> NewUpload {
    NewUpload {
        id: UploadId(Uuid::new_v4()),
        repository: name(repository),
        algorithm: Algorithm::Sha256,
        object: fresh_key().session,
        start,
    }
}

/// Opens a session for a content that is at hand already. Returns what would finish it, and where
/// its bytes would lie.
pub async fn claim_blob(
    metadata: &dyn Metadata,
    repository: &str,
    content: &[u8],
) -> (FinishedUpload, StorageKey) {
    let (digest, size) = (digest_of(content), content.len() as u64);
    let upload = new_upload(repository, UploadStart::Finalizing { digest, size });
    let (key, lease) = (
        StorageKey::of(upload.object),
        Lease {
            id: upload.id,
            fence: 1,
        },
    );
    metadata.create_upload(&change(), upload).await.unwrap();
    let finished = FinishedUpload {
        lease,
        digest,
        size,
        published: published(key),
    };
    (finished, key)
}

/// Finalizes what it may.
pub async fn finalize(metadata: &dyn Metadata, finished: FinishedUpload) -> Finalization {
    metadata
        .finalize_upload(&change(), Guard::open(), finished)
        .await
        .unwrap()
}

/// Pushes a blob and returns where its bytes would lie, if they were new.
pub async fn push_blob(
    metadata: &dyn Metadata,
    repository: &str,
    content: &[u8],
) -> (Finalization, StorageKey) {
    let (finished, key) = claim_blob(metadata, repository, content).await;
    (finalize(metadata, finished).await, key)
}

/// A reference to a content.
pub fn reference(content: &[u8], kind: BlobKind) -> BlobReference {
    BlobReference {
        digest: digest_of(content),
        size: content.len() as u64,
        kind,
    }
}

/// A manifest of a payload, without references and tags.
pub fn manifest(repository: &str, payload: &str) -> NewManifest {
    NewManifest {
        repository: name(repository),
        digest: digest_of(payload.as_bytes()),
        media_type: image_type(),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
        artifact_type: None,
        annotations: BTreeMap::new(),
        subject: None,
        references: Vec::new(),
        tags: Vec::new(),
        missing_references: MissingReferences::Refuse,
        pushed_at: None,
    }
}

/// The same with tags.
pub fn tagged(repository: &str, payload: &str, tags: &[&str]) -> NewManifest {
    NewManifest {
        tags: tags.iter().map(|text| tag(text)).collect(),
        ..manifest(repository, payload)
    }
}

/// The same with references.
pub fn referring(repository: &str, payload: &str, references: Vec<BlobReference>) -> NewManifest {
    NewManifest {
        references,
        ..manifest(repository, payload)
    }
}

/// Commits a manifest that may be refused.
pub async fn commit(metadata: &dyn Metadata, manifest: NewManifest) -> ManifestCommit {
    metadata
        .commit_manifest(&change(), Guard::open(), manifest)
        .await
        .unwrap()
}

/// Commits what must succeed.
pub async fn push(metadata: &dyn Metadata, manifest: NewManifest) -> Digest {
    let digest = manifest.digest;
    assert_eq!(commit(metadata, manifest).await, ManifestCommit::Committed);
    digest
}

/// Reads a manifest, and makes sure that HEAD answers the same.
pub async fn read(
    metadata: &dyn Metadata,
    repository: &str,
    reference: Reference,
) -> Lookup<StoredManifest> {
    let read = metadata
        .read_manifest(&name(repository), &reference)
        .await
        .unwrap();
    let stat = metadata
        .stat_manifest(&name(repository), &reference)
        .await
        .unwrap();
    match (&read, &stat) {
        (Lookup::Found(manifest), Lookup::Found(stat)) => assert_eq!(manifest.stat, *stat),
        (Lookup::Absent, Lookup::Absent) | (Lookup::NoRepository, Lookup::NoRepository) => {}
        other => panic!("GET and HEAD differ: {other:?}"),
    }
    read
}

/// What a tag names.
pub async fn resolve(metadata: &dyn Metadata, repository: &str, tag: &str) -> Option<Digest> {
    match read(metadata, repository, by_tag(tag)).await {
        Lookup::Found(manifest) => Some(manifest.stat.digest),
        Lookup::Absent | Lookup::NoRepository => None,
    }
}

/// Sessions whose tombstones are due, as keys of their only objects.
pub async fn due(metadata: &dyn Metadata) -> Vec<StorageKey> {
    let due = metadata.take_deletions(1_000).await.unwrap();
    due.into_iter()
        .map(|leftovers| StorageKey::of(leftovers.key.session))
        .collect()
}

/// Those the store was opened with.
pub fn lifetimes() -> Lifetimes {
    Lifetimes::default()
}

/// The least time there is.
pub const INSTANT: Duration = Duration::from_millis(1);

/// An instant less.
pub fn just_under(duration: Duration) -> Duration {
    duration.saturating_sub(INSTANT)
}
