//! containerd, the runtime below Kubernetes and newer Docker, driven by `ctr` on a daemon of the test's own.

use std::fs;

use berth_tests::{
    TestRegistry,
    certificates::Certificates,
    for_each_backend,
    tool::{Daemon, Tool},
};
use tempfile::TempDir;

use crate::images;

/// A containerd with all its state below one directory.
struct Containerd {
    client: Tool,
    home: TempDir,
    // Ends before its directory does.
    daemon: Option<Daemon>,
}

impl Containerd {
    async fn start() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().display();
        let settings = format!(
            "version = 2\nroot = \"{path}/state/root\"\nstate = \"{path}/state/run\"\n\
             disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\n  address = \"{path}/socket\"\n"
        );
        fs::write(home.path().join("config.toml"), settings).expect("a file");
        let arguments = format!("--config {path}/config.toml");
        let mut daemon =
            Tool::new("containerd").start(arguments.split(' '), &home.path().join("log"));
        let socket = format!("--address {path}/socket --namespace tests");
        let client = Tool::new("ctr")
            .home(home.path())
            .current_directory(home.path())
            .arguments(socket.split(' '));
        daemon.wait_for(&client, "version").await;
        Self {
            client,
            home,
            daemon: Some(daemon),
        }
    }

    /// The digest of a local image.
    async fn digest(&self, image: &str) -> String {
        let listed = self.client.line("images list").await.stdout;
        let line = listed
            .lines()
            .find(|line| line.split_ascii_whitespace().next() == Some(image));
        let columns: Vec<_> = line
            .expect("the image is there")
            .split_ascii_whitespace()
            .collect();
        columns[2].to_owned()
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        self.daemon.take();
    }
}

#[tokio::test]
async fn pulls_runs_and_pushes() {
    for_each_backend(async |builder| {
        let (registry, containerd) = (builder.start().await, Containerd::start().await);
        let (ctr, host) = (&containerd.client, registry.host());
        let image = images::runnable(containerd.home.path(), "amd64").await;
        registry.repository("team/app").push("1", &image).await;

        ctr.line(&format!(
            "images pull --plain-http --snapshotter native {host}/team/app:1"
        ))
        .await;
        assert_eq!(
            containerd.digest(&format!("{host}/team/app:1")).await,
            image.digest
        );
        let printed = ctr
            .line(&format!(
                "run --rm --snapshotter native {host}/team/app:1 one"
            ))
            .await;
        assert_eq!(printed.stdout, "ran");

        ctr.line(&format!(
            "images push --plain-http {host}/other/app:1 {host}/team/app:1"
        ))
        .await;
        registry
            .repository("other/app")
            .expect_manifest("1", &image)
            .await;
    })
    .await;
}

#[tokio::test]
async fn pulls_and_pushes_all_platforms() {
    for_each_backend(async |builder| {
        let (registry, containerd) = (builder.start().await, Containerd::start().await);
        let (ctr, host) = (&containerd.client, registry.host());
        let repository = registry.repository("team/multi");
        let index = images::push_multi_architecture(&repository, "1", containerd.home.path()).await;

        // The native snapshotter needs no file system of its own; unpacking is for this machine's platform only.
        ctr.line(&format!(
            "content fetch --plain-http --all-platforms {host}/team/multi:1"
        ))
        .await;
        ctr.line(&format!(
            "images push --plain-http {host}/team/copy:1 {host}/team/multi:1"
        ))
        .await;
        registry
            .repository("team/copy")
            .expect_manifest("1", &index)
            .await;
    })
    .await;
}

#[tokio::test]
async fn pulls_and_pushes_over_https_with_a_private_authority() {
    let certificates = Certificates::generate("localhost").await;
    let registry = TestRegistry::builder().tls(&certificates).start().await;
    let containerd = Containerd::start().await;
    let (ctr, host) = (&containerd.client, registry.host());
    let image = images::root_file_system(containerd.home.path()).await;
    let crane = Tool::new("crane")
        .home(containerd.home.path())
        .environment("SSL_CERT_FILE", certificates.authority());
    crane
        .line(&format!(
            "append --oci-empty-base -f {} -t {host}/team/base:1",
            image.display()
        ))
        .await;
    crane
        .line(&format!(
            "mutate {host}/team/base:1 --set-platform linux/amd64 -t {host}/team/app:1"
        ))
        .await;

    let directory = containerd.home.path().join("hosts").join(&host);
    fs::create_dir_all(&directory).expect("a directory");
    let trust = |authority: &str| {
        format!("server = \"https://{host}\"\n[host.\"https://{host}\"]\n{authority}")
    };
    fs::write(directory.join("hosts.toml"), trust("")).expect("a file");
    let pull = format!("images pull --hosts-dir hosts --snapshotter native {host}/team/app:1");
    let refused = ctr.line_fails(&pull).await;
    assert!(refused.stderr.contains("x509"), "{}", refused.stderr);

    let authority = format!("  ca = \"{}\"\n", certificates.authority().display());
    fs::write(directory.join("hosts.toml"), trust(&authority)).expect("a file");
    ctr.line(&pull).await;
    ctr.line(&format!(
        "images push --hosts-dir hosts {host}/other/app:1 {host}/team/app:1"
    ))
    .await;
    let digest = crane
        .line(&format!("digest {host}/other/app:1"))
        .await
        .stdout;
    assert_eq!(
        containerd.digest(&format!("{host}/team/app:1")).await,
        digest
    );
}
