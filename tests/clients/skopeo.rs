//! skopeo, which converts and copies between every kind of image store, and with it CRI-O and podman's libraries.

use berth_tests::{content::DOCKER_IMAGE, for_each_backend, tool::Tool};
use serde_json::Value;
use tempfile::TempDir;

use crate::images;

fn skopeo(home: &TempDir) -> Tool {
    Tool::new("skopeo")
        .home(home.path())
        .current_directory(home.path())
}

#[tokio::test]
async fn copies_through_an_oci_layout_and_a_directory_and_back() {
    for_each_backend(async |builder| {
        let (registry, home) = (
            builder.start().await,
            tempfile::tempdir().expect("a directory"),
        );
        let (skopeo, host) = (skopeo(&home), registry.host());
        let image = images::runnable(home.path(), "amd64").await;
        registry.repository("team/app").push("1", &image).await;

        skopeo
            .line(&format!(
                "copy --src-tls-verify=false docker://{host}/team/app:1 oci:layout:1"
            ))
            .await;
        skopeo.line("copy oci:layout:1 dir:directory").await;
        skopeo
            .line(&format!(
                "copy --dest-tls-verify=false dir:directory docker://{host}/team/back:1"
            ))
            .await;
        registry
            .repository("team/back")
            .expect_manifest("1", &image)
            .await;

        let inspected = skopeo
            .line(&format!(
                "inspect --tls-verify=false docker://{host}/team/back:1"
            ))
            .await;
        let inspected: Value = serde_json::from_str(&inspected.stdout).expect("JSON");
        assert_eq!(inspected["Digest"], image.digest.as_str());
        let tags = skopeo
            .line(&format!(
                "list-tags --tls-verify=false docker://{host}/team/back"
            ))
            .await;
        assert_eq!(
            serde_json::from_str::<Value>(&tags.stdout).expect("JSON")["Tags"],
            serde_json::json!(["1"])
        );
    })
    .await;
}

#[tokio::test]
async fn converts_to_docker_schema_2() {
    for_each_backend(async |builder| {
        let (registry, home) = (
            builder.start().await,
            tempfile::tempdir().expect("a directory"),
        );
        let (skopeo, host) = (skopeo(&home), registry.host());
        let image = images::runnable(home.path(), "amd64").await;
        let repository = registry.repository("team/app");
        repository.push("oci", &image).await;

        let copy = "copy --src-tls-verify=false --dest-tls-verify=false --format v2s2";
        skopeo
            .line(&format!(
                "{copy} docker://{host}/team/app:oci docker://{host}/team/app:docker"
            ))
            .await;
        let converted = repository.get_manifest("docker").send().await;
        converted
            .expect_status(200)
            .expect_header("content-type", DOCKER_IMAGE);
        skopeo
            .line(&format!(
                "copy --src-tls-verify=false docker://{host}/team/app:docker docker-archive:app.tar"
            ))
            .await;
    })
    .await;
}

#[tokio::test]
async fn copies_all_platforms_and_deletes_the_digest() {
    for_each_backend(async |builder| {
        let (registry, home) = (
            builder.start().await,
            tempfile::tempdir().expect("a directory"),
        );
        let (skopeo, host) = (skopeo(&home), registry.host());
        let index =
            images::push_multi_architecture(&registry.repository("team/multi"), "1", home.path())
                .await;

        skopeo
            .line(&format!(
                "copy --all --src-tls-verify=false docker://{host}/team/multi:1 oci:layout:1"
            ))
            .await;
        skopeo
            .line(&format!(
                "copy --all --dest-tls-verify=false oci:layout:1 docker://{host}/team/copy:1"
            ))
            .await;
        let copy = registry.repository("team/copy");
        copy.expect_manifest("1", &index).await;

        // skopeo resolves the tag and deletes what it names, so every other tag of it goes too.
        copy.put_manifest("2", &index)
            .send()
            .await
            .expect_status(201);
        skopeo
            .line(&format!(
                "delete --tls-verify=false docker://{host}/team/copy:1"
            ))
            .await;
        copy.get_manifest("2")
            .send()
            .await
            .expect_error(404, "MANIFEST_UNKNOWN");
        registry
            .repository("team/multi")
            .expect_manifest("1", &index)
            .await;
    })
    .await;
}
