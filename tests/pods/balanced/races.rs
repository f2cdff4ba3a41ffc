//! Two pods at once do what excludes each other: one of them wins, and both know it.

use berth_tests::{Blob, Document};
use http::Method;

use crate::cluster::Cluster;

const ROUNDS: usize = 40;

#[tokio::test]
async fn a_blob_is_mounted_and_deleted_at_once() {
    let cluster = Cluster::start().await;
    for round in 0..ROUNDS {
        let (source, target) = ("team/source", format!("other/app-{}", round % 3));
        let blob = Blob::random(5_000);
        cluster.at(round, source).push_blob(&blob).await;
        let mount = format!("blobs/uploads/?mount={}&from={source}", blob.digest);
        let (mounted, deleted) = tokio::join!(
            cluster
                .at(round + 1, &target)
                .request(Method::POST, &mount)
                .send(),
            cluster
                .at(round + 2, source)
                .delete_blob(&blob.digest)
                .send(),
        );
        deleted.expect_status(202);
        for pod in cluster.everywhere(source) {
            pod.expect_no_blob(&blob.digest).await;
        }
        for pod in cluster.everywhere(&target) {
            match mounted.status() {
                201 => pod.expect_blob(&blob).await,
                202 => pod.expect_no_blob(&blob.digest).await,
                _ => panic!("{mounted:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_manifest_is_pushed_while_its_blob_is_deleted() {
    let cluster = Cluster::start().await;
    for round in 0..ROUNDS {
        let image = Document::image(1);
        let repository = cluster.at(round, "team/app");
        for blob in &image.blobs {
            repository.push_blob(blob).await;
        }
        let layer = &image.blobs[0];
        let (pushed, deleted) = tokio::join!(
            cluster
                .at(round + 1, "team/app")
                .put_manifest(&image.digest, &image)
                .send(),
            cluster
                .at(round + 2, "team/app")
                .delete_blob(&layer.digest)
                .send(),
        );
        match (pushed.status(), deleted.status()) {
            (201, 405) => {
                for pod in cluster.everywhere("team/app") {
                    pod.expect_manifest(&image.digest, &image).await;
                    pod.expect_blob(layer).await;
                }
            }
            (404, 202) => {
                pushed.expect_error(404, "MANIFEST_BLOB_UNKNOWN");
                for pod in cluster.everywhere("team/app") {
                    pod.expect_no_manifest(&image.digest).await;
                    pod.expect_no_blob(&layer.digest).await;
                }
            }
            _ => panic!("{pushed:?}\n{deleted:?}"),
        }
    }
}

#[tokio::test]
async fn one_blob_comes_in_on_all_pods_at_once() {
    let cluster = Cluster::start().await;
    for length in [10_000, 6 << 20] {
        let blob = Blob::random(length);
        let pushes = (0..6).map(|number| {
            let name = format!("team-{}/app", number % 2);
            let repository = cluster.at(number, &name);
            let blob = &blob;
            async move { repository.push_blob(blob).await }
        });
        futures_util::future::join_all(pushes).await;
        for name in ["team-0/app", "team-1/app"] {
            for pod in cluster.everywhere(name) {
                pod.expect_blob(&blob).await;
            }
        }
    }
}
