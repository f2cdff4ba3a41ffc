//! Blobs: find, open, mount, delete, and what a store that lost one makes of it.

use bytes::Bytes;
use oci_types::Digest;
use registry_core::ports::BlobStoreError;
use registry_core::testing::blob_store::BlobStoreCall;
use registry_core::{OpenUpload, RegistryError, UploadOpened};

use crate::bodies::{LARGE, anywhere, pattern, sha256, whole};
use crate::registry::{TestRegistry, name, read_file};

async fn mount(
    registry: &TestRegistry,
    digest: Digest,
    source: Option<&str>,
) -> Result<UploadOpened, RegistryError> {
    let source = source.map(|repository| registry.pull_from(repository));
    let request = OpenUpload::Mount(digest, source);
    registry
        .registry
        .open_upload(&registry.push(), request)
        .await
}

#[tokio::test]
async fn absence_is_told_apart() {
    let registry = TestRegistry::new().await;
    let (content, absent) = (pattern(1, 1_000), sha256(b"absent"));
    let unknown = registry.read(&absent).await;
    assert_refused!(
        unknown,
        RegistryError::NameUnknown(repository) if *repository == name("team/app")
    );
    let digest = registry.store("other/app", &content).await.unwrap();
    registry.store("team/app", &pattern(2, 10)).await.unwrap();
    for digest in [absent, digest] {
        assert_refused!(registry.read(&digest).await, RegistryError::BlobUnknown);
    }
}

#[tokio::test]
async fn a_part_of_a_blob_can_be_opened() {
    let registry = TestRegistry::new().await;
    let content = pattern(1, LARGE);
    let digest = registry.store("team/app", &content).await.unwrap();
    let blob = registry.registry.find_blob(&registry.pull(), &digest).await;
    let blob = blob.unwrap();
    assert_eq!(blob.size, LARGE as u64);
    for range in [0..1, 0..LARGE, LARGE - 1..LARGE, 1_000..300_000, 5..5] {
        let wanted = range.start as u64..range.end as u64;
        let delivery = registry
            .registry
            .deliver_blob(&registry.pull(), &blob, wanted, true)
            .await
            .unwrap();
        assert!(read_file(&delivery) == content[range]);
    }
}

#[tokio::test]
async fn an_object_that_is_lost_is_a_fault_of_the_store() {
    let registry = TestRegistry::new().await;
    let content = pattern(1, 1_000);
    let digest = registry.store("team/app", &content).await.unwrap();
    let blob = registry.registry.find_blob(&registry.pull(), &digest).await;
    let key = blob.unwrap().storage_key;
    registry.remove_published(key);
    assert_refused!(
        registry.read(&digest).await,
        RegistryError::BlobStore(BlobStoreError::Lost(lost)) if *lost == key
    );
}

#[tokio::test]
async fn a_blob_can_be_mounted_without_its_bytes() {
    let registry = TestRegistry::new().await;
    let content = pattern(1, LARGE);
    let digest = registry.store("other/app", &content).await.unwrap();
    let mounted = mount(&registry, digest, Some("other/app")).await.unwrap();
    assert_eq!(mounted, UploadOpened::Stored(digest));
    assert!(registry.read(&digest).await.unwrap() == content);
    assert_eq!(registry.blobs.calls(BlobStoreCall::Append), 1);
    registry.sweep().await;
    registry.assert_stored(&[], &[LARGE]);
}

#[tokio::test]
async fn what_cannot_be_mounted_can_be_uploaded() {
    let registry = TestRegistry::new().await;
    let content = pattern(1, 1_000);
    let digest = sha256(&content);
    for source in [Some("other/app"), None] {
        let opened = mount(&registry, digest, source).await.unwrap();
        let UploadOpened::Session(id) = opened else {
            panic!("there is nothing to mount: {opened:?}");
        };
        let body = anywhere(whole(&content));
        registry.finish(id, digest, body).await.unwrap();
        assert!(registry.read(&digest).await.unwrap() == content);
        let access = registry.delete();
        registry
            .registry
            .delete_blob(&access, &digest)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_blob_that_is_deleted_here_stays_elsewhere() {
    let registry = TestRegistry::new().await;
    let content: Bytes = pattern(1, 1_000);
    for repository in ["team/app", "other/app"] {
        registry.store(repository, &content).await.unwrap();
    }
    let digest = sha256(&content);
    let delete = || async {
        let access = registry.delete();
        registry.registry.delete_blob(&access, &digest).await
    };
    delete().await.unwrap();
    assert_refused!(registry.read(&digest).await, RegistryError::BlobUnknown);
    assert_refused!(delete().await, RegistryError::BlobUnknown);
    registry.sweep().await;
    let elsewhere = registry.read_from("other/app", &digest).await.unwrap();
    assert!(elsewhere == content);
    registry.store("team/app", &content).await.unwrap();
    assert!(registry.read(&digest).await.unwrap() == content);
}
