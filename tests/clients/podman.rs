//! podman: build, push, pull and run, and manifest lists, on a storage of its own.

use std::fs;

use berth_tests::{for_each_backend, tool::Tool};
use serde_json::Value;
use tempfile::TempDir;

use crate::images;

/// podman with its storage below the test's directory. The limits are those that runc may set on any machine: the
/// defaults ask for more than a container of the tests' own may have.
fn podman(home: &TempDir) -> Tool {
    let settings = home.path().join("containers.conf");
    let limits = "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n";
    fs::write(&settings, limits).expect("a file");
    let path = home.path().display();
    let storage = format!(
        "--root {path}/storage --runroot {path}/run --tmpdir {path}/tmp --storage-driver vfs --events-backend none"
    );
    let podman = Tool::new("podman")
        .home(home.path())
        .current_directory(home.path());
    podman
        .environment("CONTAINERS_CONF", settings)
        .arguments(storage.split(' '))
}

#[tokio::test]
async fn builds_pushes_pulls_and_runs() {
    for_each_backend(async |builder| {
        let (registry, home) = (
            builder.start().await,
            tempfile::tempdir().expect("a directory"),
        );
        let (podman, host) = (podman(&home), registry.host());
        let base = images::runnable(home.path(), "amd64").await;
        registry.repository("team/base").push("1", &base).await;
        let lines = format!("FROM {host}/team/base:1\nCOPY unique /copied\n");
        fs::write(home.path().join("root/Containerfile"), lines).expect("a file");

        podman
            .line(&format!(
                "build --tls-verify=false -t {host}/team/app:1 root"
            ))
            .await;
        podman
            .line(&format!(
                "push --tls-verify=false --digestfile digest {host}/team/app:1"
            ))
            .await;
        podman
            .line(&format!("rmi {host}/team/app:1 {host}/team/base:1"))
            .await;
        podman
            .line(&format!("pull --tls-verify=false {host}/team/app:1"))
            .await;

        let pushed = fs::read_to_string(home.path().join("digest")).expect("the digest is written");
        let inspected = podman
            .line(&format!("image inspect {host}/team/app:1"))
            .await
            .stdout;
        let inspected: Value = serde_json::from_str(&inspected).expect("JSON");
        assert_eq!(inspected[0]["Digest"], pushed.as_str());
        let copied = format!("run --rm --network host {host}/team/app:1 -c");
        let printed = podman
            .run(
                copied
                    .split(' ')
                    .chain(["read -r line < /copied; echo $line"]),
            )
            .await;
        let unique = fs::read_to_string(home.path().join("root/unique")).expect("a file");
        assert_eq!(printed.stdout, unique);
    })
    .await;
}

#[tokio::test]
async fn pushes_a_manifest_list() {
    for_each_backend(async |builder| {
        let (registry, home) = (
            builder.start().await,
            tempfile::tempdir().expect("a directory"),
        );
        let (podman, host) = (podman(&home), registry.host());
        let source =
            images::push_multi_architecture(&registry.repository("team/multi"), "1", home.path())
                .await;
        let source: Value = serde_json::from_slice(&source.bytes).expect("JSON");

        podman.line("manifest create list").await;
        for child in source["manifests"].as_array().expect("an array") {
            let digest = child["digest"].as_str().expect("a digest");
            podman
                .line(&format!(
                    "manifest add --tls-verify=false list docker://{host}/team/multi@{digest}"
                ))
                .await;
        }
        podman
            .line(&format!(
                "manifest push --all --tls-verify=false list docker://{host}/team/list:1"
            ))
            .await;

        let pushed = registry
            .repository("team/list")
            .get_manifest("1")
            .send()
            .await
            .expect_status(200)
            .json();
        let digests = |list: &Value| {
            let entries = list["manifests"].as_array().expect("an array").iter();
            entries
                .map(|entry| entry["digest"].as_str().expect("a digest").to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(digests(&pushed), digests(&source));
    })
    .await;
}
