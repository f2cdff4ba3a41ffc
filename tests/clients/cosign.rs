//! cosign with a key pair and without any network: signatures and attestations as referrers, and in the older form as
//! tags. A registry whose referrers fail makes signed images look unsigned.

use std::fs;

use berth_tests::{TestRegistry, for_each_backend, tool::Tool};
use tempfile::TempDir;

use crate::images;

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// cosign with a key pair, and with signing configurations that name no service at all.
async fn cosign(home: &TempDir) -> Tool {
    let cosign = Tool::new("cosign")
        .home(home.path())
        .current_directory(home.path())
        .environment("COSIGN_PASSWORD", "");
    cosign
        .line("generate-key-pair --output-key-prefix key")
        .await;
    cosign
        .line("signing-config create --out signing.json")
        .await;
    cosign.line("trusted-root create --out trusted.json").await;
    cosign
}

/// Pushes an image and returns its name with its digest.
async fn pushed_image(registry: &TestRegistry, home: &TempDir) -> (String, String) {
    let image = images::runnable(home.path(), "amd64").await;
    registry.repository("team/app").push("1", &image).await;
    (
        format!("{}/team/app@{}", registry.host(), image.digest),
        image.digest,
    )
}

#[tokio::test]
async fn signs_attests_and_verifies_with_bundles() {
    for_each_backend(async |builder| {
        let (registry, home) = (
            builder.start().await,
            tempfile::tempdir().expect("a directory"),
        );
        let cosign = cosign(&home).await;
        let (image, digest) = pushed_image(&registry, &home).await;
        let offline =
            "--key key.key --signing-config signing.json --trusted-root trusted.json --yes";
        let verify = "--key key.pub --trusted-root trusted.json --insecure-ignore-tlog=true";
        cosign.line_fails(&format!("verify {verify} {image}")).await;

        cosign.line(&format!("sign {offline} {image}")).await;
        cosign.line(&format!("verify {verify} {image}")).await;
        fs::write(home.path().join("predicate.json"), "{\"x\": 1}").expect("a file");
        cosign
            .line(&format!(
                "attest {offline} --type custom --predicate predicate.json {image}"
            ))
            .await;
        cosign
            .line(&format!(
                "verify-attestation {verify} --type custom {image}"
            ))
            .await;

        let repository = registry.repository("team/app");
        let referrers = repository
            .referrers(
                &digest,
                &format!("artifactType={}", BUNDLE.replace('+', "%2B")),
            )
            .await;
        assert_eq!(
            referrers.expect_status(200).json()["manifests"]
                .as_array()
                .map(Vec::len),
            Some(2)
        );
        assert_eq!(
            repository.tags("").await.json()["tags"],
            serde_json::json!(["1"])
        );
    })
    .await;
}

#[tokio::test]
async fn signs_attests_and_verifies_with_tags() {
    for_each_backend(async |builder| {
        let (registry, home) = (builder.start().await, tempfile::tempdir().expect("a directory"));
        let cosign = cosign(&home).await;
        let (image, digest) = pushed_image(&registry, &home).await;
        let legacy = "--key key.key --new-bundle-format=false --use-signing-config=false --tlog-upload=false --yes";
        let verify = "--key key.pub --new-bundle-format=false --insecure-ignore-tlog=true";

        cosign.line(&format!("sign {legacy} {image}")).await;
        cosign.line(&format!("verify {verify} {image}")).await;
        fs::write(home.path().join("predicate.json"), "{\"x\": 1}").expect("a file");
        cosign.line(&format!("attest {legacy} --type custom --predicate predicate.json {image}")).await;
        cosign.line(&format!("verify-attestation {verify} --type custom {image}")).await;

        let name = digest.replace(':', "-");
        let tags = registry.repository("team/app").tags("").await.json();
        assert_eq!(tags["tags"], serde_json::json!(["1", format!("{name}.att"), format!("{name}.sig")]));
    })
    .await;
}

#[tokio::test]
async fn refuses_a_signature_of_another_key() {
    for_each_backend(async |builder| {
        let (registry, home) = (
            builder.start().await,
            tempfile::tempdir().expect("a directory"),
        );
        let cosign = cosign(&home).await;
        let (image, _) = pushed_image(&registry, &home).await;
        let offline =
            "--key key.key --signing-config signing.json --trusted-root trusted.json --yes";
        cosign.line(&format!("sign {offline} {image}")).await;

        cosign
            .line("generate-key-pair --output-key-prefix other")
            .await;
        let verify = "--key other.pub --trusted-root trusted.json --insecure-ignore-tlog=true";
        cosign.line_fails(&format!("verify {verify} {image}")).await;
    })
    .await;
}
