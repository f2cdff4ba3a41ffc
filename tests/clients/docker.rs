//! docker, on a daemon of the test's own: streamed PATCH uploads, its own media types, its own idea of a digest.

use std::{fs, path::Path};

use berth_tests::{
    TestRegistry,
    certificates::Certificates,
    content::DOCKER_IMAGE,
    for_each_backend,
    tool::{Daemon, Tool},
};
use serde_json::Value;
use tempfile::TempDir;

use crate::images;

/// A name that is loopback to everybody, but by IPv6: docker checks no certificate for 127.0.0.0/8.
const SECURE_HOST: &str = "registry.test";

/// A Docker daemon with all its state below one directory, no network of its own and no firewall rules.
struct Docker {
    client: Tool,
    home: TempDir,
    // Ends before its directory does.
    daemon: Option<Daemon>,
}

impl Docker {
    async fn start() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().display();
        let settings = home.path().join("settings");
        fs::create_dir(&settings).expect("a directory");
        fs::write(
            home.path().join("hosts"),
            format!("127.0.0.1 localhost\n::1 {SECURE_HOST}\n"),
        )
        .expect("a file");
        // The daemon keeps its key and looks for certificates in /etc/docker, and nowhere else. In a mount namespace
        // of its own that directory is the test's, and so is the table of host names.
        let enter = format!(
            "mkdir -p /etc/docker && mount --bind {path}/settings /etc/docker && mount --bind {path}/hosts /etc/hosts \
             && exec dockerd --iptables=false --bridge=none --storage-driver=vfs --data-root {path}/data \
             --exec-root {path}/run --pidfile {path}/pid -H unix://{path}/socket"
        );
        let daemon = Tool::new("unshare").home(home.path());
        let mut daemon = daemon.start(["--mount", "sh", "-c", &enter], &home.path().join("log"));
        let client = Tool::new("docker")
            .home(home.path())
            .current_directory(home.path());
        let client = client.environment("DOCKER_HOST", format!("unix://{path}/socket"));
        daemon.wait_for(&client, "version").await;
        Self {
            client,
            home,
            daemon: Some(daemon),
        }
    }

    /// Trusts an authority for one registry.
    fn trust(&self, certificates: &Certificates, host: &str) {
        let directory = self.home.path().join("settings/certs.d").join(host);
        fs::create_dir_all(&directory).expect("a directory");
        fs::copy(certificates.authority(), directory.join("ca.crt")).expect("a file is copied");
    }

    /// Makes a runnable image under this name.
    async fn import(&self, archive: &Path, image: &str) {
        let archive = archive.to_str().expect("a path of characters");
        let change = "--change=ENTRYPOINT [\"/bin/sh\"]";
        self.client
            .run([
                "import",
                "--platform",
                "linux/amd64",
                change,
                archive,
                image,
            ])
            .await;
    }

    /// The digest that the registry knows a local image by.
    async fn digest(&self, image: &str) -> String {
        let printed = self
            .client
            .line(&format!("image inspect {image}"))
            .await
            .stdout;
        let inspected: Value = serde_json::from_str(&printed).expect("JSON");
        let name = inspected[0]["RepoDigests"][0]
            .as_str()
            .expect("a name with a digest");
        name.split_once('@')
            .expect("a name with a digest")
            .1
            .to_owned()
    }

    /// Pushes, removes and pulls an image, and expects the same image.
    async fn round_trip(&self, image: &str) -> String {
        let id = format!("image inspect {image} --format {{{{.Id}}}}");
        let before = self.client.line(&id).await.stdout;
        self.client.line(&format!("push {image}")).await;
        let pushed = self.digest(image).await;
        self.client.line(&format!("rmi {image}")).await;
        self.client.line(&format!("pull {image}")).await;
        assert_eq!(
            self.client.line(&id).await.stdout,
            before,
            "another image came back"
        );
        assert_eq!(
            self.digest(image).await,
            pushed,
            "another manifest came back"
        );
        pushed
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        self.daemon.take();
    }
}

