//! buildah: builds with a step that runs, without a daemon, and pushes and pulls the result.

use std::fs;

use berth_tests::{for_each_backend, tool::Tool};
use tempfile::TempDir;

use crate::images;

fn buildah(home: &TempDir) -> Tool {
    let path = home.path().display();
    let storage = format!("--root {path}/storage --runroot {path}/run --storage-driver vfs");
    Tool::new("buildah")
        .home(home.path())
        .current_directory(home.path())
        .arguments(storage.split(' '))
}

#[tokio::test]
async fn builds_on_a_pulled_base_and_pushes() {
    for_each_backend(async |builder| {
        let (registry, home) = (
            builder.start().await,
            tempfile::tempdir().expect("a directory"),
        );
        let (buildah, host) = (buildah(&home), registry.host());
        registry
            .repository("team/base")
            .push("1", &images::runnable(home.path(), "amd64").await)
            .await;
        let lines =
            format!("FROM {host}/team/base:1\nRUN [\"/bin/sh\", \"-c\", \"echo built >/built\"]\n");
        fs::write(home.path().join("root/Containerfile"), lines).expect("a file");

        buildah
            .line(&format!(
                "bud --isolation chroot --tls-verify=false -t {host}/team/app:1 root"
            ))
            .await;
        buildah
            .line(&format!(
                "push --tls-verify=false --digestfile digest {host}/team/app:1"
            ))
            .await;
        buildah.line(&format!("rmi {host}/team/app:1")).await;
        buildah
            .line(&format!("pull --tls-verify=false {host}/team/app:1"))
            .await;

        let pushed = fs::read_to_string(home.path().join("digest")).expect("the digest is written");
        let stored = registry
            .repository("team/app")
            .head_manifest("1")
            .send()
            .await;
        stored
            .expect_status(200)
            .expect_header("docker-content-digest", &pushed);
        let container = buildah
            .line(&format!("from --pull-never {host}/team/app:1"))
            .await
            .stdout;
        let printed = buildah
            .run([
                "run",
                "--isolation",
                "chroot",
                &container,
                "--",
                "/bin/sh",
                "-c",
                "read -r line </built; echo $line",
            ])
            .await;
        assert_eq!(printed.stdout, "built");
    })
    .await;
}
