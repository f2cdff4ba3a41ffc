//! Manifests: what is refused and why, what is kept byte for byte, what holds what.

use bytes::Bytes;
use futures_util::FutureExt;
use oci_types::{Digest, Reference, Tag};
use registry_core::ports::MissingReferences;
use registry_core::{
    EntityTags, ManifestPut, ManifestReceipt, Precondition, RegistryError, Settings,
};
use serde_json::{Value, json};

use crate::bodies::{pattern, sha256, sha512};
use crate::registry::{SETTINGS, TestRegistry};

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const FOREIGN_LAYER: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar";

fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": sha256(content).to_string(), "size": content.len() })
}

fn sized(size: usize, mut descriptor: Value) -> Value {
    descriptor["size"] = json!(size);
    descriptor
}

fn image(config: &Value, layers: &[Value]) -> Bytes {
    let image =
        json!({ "schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": layers });
    image.to_string().into()
}

fn index(manifests: &[Value]) -> Bytes {
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
    index.to_string().into()
}

fn tag(text: &str) -> Reference {
    Reference::Tag(text.parse().unwrap())
}

fn request(reference: Reference, media_type: &str, payload: &Bytes) -> ManifestPut {
    ManifestPut {
        reference,
        tags: Vec::new(),
        media_type: media_type.parse().unwrap(),
        payload: payload.clone(),
        precondition: Precondition::default(),
    }
}

async fn send(
    registry: &TestRegistry,
    request: ManifestPut,
) -> Result<ManifestReceipt, RegistryError> {
    registry
        .registry
        .put_manifest(&registry.push(), request)
        .await
}

async fn put(
    registry: &TestRegistry,
    name: &str,
    media_type: &str,
    payload: &Bytes,
) -> Result<ManifestReceipt, RegistryError> {
    send(registry, request(tag(name), media_type, payload)).await
}

/// The bytes a reference names.
async fn read(registry: &TestRegistry, reference: Reference) -> Result<Bytes, RegistryError> {
    let access = registry.pull();
    let manifest = registry.registry.read_manifest(&access, &reference).await?;
    let stat = registry.registry.stat_manifest(&access, &reference).await?;
    assert_eq!(manifest.stat, stat);
    Ok(manifest.payload)
}

/// A registry that holds a config, `{}`, and a layer.
async fn registry_with_blobs() -> (TestRegistry, Value, Value) {
    let registry = TestRegistry::new().await;
    let (config, layer) = (Bytes::from_static(b"{}"), pattern(1, 1_000));
    registry.store("team/app", &config).await.unwrap();
    registry.store("team/app", &layer).await.unwrap();
    let (config, layer) = (descriptor(CONFIG, &config), descriptor(LAYER, &layer));
    (registry, config, layer)
}

#[tokio::test]
async fn a_manifest_is_kept_byte_for_byte() {
    let (registry, config, layer) = registry_with_blobs().await;
    let compact = image(&config, &[layer]);
    let spaced = Bytes::from([b" \n", &compact[..], b"\n\n"].concat());
    let long = Bytes::from([&compact[..], &b" ".repeat(100_000)].concat());
    for payload in [compact, spaced, long] {
        let receipt = put(&registry, "v1", IMAGE, &payload).await.unwrap();
        assert_eq!(receipt.digest, sha256(&payload));
        assert_eq!(receipt.tags, ["v1".parse::<Tag>().unwrap()]);
        assert_eq!(read(&registry, tag("v1")).await.unwrap(), payload);
        let by_digest = Reference::Digest(receipt.digest);
        assert_eq!(read(&registry, by_digest).await.unwrap(), payload);
    }
    let tags = registry
        .registry
        .list_tags(&registry.pull(), None, 10)
        .await;
    assert_eq!(tags.unwrap(), ["v1".parse::<Tag>().unwrap()]);
}

#[tokio::test]
async fn a_manifest_must_be_what_its_digest_says() {
    let (registry, config, layer) = registry_with_blobs().await;
    let payload = image(&config, &[layer]);
    for (wrong, actual) in [
        (sha256(b"other"), sha256(&payload)),
        (sha512(b"other"), sha512(&payload)),
    ] {
        let request = request(Reference::Digest(wrong), IMAGE, &payload);
        assert_refused!(
            send(&registry, request).await,
            RegistryError::DigestMismatch { expected, actual: told }
                if *expected == wrong && *told == actual
        );
        for digest in [wrong, actual] {
            assert_refused!(
                read(&registry, Reference::Digest(digest)).await,
                RegistryError::ManifestUnknown
            );
        }
    }
    for digest in [sha256(&payload), sha512(&payload)] {
        let reference = Reference::Digest(digest);
        let receipt = send(&registry, request(reference.clone(), IMAGE, &payload)).await;
        assert_eq!(receipt.unwrap().digest, digest);
        assert_eq!(read(&registry, reference).await.unwrap(), payload);
    }
}

