//! regctl (regclient), the client that uses most of the specification: artifacts, referrers, digest tags, SHA-512.

use std::fs;

use berth_tests::{for_each_backend, tool::Tool};
use serde_json::Value;
use tempfile::TempDir;

use crate::images;

const SBOM: &str = "application/vnd.example.sbom";

async fn regctl(home: &TempDir, host: &str) -> Tool {
    fs::write(home.path().join("sbom.json"), "{\"sbom\": 1}").expect("a file");
    let regctl = Tool::new("regctl")
        .home(home.path())
        .current_directory(home.path());
    regctl
        .line(&format!("registry set {host} --tls disabled"))
        .await;
    regctl
}

#[tokio::test]
async fn stores_artifacts_and_finds_them_through_the_referrers_api() {
    for_each_backend(async |builder| {
        let (registry, home) = (
            builder.start().await,
            tempfile::tempdir().expect("a directory"),
        );
        let host = registry.host();
        let regctl = regctl(&home, &host).await;
        let image = images::runnable(home.path(), "amd64").await;
        let repository = registry.repository("team/app");
        repository.push("1", &image).await;

        let file = "-f sbom.json --file-media-type application/json";
        regctl
            .line(&format!(
                "artifact put {host}/team/art:1 --artifact-type {SBOM} {file}"
            ))
            .await;
        assert_eq!(
            regctl
                .line(&format!("artifact get {host}/team/art:1"))
                .await
                .stdout,
            "{\"sbom\": 1}"
        );
        regctl
            .line(&format!(
                "artifact put --subject {host}/team/app:1 --artifact-type {SBOM} {file}"
            ))
            .await;
        let got = regctl
            .line(&format!(
                "artifact get --subject {host}/team/app:1 --filter-artifact-type {SBOM}"
            ))
            .await;
        assert_eq!(got.stdout, "{\"sbom\": 1}");

        // Without the API regctl would have written a tag of the fallback scheme.
        let tags = repository.tags("").await.expect_status(200).json();
        assert_eq!(tags["tags"], serde_json::json!(["1"]));
        let referrers = repository
            .referrers(&image.digest, "")
            .await
            .expect_status(200)
            .json();
        assert_eq!(referrers["manifests"][0]["artifactType"], SBOM);
        assert!(
            regctl
                .line(&format!("artifact tree {host}/team/app:1"))
                .await
                .stdout
                .contains(SBOM)
        );
    })
    .await;
}

#[tokio::test]
async fn copies_an_image_with_its_referrers() {
    for_each_backend(async |builder| {
        let (registry, home) = (
            builder.start().await,
            tempfile::tempdir().expect("a directory"),
        );
        let host = registry.host();
        let regctl = regctl(&home, &host).await;
        let image = images::runnable(home.path(), "amd64").await;
        registry.repository("team/app").push("1", &image).await;
        let file = "-f sbom.json --file-media-type application/json";
        regctl
            .line(&format!(
                "artifact put --subject {host}/team/app:1 --artifact-type {SBOM} {file}"
            ))
            .await;

        regctl
            .line(&format!(
                "image copy --referrers --digest-tags {host}/team/app:1 {host}/team/copy:1"
            ))
            .await;
        let copy = registry.repository("team/copy");
        copy.expect_manifest("1", &image).await;
        let referrers: Value = copy
            .referrers(&image.digest, "")
            .await
            .expect_status(200)
            .json();
        assert_eq!(referrers["manifests"].as_array().map(Vec::len), Some(1));

        regctl
            .line(&format!("image export {host}/team/app:1 app.tar"))
            .await;
        regctl
            .line(&format!("image import {host}/team/imported:1 app.tar"))
            .await;
        assert_eq!(
            regctl
                .line(&format!("image digest {host}/team/imported:1"))
                .await
                .stdout,
            image.digest
        );
        regctl
            .line(&format!("tag delete {host}/team/imported:1"))
            .await;
        assert_eq!(
            regctl
                .line(&format!("tag list {host}/team/imported"))
                .await
                .stdout,
            ""
        );
    })
    .await;
}

#[tokio::test]
async fn converts_an_image_to_sha512() {
    for_each_backend(async |builder| {
        let (registry, home) = (
            builder.start().await,
            tempfile::tempdir().expect("a directory"),
        );
        let host = registry.host();
        let regctl = regctl(&home, &host).await;
        let image = images::runnable(home.path(), "amd64").await;
        registry.repository("team/app").push("1", &image).await;

        regctl
            .line(&format!(
                "image mod {host}/team/app:1 --create {host}/team/app:512 --digest-algo sha512"
            ))
            .await;
        let manifest = registry
            .repository("team/app")
            .get_manifest("512")
            .send()
            .await
            .expect_status(200)
            .json();
        let layer = manifest["layers"][0]["digest"]
            .as_str()
            .expect("a digest")
            .to_owned();
        assert!(layer.starts_with("sha512:"), "{layer}");
        regctl
            .line(&format!(
                "image copy {host}/team/app:512 ocidir://layout:512"
            ))
            .await;
    })
    .await;
}
