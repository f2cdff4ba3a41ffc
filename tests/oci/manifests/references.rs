//! What a manifest refers to: what must be there first, and what may be absent.

use berth_tests::{
    Blob, Document,
    content::{FOREIGN_LAYER, INDEX, LAYER},
    for_each_backend, for_each_registry, in_each_repository,
};
use serde_json::{Value, json};

#[tokio::test]
async fn a_missing_layer_or_config_is_named_and_nothing_is_kept() {
    for_each_registry(async |registry| {
        let image = Document::image(2);
        for missing in &image.blobs {
            let repository =
                registry.repository(&format!("team/without-{}", &missing.digest[7..15]));
            for blob in image.blobs.iter().filter(|blob| blob != &missing) {
                repository.push_blob(blob).await;
            }
            let refused = repository
                .put_manifest("1", &image)
                .refused(404, "MANIFEST_BLOB_UNKNOWN")
                .await;
            assert!(
                refused.text().contains(&missing.digest),
                "the missing one is not named: {refused:?}"
            );
            repository.expect_no_manifest("1").await;
            repository.expect_no_manifest(&image.digest).await;
        }
        registry.repository("team/app").push("1", &image).await;
    })
    .await;
}

#[tokio::test]
async fn a_blob_of_another_repository_does_not_count() {
    for_each_registry(async |registry| {
        let image = Document::image(1);
        registry.repository("team/other").push("1", &image).await;
        registry
            .repository("team/app")
            .put_manifest("1", &image)
            .refused(404, "MANIFEST_BLOB_UNKNOWN")
            .await;
    })
    .await;
}

#[tokio::test]
async fn missing_layers_may_be_accepted_and_pushed_later() {
    for_each_backend(async |builder| {
        let registry = builder.missing_references_accepted().start().await;
        let repository = registry.repository("team/app");
        let image = Document::image(2);
        repository.put_manifest("1", &image).expect(201).await;
        repository.expect_manifest("1", &image).await;
        for blob in &image.blobs {
            repository.expect_no_blob(&blob.digest).await;
            repository.push_blob(blob).await;
            repository.expect_blob(blob).await;
            // From now on it is a blob that a manifest needs.
            repository.expect_held(blob).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_child_of_an_index_may_be_absent() {
    in_each_repository(async |repository| {
        let (present, absent) = (Document::image(1), Document::image(1));
        repository.push(&present.digest, &present).await;
        let index = Document::index([&present, &absent]);
        repository.push("1", &index).await;
        repository.expect_manifest("1", &index).await;
        repository.expect_no_manifest(&absent.digest).await;
        // It may come later, as any other manifest.
        repository.push(&absent.digest, &absent).await;
        repository.expect_manifest(&absent.digest, &absent).await;
    })
    .await;
}

#[tokio::test]
async fn a_build_cache_index_holds_its_blobs() {
    for_each_registry(async |registry| {
        // BuildKit's cache is an index whose entries are layers and a config: no manifests at all.
        let repository = registry.repository("team/cache");
        let (layer, config) = (Blob::random(1000), Blob::random(100));
        let index = json!({
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [
                layer.descriptor(LAYER),
                config.descriptor("application/vnd.buildkit.cacheconfig.v0"),
            ],
        });
        let index = Document::json(INDEX, &index).with_blobs([layer.clone(), config.clone()]);
        repository.push("cache", &index).await;
        repository.expect_manifest("cache", &index).await;
        for blob in [&layer, &config] {
            repository.expect_held(blob).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_layer_that_may_not_be_distributed_need_not_be_there() {
    in_each_repository(async |repository| {
        let (foreign, pushed) = (Blob::random(100), Blob::random(100));
        let image = Document::image_with(1, |manifest: &mut Value| {
            let mut entry = foreign.descriptor(FOREIGN_LAYER);
            entry["urls"] = json!(["https://example.com/layer"]);
            let layers = manifest["layers"].as_array_mut().expect("an array");
            layers.extend([entry, pushed.descriptor(FOREIGN_LAYER)]);
        });
        repository.push_blob(&pushed).await;
        repository.push("1", &image).await;
        repository.expect_manifest("1", &image).await;
        // One that was pushed all the same is held as any other layer is.
        repository.expect_held(&pushed).await;
    })
    .await;
}

#[tokio::test]
async fn a_missing_subject_is_accepted_and_named() {
    in_each_repository(async |repository| {
        let absent = Document::image(1);
        let referrer = Document::referrer(&absent.descriptor(), "application/vnd.example.sbom");
        repository
            .push("1", &referrer)
            .await
            .expect_header("oci-subject", &absent.digest);
    })
    .await;
}

#[tokio::test]
async fn a_descriptor_may_carry_its_content() {
    in_each_repository(async |repository| {
        let image = Document::image_with(1, |manifest| {
            let config = Blob::new("{}");
            manifest["config"] = config.descriptor("application/vnd.oci.empty.v1+json");
            manifest["config"]["data"] = json!("e30=");
        });
        repository.push_blob(&Blob::new("{}")).await;
        repository.push("1", &image).await;
        repository.expect_manifest("1", &image).await;
    })
    .await;
}

#[tokio::test]
async fn one_layer_may_occur_many_times() {
    in_each_repository(async |repository| {
        let image = Document::image_with(1, |manifest| {
            let layers = manifest["layers"].as_array_mut().expect("an array");
            layers.extend(vec![layers[0].clone(); 9]);
        });
        repository.push("1", &image).await;
        repository.expect_manifest("1", &image).await;
    })
    .await;
}