#[tokio::test]
async fn pushes_pulls_and_runs() {
    for_each_backend(async |builder| {
        let (registry, docker) = (builder.start().await, Docker::start().await);
        let image = format!("{}/team/app:1", registry.host());
        docker
            .import(&images::root_file_system(docker.home.path()).await, &image)
            .await;

        let digest = docker.round_trip(&image).await;
        let stored = registry
            .repository("team/app")
            .head_manifest("1")
            .send()
            .await;
        stored
            .expect_status(200)
            .expect_header("content-type", DOCKER_IMAGE)
            .expect_header("docker-content-digest", digest);
        let run = format!("run --rm --network none {image} -c");
        let printed = docker
            .client
            .run(run.split(' ').chain(["read -r line </unique; echo $line"]))
            .await;
        assert_eq!(
            printed.stdout,
            fs::read_to_string(docker.home.path().join("root/unique")).expect("a file")
        );
    })
    .await;
}

#[tokio::test]
async fn pushes_layers_that_the_registry_has_by_mounting_them() {
    for_each_backend(async |builder| {
        let (registry, docker) = (builder.start().await, Docker::start().await);
        let (first, second) = (
            format!("{}/team/app:1", registry.host()),
            format!("{}/other/app:1", registry.host()),
        );
        docker
            .import(&images::root_file_system(docker.home.path()).await, &first)
            .await;
        docker.client.line(&format!("push {first}")).await;
        docker.client.line(&format!("tag {first} {second}")).await;

        let printed = docker.client.line(&format!("push {second}")).await.stdout;
        assert!(printed.contains("Mounted from team/app"), "{printed}");
    })
    .await;
}

#[tokio::test]
async fn pulls_an_oci_index() {
    for_each_backend(async |builder| {
        let (registry, docker) = (builder.start().await, Docker::start().await);
        let repository = registry.repository("team/multi");
        let index = images::push_multi_architecture(&repository, "1", docker.home.path()).await;
        let image = format!("{}/team/multi:1", registry.host());

        docker.client.line(&format!("pull {image}")).await;
        assert_eq!(docker.digest(&image).await, index.digest);
        assert_eq!(
            docker
                .client
                .line(&format!("run --rm --network none {image}"))
                .await
                .stdout,
            "ran"
        );
    })
    .await;
}

#[tokio::test]
async fn pushes_and_pulls_over_https_with_a_private_authority() {
    let certificates = Certificates::generate(SECURE_HOST).await;
    let registry = TestRegistry::builder()
        .listen("[::1]:0")
        .tls(&certificates)
        .start()
        .await;
    let docker = Docker::start().await;
    let host = format!("{SECURE_HOST}:{}", registry.address().port());
    let image = format!("{host}/team/app:1");
    docker
        .import(&images::root_file_system(docker.home.path()).await, &image)
        .await;

    let refused = docker.client.line_fails(&format!("push {image}")).await;
    assert!(refused.stderr.contains("x509"), "{}", refused.stderr);
    docker.trust(&certificates, &host);
    docker.round_trip(&image).await;
}

#[tokio::test]
#[ignore = "long: run by make test-long"]
async fn pushes_and_pulls_a_layer_of_one_gibibyte() {
    for_each_backend(async |builder| {
        let (registry, docker) = (builder.start().await, Docker::start().await);
        let image = format!("{}/team/big:1", registry.host());
        let archive = images::root_file_system(docker.home.path()).await;
        let fill = ["-c", "head -c 1G /dev/urandom >root/large && tar -C root -rf root.tar ./large && rm root/large"];
        Tool::new("sh").current_directory(docker.home.path()).run(fill).await;
        docker.import(&archive, &image).await;
        docker.round_trip(&image).await;
    })
    .await;
}
