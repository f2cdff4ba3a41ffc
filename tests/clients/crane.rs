//! crane (go-containerregistry), also behind ko and most Go tools: streamed PATCH uploads, cross-repository mounts,
//! and HTTP/2 wherever the server offers it.

use berth_tests::{TestRegistry, certificates::Certificates, for_each_backend, tool::Tool};
use tempfile::TempDir;

use crate::images;

fn crane(home: &TempDir) -> Tool {
    Tool::new("crane")
        .home(home.path())
        .current_directory(home.path())
}

#[tokio::test]
async fn pushes_pulls_copies_and_deletes() {
    for_each_backend(async |builder| {
        let (registry, home) = (
            builder.start().await,
            tempfile::tempdir().expect("a directory"),
        );
        let (crane, host) = (crane(&home), registry.host());
        let archive = images::root_file_system(home.path()).await;

        crane
            .line(&format!(
                "append --oci-empty-base -f {} -t {host}/team/app:base",
                archive.display()
            ))
            .await;
        crane
            .line(&format!(
                "mutate {host}/team/app:base --set-platform linux/amd64 -t {host}/team/app:1"
            ))
            .await;
        let digest = crane
            .line(&format!("digest {host}/team/app:1"))
            .await
            .stdout;
        crane
            .line(&format!("validate --remote {host}/team/app:1"))
            .await;

        crane.line(&format!("pull {host}/team/app:1 app.tar")).await;
        crane.line(&format!("push app.tar {host}/team/app:2")).await;
        crane
            .line(&format!("validate --remote {host}/team/app:2"))
            .await;
        crane
            .line(&format!("copy {host}/team/app:1 {host}/other/app:1"))
            .await;
        assert_eq!(
            crane
                .line(&format!("digest {host}/other/app:1"))
                .await
                .stdout,
            digest
        );
        assert_eq!(
            crane.line(&format!("catalog {host}")).await.stdout,
            "other/app\nteam/app"
        );
        assert_eq!(
            crane.line(&format!("ls {host}/team/app")).await.stdout,
            "1\n2\nbase"
        );

        crane
            .line(&format!("delete {host}/team/app@{digest}"))
            .await;
        crane
            .line_fails(&format!("manifest {host}/team/app:1"))
            .await;
        assert_eq!(
            crane
                .line(&format!("digest {host}/other/app:1"))
                .await
                .stdout,
            digest
        );
    })
    .await;
}

#[tokio::test]
async fn copies_an_index_with_all_its_platforms() {
    for_each_backend(async |builder| {
        let (registry, home) = (
            builder.start().await,
            tempfile::tempdir().expect("a directory"),
        );
        let (crane, host) = (crane(&home), registry.host());
        let index =
            images::push_multi_architecture(&registry.repository("team/multi"), "1", home.path())
                .await;

        assert_eq!(
            crane
                .line(&format!("digest {host}/team/multi:1"))
                .await
                .stdout,
            index.digest
        );
        crane
            .line(&format!("copy {host}/team/multi:1 {host}/team/copy:1"))
            .await;
        assert_eq!(
            crane
                .line(&format!("digest {host}/team/copy:1"))
                .await
                .stdout,
            index.digest
        );
        crane
            .line(&format!("pull --format oci {host}/team/multi:1 layout"))
            .await;
        crane
            .line(&format!("push --index layout {host}/team/pushed:1"))
            .await;
        crane
            .line(&format!("validate --remote {host}/team/pushed:1"))
            .await;
    })
    .await;
}

#[tokio::test]
async fn speaks_http2_over_https_with_a_private_authority() {
    let certificates = Certificates::generate("localhost").await;
    let (registry, home) = (
        TestRegistry::builder().tls(&certificates).start().await,
        tempfile::tempdir().expect("a directory"),
    );
    let host = registry.host();
    let archive = images::root_file_system(home.path()).await;

    crane(&home).line_fails(&format!("catalog {host}")).await;
    let crane = crane(&home).environment("SSL_CERT_FILE", certificates.authority());
    crane
        .line(&format!(
            "append --oci-empty-base -f {} -t {host}/team/app:1",
            archive.display()
        ))
        .await;
    crane
        .line(&format!("validate --remote {host}/team/app:1"))
        .await;
    crane.line(&format!("pull {host}/team/app:1 app.tar")).await;
    assert!(
        registry.log().contains("HTTP/2"),
        "no access line names HTTP/2:\n{}",
        registry.log()
    );
}