#[test]
fn long_manifests_and_only_those_wait_for_a_thread_of_their_own() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    runtime.block_on(async {
        let (registry, config, layer) = registry_with_blobs().await;
        let short = image(&config, &[layer]);
        let long = Bytes::from([&short[..], &b" ".repeat(100_000)].concat());
        // Other digests than theirs, so that a request is over once its manifest is hashed.
        let put = |payload| {
            let wrong = Reference::Digest(sha256(b"other"));
            Box::pin(send(&registry, request(wrong, IMAGE, payload)))
        };

        let (release, released) = std::sync::mpsc::channel::<()>();
        let occupied = tokio::task::spawn_blocking(move || released.recv());
        let refused = put(&short).now_or_never().expect("hashed at once");
        assert_refused!(refused, RegistryError::DigestMismatch { .. });
        let mut waiting = put(&long);
        assert!((&mut waiting).now_or_never().is_none());

        release.send(()).unwrap();
        occupied.await.unwrap().unwrap();
        assert_refused!(waiting.await, RegistryError::DigestMismatch { .. });
    });
}

#[tokio::test]
async fn embedded_data_must_be_what_its_digest_says() {
    let (registry, config, layer) = registry_with_blobs().await;
    let embedding = |data: &str| {
        let mut config = config.clone();
        config["data"] = json!(data);
        image(&config, std::slice::from_ref(&layer))
    };
    // `[]` in base64, as long as the `{}` it ought to be.
    assert_refused!(
        put(&registry, "v1", IMAGE, &embedding("W10=")).await,
        RegistryError::EmbeddedDataMismatch(digest) if *digest == sha256(b"{}")
    );
    assert_refused!(
        read(&registry, tag("v1")).await,
        RegistryError::ManifestUnknown
    );
    put(&registry, "v1", IMAGE, &embedding("e30="))
        .await
        .unwrap();
    assert_eq!(read(&registry, tag("v1")).await.unwrap(), embedding("e30="));
}

#[tokio::test]
async fn a_digest_named_twice_has_one_size() {
    let (registry, config, layer) = registry_with_blobs().await;
    let payload = image(&config, &[layer.clone(), sized(999, layer.clone())]);
    let repeated: Digest = sha256(&pattern(1, 1_000));
    assert_refused!(
        put(&registry, "v1", IMAGE, &payload).await,
        RegistryError::DescriptorSizeMismatch { digest, .. } if *digest == repeated
    );
    let payload = image(&config, &[layer.clone(), layer]);
    put(&registry, "v1", IMAGE, &payload).await.unwrap();
}

#[tokio::test]
async fn a_size_must_be_that_of_the_blob() {
    let (registry, config, layer) = registry_with_blobs().await;
    let payload = image(&config, &[sized(999, layer)]);
    let layer = sha256(&pattern(1, 1_000));
    assert_refused!(
        put(&registry, "v1", IMAGE, &payload).await,
        RegistryError::DescriptorSizeMismatch { digest, stored: 1_000 } if *digest == layer
    );
    assert_refused!(
        read(&registry, tag("v1")).await,
        RegistryError::ManifestUnknown
    );
}

#[tokio::test]
async fn every_missing_blob_is_listed() {
    let (registry, _, layer) = registry_with_blobs().await;
    let missing = [&b"config"[..], b"one", b"two"];
    let layers = [
        descriptor(LAYER, missing[1]),
        layer,
        descriptor(LAYER, missing[2]),
        descriptor(FOREIGN_LAYER, b"elsewhere"),
    ];
    let payload = image(&descriptor(CONFIG, missing[0]), &layers);
    assert_refused!(
        put(&registry, "v1", IMAGE, &payload).await,
        RegistryError::ManifestBlobsUnknown(digests) if *digests == missing.map(sha256)
    );
    assert_refused!(
        read(&registry, tag("v1")).await,
        RegistryError::ManifestUnknown
    );
    for content in missing {
        let content = Bytes::copy_from_slice(content);
        registry.store("team/app", &content).await.unwrap();
    }
    put(&registry, "v1", IMAGE, &payload).await.unwrap();
}

#[tokio::test]
async fn blobs_of_another_repository_are_missing() {
    let registry = TestRegistry::new().await;
    for content in [Bytes::from_static(b"{}"), pattern(1, 1_000)] {
        registry.store("other/app", &content).await.unwrap();
    }
    let layer = descriptor(LAYER, &pattern(1, 1_000));
    let payload = image(&descriptor(CONFIG, b"{}"), &[layer]);
    assert_refused!(
        put(&registry, "v1", IMAGE, &payload).await,
        RegistryError::ManifestBlobsUnknown(digests) if digests.len() == 2
    );
}

