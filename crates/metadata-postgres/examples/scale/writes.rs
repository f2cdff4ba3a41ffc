//! What operations write, through the ports as the registry does.

use std::collections::BTreeMap;

use oci_types::{Algorithm, Digest, RepositoryName, Tag};
use registry_core::change::{Actor, Change, Guard};
use registry_core::ports::{
    BlobIndex as _, BlobKind, BlobReference, Finalization, FinishedUpload, Lease, ManifestCommit,
    ManifestDeletion, ManifestStore as _, MissingReferences, Mount, NewManifest, NewUpload,
    Published, StorageKey, UploadId, UploadStart, UploadStore as _,
};
use uuid::Uuid;

use crate::contents::{blob, image, reference, repository};
use crate::side::Side;

fn change() -> Change {
    Change {
        actor: Actor::Anonymous,
        request_id: "measure".into(),
        origin: None,
        dry_run: false,
    }
}

/// A digest that nothing has.
pub(crate) fn chance() -> Digest {
    blob_hash::digest(Algorithm::Sha256, Uuid::new_v4().as_bytes())
}

/// Pushes a blob whose bytes are at hand, as small ones are.
pub(crate) async fn push(
    side: &Side,
    repository: RepositoryName,
    digest: Digest,
    length: u64,
) -> Finalization {
    let (id, object) = (UploadId(Uuid::new_v4()), Uuid::now_v7());
    let upload = NewUpload {
        id,
        repository,
        algorithm: Algorithm::Sha256,
        object,
        start: UploadStart::Finalizing {
            digest,
            size: length,
        },
    };
    side.metadata
        .create_upload(&change(), upload)
        .await
        .unwrap();
    let finished = FinishedUpload {
        lease: Lease { id, fence: 1 },
        digest,
        size: length,
        published: Published {
            key: StorageKey::of(object),
            leftovers: false,
        },
    };
    side.metadata
        .finalize_upload(&change(), Guard::open(), finished)
        .await
        .unwrap()
}

pub(crate) async fn mount(
    side: &Side,
    source: Option<&RepositoryName>,
    target: &RepositoryName,
    layer: u64,
) -> bool {
    side.metadata
        .mount_blob(&change(), Guard::open(), source, target, &blob(layer))
        .await
        .unwrap()
        == Mount::Mounted
}

/// All that a push writes when nothing of it was known.
pub(crate) async fn push_image(side: &Side, repository: RepositoryName) -> bool {
    let mut references = Vec::new();
    for kind in [&[BlobKind::Config][..], &[BlobKind::Layer; 10]].concat() {
        let digest = chance();
        push(side, repository.clone(), digest, 1_000).await;
        references.push(BlobReference {
            digest,
            size: 1_000,
            kind,
        });
    }
    commit(side, repository, chance(), references, new_tag()).await
}

fn new_tag() -> Tag {
    format!("m{}", Uuid::new_v4()).parse().unwrap()
}

/// A new manifest over the layers of two images of a repository.
pub(crate) async fn commit_new(side: &Side, home: u64) -> bool {
    let (first, second) = (6 * home, 6 * (home + side.contents.peopled()));
    let layers = (first..first + 6).chain(second + 1..second + 6);
    commit(
        side,
        repository(home),
        chance(),
        layers.map(reference).collect(),
        new_tag(),
    )
    .await
}

async fn commit(
    side: &Side,
    repository: RepositoryName,
    digest: Digest,
    references: Vec<BlobReference>,
    tag: Tag,
) -> bool {
    let manifest = NewManifest {
        repository,
        digest,
        media_type: "application/vnd.oci.image.manifest.v1+json"
            .parse()
            .unwrap(),
        payload: format!("{:1$}", digest, 150 * references.len()).into(),
        artifact_type: None,
        annotations: BTreeMap::new(),
        subject: None,
        references,
        tags: vec![tag],
        pushed_at: None,
        missing_references: MissingReferences::Refuse,
    };
    side.metadata
        .commit_manifest(&change(), Guard::open(), manifest)
        .await
        .unwrap()
        == ManifestCommit::Committed
}

/// Moves the tag of an image to the one that was pushed after it.
pub(crate) async fn move_tag(side: &Side, tagged: u64) -> bool {
    let contents = side.contents;
    let next = (tagged + contents.peopled()) % contents.tags();
    let target = if contents.home(next) == contents.home(tagged) {
        next
    } else {
        tagged
    };
    let home = repository(contents.home(tagged));
    commit(
        side,
        home,
        image(target),
        contents.references(target),
        contents.tag(tagged),
    )
    .await
}

/// Deletes an image that no tag names and no index contains.
pub(crate) async fn delete(side: &Side, round: usize) -> bool {
    let contents = side.contents;
    let first = contents.tags() + 1_000;
    let untagged = first + side.pick(round, contents.images() - first);
    let home = repository(contents.home(untagged));
    side.metadata
        .delete_manifest(&change(), Guard::open(), &home, &image(untagged))
        .await
        .unwrap()
        == ManifestDeletion::Deleted
}
