//! Copying one registry into another: what passes do about each kind of difference, and that they come to an end.

use bytes::Bytes;
use oci_types::{Digest, Reference};
use registry_core::ports::MissingReferences;
use registry_core::{Counts, ManifestPut, MoveError, Mover, Precondition, RegistryError, Settings};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::bodies::{LARGE, pattern, sha256};
use crate::registry::{SETTINGS, TestRegistry};

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// The most passes that any of this takes.
const PASSES: usize = 5;

struct Move {
    source: TestRegistry,
    target: TestRegistry,
    mover: Mover,
    stop: CancellationToken,
}

impl Move {
    async fn new() -> Self {
        let sparse = Settings {
            missing_references: MissingReferences::Accept,
            ..SETTINGS
        };
        let (source, target) = (
            TestRegistry::with(sparse).await,
            TestRegistry::with(sparse).await,
        );
        let stop = CancellationToken::new();
        let mover = Mover::new(
            source.registry.clone(),
            target.registry.clone(),
            3,
            stop.clone(),
        );
        Self {
            source,
            target,
            mover,
            stop,
        }
    }

    async fn pass(&self) -> Counts {
        self.mover.pass().await.unwrap()
    }

    /// Passes until nothing differs.
    async fn even_out(&self) {
        for _ in 0..PASSES {
            if self.pass().await.changes() == 0 {
                return;
            }
        }
        panic!("something differs for ever");
    }

    async fn put(&self, reference: &str, media_type: &str, payload: &Bytes) -> Digest {
        let put = ManifestPut {
            reference: reference.parse().unwrap(),
            tags: Vec::new(),
            media_type: media_type.parse().unwrap(),
            payload: payload.clone(),
            precondition: Precondition::default(),
        };
        let source = &self.source;
        let receipt = source.registry.put_manifest(&source.push(), put).await;
        receipt.unwrap().digest
    }

    async fn delete(&self, reference: impl Into<Reference>) {
        let source = &self.source;
        source
            .registry
            .delete_manifest(&source.delete(), &reference.into(), Precondition::default())
            .await
            .unwrap();
    }

    async fn delete_blob(&self, digest: &Digest) {
        let source = &self.source;
        source
            .registry
            .delete_blob(&source.delete(), digest)
            .await
            .unwrap();
    }

    /// What the target answers to this reference.
    async fn arrived(&self, reference: &str) -> Option<Bytes> {
        let access = self.target.pull();
        let reference = reference.parse().unwrap();
        let read = self.target.registry.read_manifest(&access, &reference);
        match read.await {
            Ok(manifest) => Some(manifest.payload),
            Err(RegistryError::ManifestUnknown | RegistryError::NameUnknown(_)) => None,
            Err(error) => panic!("{error}"),
        }
    }
}

fn descriptor(media_type: &str, content: &[u8], size: usize) -> Value {
    json!({ "mediaType": media_type, "digest": sha256(content).to_string(), "size": size })
}

fn image(layers: &[Value]) -> Bytes {
    let config = descriptor("application/vnd.oci.image.config.v1+json", b"absent", 6);
    let image =
        json!({ "schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": layers });
    image.to_string().into()
}

fn index(manifests: &[Value]) -> Bytes {
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
    index.to_string().into()
}

#[tokio::test]
async fn what_is_there_is_copied_once() {
    let here = Move::new().await;
    let (small, large) = (pattern(1, 1_000), pattern(2, LARGE));
    for repository in ["team/app", "team/copy", "other/app"] {
        for content in [&small, &large] {
            here.source.store(repository, content).await.unwrap();
        }
    }
    let payload = image(&[descriptor(LAYER, &small, small.len())]);
    let digest = here.put("v1", IMAGE, &payload).await;
    here.put("v2", IMAGE, &payload).await;
    let done = here.pass().await;
    assert_eq!((done.repositories, done.manifests, done.tags), (3, 1, 2));
    assert_eq!((done.blobs, done.mounted), (2, 4));
    assert_eq!(here.pass().await.changes(), 0);
    for reference in ["v1", "v2", &digest.to_string()] {
        assert_eq!(here.arrived(reference).await.as_ref(), Some(&payload));
    }
    for repository in ["team/app", "team/copy", "other/app"] {
        for content in [&small, &large] {
            let read = here.target.read_from(repository, &sha256(content)).await;
            assert!(read.unwrap() == *content);
        }
    }
}

#[tokio::test]
async fn what_changes_meanwhile_changes_there() {
    let here = Move::new().await;
    let (kept, gone) = (pattern(1, 100), pattern(2, 200));
    for content in [&kept, &gone] {
        here.source.store("team/app", content).await.unwrap();
        here.source.store("team/gone", content).await.unwrap();
    }
    let (first, second) = (image(&[]), image(&[descriptor(LAYER, &kept, 100)]));
    here.put("moved", IMAGE, &first).await;
    here.put("deleted", IMAGE, &first).await;
    here.even_out().await;
    here.put("moved", IMAGE, &second).await;
    here.delete("deleted".parse::<Reference>().unwrap()).await;
    here.delete(sha256(&first)).await;
    here.delete_blob(&sha256(&gone)).await;
    here.even_out().await;
    assert_eq!(here.arrived("moved").await, Some(second));
    assert_eq!(here.arrived("deleted").await, None);
    assert_eq!(here.arrived(&sha256(&first).to_string()).await, None);
    assert!(here.target.read(&sha256(&gone)).await.is_err());
    assert!(here.target.read(&sha256(&kept)).await.is_ok());
}

