//! The kinds of manifests that clients push. Each is kept as it was sent, down to its white space, and served as the
//! type it was sent as, whatever the reader says it accepts.

use berth_tests::{
    Blob, Document,
    content::{
        CONFIG, DOCKER_CONFIG, DOCKER_IMAGE, DOCKER_LAYER, DOCKER_LIST, EMPTY, IMAGE, INDEX, LAYER,
    },
    for_each_registry, in_each_repository,
};
use serde_json::{Value, json};

/// A manifest of one config and one layer, under any media types.
fn image_of(media_type: &str, config_type: &str, layer_type: &str) -> Document {
    let (config, layer) = (
        Blob::new(format!(r#"{{"id":"{}"}}"#, Blob::random(8).digest)),
        Blob::random(100),
    );
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": config.descriptor(config_type),
        "layers": [layer.descriptor(layer_type)],
    });
    Document::json(media_type, &manifest).with_blobs([config, layer])
}

/// The same manifest with other JSON.
fn changed(document: &Document, change: impl FnOnce(&mut Value)) -> Document {
    let mut value: Value = serde_json::from_slice(&document.bytes).expect("JSON");
    change(&mut value);
    Document::json(&document.media_type, &value).with_blobs(document.blobs.clone())
}

fn kinds() -> Vec<(&'static str, Document)> {
    let oci = image_of(IMAGE, CONFIG, LAYER);
    let docker = image_of(DOCKER_IMAGE, DOCKER_CONFIG, DOCKER_LAYER);
    let artifact = "application/vnd.oci.artifact.manifest.v1+json";
    let blob = Blob::random(10);
    let old_artifact = json!({
        "mediaType": artifact,
        "artifactType": "application/vnd.example.thing",
        "blobs": [blob.descriptor("application/octet-stream")],
    });
    let (empty, custom) = (Blob::new("{}"), "application/vnd.example.manifest+json");
    let no_layers = json!({
        "schemaVersion": 2,
        "mediaType": IMAGE,
        "artifactType": "application/vnd.example.empty",
        "config": empty.descriptor(EMPTY),
        "layers": [],
    });
    vec![
        (
            "image without mediaType, as helm pushes it",
            changed(&oci, |value| {
                drop(
                    value
                        .as_object_mut()
                        .expect("an object")
                        .remove("mediaType"),
                );
            }),
        ),
        (
            "image with fields of its own",
            changed(&oci, |value| {
                value["org.example"] = json!({"x": [1, 2.5, null]});
            }),
        ),
        (
            "image with a config that runs nowhere",
            image_of(
                IMAGE,
                "application/vnd.cncf.helm.config.v1+json",
                "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
            ),
        ),
        (
            "image with zstd layers",
            image_of(IMAGE, CONFIG, "application/vnd.oci.image.layer.v1.tar+zstd"),
        ),
        (
            "artifact with an empty config and no layers",
            Document::json(IMAGE, &no_layers).with_blobs([empty]),
        ),
        (
            "artifact manifest of the release candidates",
            Document::json(artifact, &old_artifact).with_blobs([blob]),
        ),
        (
            "type that nobody knows",
            Document::new(
                custom,
                format!("{{\"hello\": \"{}\"}}", Blob::random(8).digest),
            ),
        ),
        (
            "minified JSON",
            Document::new(
                IMAGE,
                serde_json::from_slice::<Value>(&oci.bytes)
                    .expect("JSON")
                    .to_string(),
            )
            .with_blobs(oci.blobs.clone()),
        ),
        (
            "white space after the end",
            Document::new(IMAGE, [&oci.bytes[..], b"\n\n \t\r\n"].concat())
                .with_blobs(oci.blobs.clone()),
        ),
        ("OCI image", oci),
        ("Docker image", docker),
    ]
}

#[tokio::test]
async fn each_kind_comes_back_byte_for_byte() {
    for_each_registry(async |registry| {
        for (number, (name, document)) in kinds().into_iter().enumerate() {
            let repository = registry.repository(&format!("team/kind{number}"));
            for blob in &document.blobs {
                repository.push_blob(blob).await;
            }
            let response = repository.put_manifest("1", &document).send().await;
            assert_eq!(response.status(), 201, "{name}: {response:?}");
            repository.expect_manifest("1", &document).await;
            repository
                .expect_manifest(&document.digest, &document)
                .await;
        }
    })
    .await;
}

#[tokio::test]
async fn indexes_and_lists_may_be_nested() {
    in_each_repository(async |repository| {
        let (one, two) = (
            Document::image(1),
            image_of(DOCKER_IMAGE, DOCKER_CONFIG, DOCKER_LAYER),
        );
        repository.push(&one.digest, &one).await;
        repository.push(&two.digest, &two).await;
        let list =
            json!({"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [two.descriptor()]});
        let list = Document::json(DOCKER_LIST, &list);
        repository.push("list", &list).await;
        let inner = Document::index([&one, &list]);
        repository.push("inner", &inner).await;
        let outer = Document::index([&inner]);
        repository.push("outer", &outer).await;
        for (tag, document) in [("list", &list), ("inner", &inner), ("outer", &outer)] {
            repository.expect_manifest(tag, document).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_parameter_of_the_content_type_is_tolerated() {
    in_each_repository(async |repository| {
        let image = Document::image(0);
        repository.push_blob(&image.blobs[0]).await;
        let request = repository
            .request(http::Method::PUT, "manifests/1")
            .body(image.bytes.clone());
        request
            .header("content-type", format!("{IMAGE}; charset=utf-8"))
            .expect(201)
            .await;
        repository.expect_manifest("1", &image).await;
    })
    .await;
}

#[tokio::test]
async fn what_the_reader_accepts_changes_nothing() {
    in_each_repository(async |repository| {
        let image = repository.push_image("1", 1).await;
        for accepted in [
            "*/*",
            "text/html",
            INDEX,
            "application/vnd.docker.distribution.manifest.v1+json",
        ] {
            let request = repository
                .request(http::Method::GET, "manifests/1")
                .header("accept", accepted);
            let response = request.expect(200).await;
            response.expect_header("content-type", IMAGE);
            assert_eq!(response.body(), &image.bytes);
        }
    })
    .await;
}

#[tokio::test]
async fn schema_1_is_refused_by_its_name() {
    in_each_repository(async |repository| {
        let manifest = json!({
            "schemaVersion": 1,
            "name": "team/app",
            "tag": "1",
            "architecture": "amd64",
            "fsLayers": [{"blobSum": Blob::random(1).digest}],
            "history": [{"v1Compatibility": "{}"}],
        });
        for suffix in ["v1+json", "v1+prettyjws"] {
            let document = Document::json(
                &format!("application/vnd.docker.distribution.manifest.{suffix}"),
                &manifest,
            );
            let refused = repository
                .put_manifest("1", &document)
                .refused(400, "MANIFEST_INVALID")
                .await;
            assert!(
                refused.text().to_lowercase().contains("schema 1"),
                "{refused:?}"
            );
        }
    })
    .await;
}
