//! Real clients, over HTTPS, before pods that take turns. Their images have a layer of several parts.

use std::{
    fs,
    path::{Path, PathBuf},
};

use berth_tests::{
    certificates::Certificates, containerd::Containerd, content::random_bytes, docker::Docker,
    tool::Tool,
};

use crate::cluster::Cluster;

/// What no compression makes shorter.
const LAYER: usize = 12 << 20;

/// An archive that nobody else has.
async fn archive(directory: &Path) -> PathBuf {
    fs::write(directory.join("unique"), random_bytes(LAYER)).expect("a file");
    let tar = Tool::new("tar").current_directory(directory);
    tar.line("-cf unique.tar unique").await;
    directory.join("unique.tar")
}

fn crane(directory: &Path, certificates: &Certificates) -> Tool {
    let crane = Tool::new("crane").home(directory);
    crane
        .current_directory(directory)
        .environment("SSL_CERT_FILE", certificates.authority())
}

/// Pushes an image for this machine's platform.
async fn push_image(crane: &Tool, directory: &Path, image: &str) -> String {
    let archive = archive(directory).await;
    let append = format!("append --oci-empty-base -f {} -t", archive.display());
    crane.line(&format!("{append} {image}-base")).await;
    let platform = "--set-platform linux/amd64";
    let mutate = format!("mutate {image}-base {platform} -t {image}");
    crane.line(&mutate).await;
    crane.line(&format!("digest {image}")).await.stdout
}

#[tokio::test]
async fn docker_pushes_and_pulls() {
    let certificates = Certificates::generate("localhost").await;
    let cluster = Cluster::start_with_tls(&certificates).await;
    let docker = Docker::start().await;
    docker.trust(&certificates, &cluster.host());
    for number in 0..3 {
        let image = format!("{}/team/app:{number}", cluster.host());
        docker.import(&archive(docker.home()).await, &image).await;
        let digest = docker.round_trip(&image).await;
        for pod in cluster.everywhere("team/app") {
            let stored = pod.head_manifest(&number.to_string()).expect(200).await;
            stored.expect_header("docker-content-digest", &digest);
        }
    }
    cluster.expect_all_asked().await;
}

#[tokio::test]
async fn containerd_pulls_and_pushes() {
    let certificates = Certificates::generate("localhost").await;
    let cluster = Cluster::start_with_tls(&certificates).await;
    let containerd = Containerd::start().await;
    containerd.trust(&certificates, &cluster.host());
    let (ctr, host) = (&containerd.client, cluster.host());
    let crane = crane(containerd.home(), &certificates);
    for number in 0..3 {
        let image = format!("{host}/team/app:{number}");
        let copy = format!("{host}/other/app:{number}");
        let digest = push_image(&crane, containerd.home(), &image).await;
        let pull = "images pull --hosts-dir hosts --snapshotter native";
        ctr.line(&format!("{pull} {image}")).await;
        assert_eq!(containerd.digest(&image).await, digest);
        let push = "images push --hosts-dir hosts";
        ctr.line(&format!("{push} {copy} {image}")).await;
        assert_eq!(crane.line(&format!("digest {copy}")).await.stdout, digest);
        crane.line(&format!("validate --remote {copy}")).await;
    }
    cluster.expect_all_asked().await;
}

#[tokio::test]
async fn crane_pushes_pulls_and_copies() {
    let certificates = Certificates::generate("localhost").await;
    let cluster = Cluster::start_with_tls(&certificates).await;
    let home = tempfile::tempdir().expect("a directory");
    let (crane, host) = (crane(home.path(), &certificates), cluster.host());
    for number in 0..3 {
        let image = format!("{host}/team/app:{number}");
        let digest = push_image(&crane, home.path(), &image).await;
        crane.line(&format!("validate --remote {image}")).await;
        crane.line(&format!("pull {image} app.tar")).await;
        let pushed = format!("{host}/pushed/app:{number}");
        crane.line(&format!("push app.tar {pushed}")).await;
        crane.line(&format!("validate --remote {pushed}")).await;
        let copy = format!("{host}/copied/app:{number}");
        crane.line(&format!("copy {image} {copy}")).await;
        assert_eq!(crane.line(&format!("digest {copy}")).await.stdout, digest);
        crane.line(&format!("delete {copy}")).await;
        crane.line_fails(&format!("digest {copy}")).await;
    }
    cluster.expect_all_asked().await;
}