/// The source took the manifest before the blob came.
#[tokio::test]
async fn a_descriptor_of_another_size_is_no_obstacle() {
    let here = Move::new().await;
    let (one, two) = (pattern(1, 100), pattern(2, 200));
    let layers = [descriptor(LAYER, &one, 1), descriptor(LAYER, &two, 2)];
    let payload = image(&layers);
    here.put("v1", IMAGE, &payload).await;
    for content in [&one, &two] {
        here.source.store("team/app", content).await.unwrap();
    }
    here.even_out().await;
    assert_eq!(here.arrived("v1").await, Some(payload));
}

/// An index was taken again after what it had contained was deleted. At the target it still holds that.
#[tokio::test]
async fn what_holds_something_that_goes_comes_again() {
    let here = Move::new().await;
    let layer = pattern(1, 100);
    here.source.store("team/app", &layer).await.unwrap();
    let child = image(&[descriptor(LAYER, &layer, 100)]);
    let parent = index(&[descriptor(IMAGE, &child, child.len())]);
    let grandparent = index(&[descriptor(INDEX, &parent, parent.len())]);
    here.put("child", IMAGE, &child).await;
    here.put("parent", INDEX, &parent).await;
    here.put("grandparent", INDEX, &grandparent).await;
    here.even_out().await;
    here.delete(sha256(&grandparent)).await;
    here.delete(sha256(&parent)).await;
    here.delete(sha256(&child)).await;
    here.delete_blob(&sha256(&layer)).await;
    here.put("parent", INDEX, &parent).await;
    here.put("again", IMAGE, &child).await;
    here.delete(sha256(&parent)).await;
    here.delete(sha256(&child)).await;
    here.put("parent", INDEX, &parent).await;
    here.put("grandparent", INDEX, &grandparent).await;
    here.even_out().await;
    assert_eq!(here.arrived("parent").await, Some(parent));
    assert_eq!(here.arrived("grandparent").await, Some(grandparent));
    for reference in ["child", "again", &sha256(&child).to_string()] {
        assert_eq!(here.arrived(reference).await, None, "{reference}");
    }
    assert!(here.target.read(&sha256(&layer)).await.is_err());
}

/// The same with a manifest that names a blob which is not there any more.
#[tokio::test]
async fn a_manifest_lets_go_of_a_blob_that_went() {
    let here = Move::new().await;
    let layer = pattern(1, 100);
    let payload = image(&[descriptor(LAYER, &layer, 100)]);
    here.source.store("team/app", &layer).await.unwrap();
    here.put("v1", IMAGE, &payload).await;
    here.even_out().await;
    here.delete(sha256(&payload)).await;
    here.delete_blob(&sha256(&layer)).await;
    here.put("v1", IMAGE, &payload).await;
    here.even_out().await;
    assert_eq!(here.arrived("v1").await, Some(payload));
    assert!(here.target.read(&sha256(&layer)).await.is_err());
}

#[tokio::test]
async fn another_media_type_is_taken_over() {
    let here = Move::new().await;
    let payload = Bytes::from_static(b"{\"schemaVersion\":2}");
    here.put("v1", "application/x.one", &payload).await;
    here.even_out().await;
    here.put("v1", "application/x.two", &payload).await;
    here.even_out().await;
    let reference = "v1".parse().unwrap();
    let access = here.target.pull();
    let stat = here.target.registry.stat_manifest(&access, &reference);
    assert_eq!(stat.await.unwrap().media_type.as_str(), "application/x.two");
}

/// The rest arrives, and the pass after it does not try again.
#[tokio::test]
async fn what_is_lost_is_named() {
    let here = Move::new().await;
    let (lost, sound) = (pattern(1, LARGE), pattern(2, 100));
    let digest = here.source.store("team/app", &lost).await.unwrap();
    here.source.store("team/app", &sound).await.unwrap();
    let access = here.source.pull();
    let found = here.source.registry.find_blob(&access, &digest).await;
    here.source.remove_published(found.unwrap().storage_key);
    assert_eq!(here.pass().await.blobs, 1);
    assert_eq!(here.pass().await.changes(), 0);
    let damages = here.mover.damages();
    let named: Vec<Digest> = damages.iter().map(|damage| damage.digest).collect();
    assert_eq!(named, [digest]);
    // Deleted meanwhile, it is nobody's loss.
    here.delete_blob(&digest).await;
    assert_eq!(here.pass().await.changes(), 0);
    assert_eq!(here.mover.damages(), []);
}

/// A move that is taken up again trusts the storage no more than the network: it may be another one than then.
#[tokio::test]
async fn what_the_storage_lost_meanwhile_is_named() {
    let here = Move::new().await;
    let content = pattern(1, LARGE);
    let digest = here.source.store("team/app", &content).await.unwrap();
    here.even_out().await;
    let access = here.target.pull();
    let found = here.target.registry.find_blob(&access, &digest).await;
    let (source, target) = (here.source.registry.clone(), here.target.registry.clone());
    let again = Mover::new(source, target, 3, here.stop.clone());
    assert_eq!(again.pass().await.unwrap().changes(), 0);
    here.target.remove_published(found.unwrap().storage_key);
    let (source, target) = (here.source.registry.clone(), here.target.registry.clone());
    let again = Mover::new(source, target, 3, here.stop.clone());
    let hollow = again.pass().await;
    assert!(
        matches!(hollow, Err(MoveError::Hollow { .. })),
        "{hollow:?}"
    );
}

#[tokio::test]
async fn a_pass_can_be_stopped() {
    let here = Move::new().await;
    let content = pattern(1, 100);
    here.source.store("team/app", &content).await.unwrap();
    here.stop.cancel();
    let stopped = here.mover.pass().await;
    assert!(matches!(stopped, Err(MoveError::Stopped)), "{stopped:?}");
    assert!(here.target.read(&sha256(&content)).await.is_err());
}