#[tokio::test]
async fn missing_blobs_can_be_accepted() {
    let settings = Settings {
        missing_references: MissingReferences::Accept,
        ..SETTINGS
    };
    let registry = TestRegistry::with(settings).await;
    let layer = pattern(1, 1_000);
    let payload = image(&descriptor(CONFIG, b"{}"), &[descriptor(LAYER, &layer)]);
    put(&registry, "v1", IMAGE, &payload).await.unwrap();
    assert_eq!(read(&registry, tag("v1")).await.unwrap(), payload);
    let digest = sha256(&layer);
    assert_refused!(registry.read(&digest).await, RegistryError::BlobUnknown);
    // What comes later is held by the manifest that waited for it.
    registry.store("team/app", &layer).await.unwrap();
    assert!(registry.read(&digest).await.unwrap() == layer);
    assert_refused!(
        registry.registry.delete_blob(&registry.delete(), &digest).await,
        RegistryError::BlobReferenced { manifest } if *manifest == sha256(&payload)
    );
}

#[tokio::test]
async fn an_index_may_name_what_is_not_there_and_holds_what_is() {
    let (registry, config, layer) = registry_with_blobs().await;
    let child = image(&config, &[layer]);
    put(&registry, "child", IMAGE, &child).await.unwrap();
    let payload = index(&[descriptor(IMAGE, &child), descriptor(IMAGE, b"absent")]);
    let parent = put(&registry, "v1", INDEX, &payload).await.unwrap().digest;
    let access = registry.delete();
    let delete = |digest| {
        let reference = Reference::Digest(digest);
        let (registry, access) = (&registry, &access);
        async move {
            let unconditional = Precondition::default();
            let core = &registry.registry;
            core.delete_manifest(access, &reference, unconditional)
                .await
        }
    };
    assert_refused!(
        delete(sha256(&child)).await,
        RegistryError::ManifestContained { parent: told } if *told == parent
    );
    delete(parent).await.unwrap();
    assert_refused!(
        read(&registry, tag("v1")).await,
        RegistryError::ManifestUnknown
    );
    delete(sha256(&child)).await.unwrap();
    assert_refused!(
        read(&registry, tag("child")).await,
        RegistryError::ManifestUnknown
    );
}

#[tokio::test]
async fn a_tag_moves_only_if_its_precondition_holds() {
    let (registry, config, layer) = registry_with_blobs().await;
    let (old, new) = (image(&config, &[]), image(&config, &[layer]));
    put(&registry, "v1", IMAGE, &old).await.unwrap();
    let conditional = |precondition| ManifestPut {
        precondition,
        ..request(tag("v1"), IMAGE, &new)
    };
    let if_absent = Precondition {
        if_none_match: Some(EntityTags::Any),
        ..Precondition::default()
    };
    let if_match = |digest| Precondition {
        if_match: Some(EntityTags::Digests(vec![digest])),
        ..Precondition::default()
    };
    for precondition in [if_absent, if_match(sha256(&new))] {
        assert_refused!(
            send(&registry, conditional(precondition)).await,
            RegistryError::PreconditionFailed { current } if *current == Some(sha256(&old))
        );
        assert_eq!(read(&registry, tag("v1")).await.unwrap(), old);
    }
    let precondition = if_match(sha256(&old));
    send(&registry, conditional(precondition)).await.unwrap();
    assert_eq!(read(&registry, tag("v1")).await.unwrap(), new);
}

#[tokio::test]
async fn a_manifest_by_digest_may_bring_many_tags() {
    let (registry, config, _) = registry_with_blobs().await;
    let payload = image(&config, &[]);
    let tags = ["v1", "latest", "v1"].map(|text| text.parse::<Tag>().unwrap());
    let request = ManifestPut {
        tags: tags.to_vec(),
        ..request(Reference::Digest(sha256(&payload)), IMAGE, &payload)
    };
    let receipt = send(&registry, request).await.unwrap();
    assert_eq!(receipt.tags, [tags[1].clone(), tags[0].clone()]);
    for tag in tags {
        let named = read(&registry, Reference::Tag(tag)).await.unwrap();
        assert_eq!(named, payload);
    }
}

#[tokio::test]
async fn a_manifest_that_is_too_large_is_refused() {
    let settings = Settings {
        max_manifest_bytes: 100,
        ..SETTINGS
    };
    let registry = TestRegistry::with(settings).await;
    let [allowed, too_large] = [100, 101].map(|length| Bytes::from(format!("{:length$}", "{}")));
    assert_refused!(
        put(&registry, "v1", "application/json", &too_large).await,
        RegistryError::ManifestTooLarge { limit: 100 }
    );
    put(&registry, "v1", "application/json", &allowed)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_is_no_manifest_is_refused() {
    let registry = TestRegistry::new().await;
    for payload in ["", "[]", "{", "{\"schemaVersion\":2}"] {
        let payload = Bytes::from_static(payload.as_bytes());
        assert_refused!(
            put(&registry, "v1", IMAGE, &payload).await,
            RegistryError::ManifestInvalid(_)
        );
    }
    assert_refused!(
        read(&registry, tag("v1")).await,
        RegistryError::NameUnknown(_)
    );
}
