//! What is done on one pod is seen on the others at once: nothing that can change is answered from memory.

use berth_tests::{Blob, Document, Repository};
use futures_util::future::join_all;

use crate::cluster::{Cluster, PODS};

/// How many repositories are worked on at once, and how often.
const WORKERS: usize = 4;
const ROUNDS: usize = 50;

#[tokio::test]
async fn no_pod_gives_a_stale_answer() {
    let cluster = Cluster::start().await;
    let workers = (0..WORKERS).map(|worker| work(&cluster, worker));
    join_all(workers).await;
}

/// Pushes, moves and deletes, each on another pod than before, and asks all of them after each step.
async fn work(cluster: &Cluster, worker: usize) {
    let name = format!("team/app-{worker}");
    let pods = cluster.everywhere(&name);
    let mut before: Option<Document> = None;
    for round in 0..ROUNDS {
        let pod = |step: usize| &pods[(worker + round + step) % PODS];
        let image = pod(0).push_image("latest", 1).await;
        expect_tag(&pods, &image).await;
        expect_blobs(&pods, &image.blobs).await;
        if let Some(before) = &before {
            pod(1).put_manifest("latest", before).expect(201).await;
            expect_tag(&pods, before).await;
            pod(2).delete_manifest(&before.digest).expect(202).await;
            expect_no_image(&pods, "latest", before).await;
            let layer = &before.blobs[0];
            pod(0).delete_blob(&layer.digest).expect(202).await;
            join_all(pods.iter().map(|pod| pod.expect_no_blob(&layer.digest))).await;
        }
        pod(1).put_manifest("kept", &image).expect(201).await;
        pod(2).delete_manifest("kept").expect(202).await;
        join_all(pods.iter().map(|pod| pod.expect_no_manifest("kept"))).await;
        join_all(
            pods.iter()
                .map(|pod| pod.expect_manifest(&image.digest, &image)),
        )
        .await;
        before = Some(image);
    }
}

async fn expect_tag(pods: &[Repository], image: &Document) {
    let asked = pods.iter().map(async |pod| {
        let head = pod.head_manifest("latest").expect(200).await;
        head.expect_header("docker-content-digest", &image.digest);
        pod.expect_manifest("latest", image).await;
    });
    join_all(asked).await;
}

async fn expect_blobs(pods: &[Repository], blobs: &[Blob]) {
    for blob in blobs {
        let asked = pods.iter().map(async |pod| {
            pod.head_blob(&blob.digest).expect(200).await;
            pod.expect_blob(blob).await;
        });
        join_all(asked).await;
    }
}

async fn expect_no_image(pods: &[Repository], tag: &str, image: &Document) {
    let asked = pods.iter().map(async |pod| {
        pod.expect_no_manifest(tag).await;
        pod.expect_no_manifest(&image.digest).await;
    });
    join_all(asked).await;
}

#[tokio::test]
async fn a_blob_is_mounted_from_what_another_pod_has_taken_in() {
    let cluster = Cluster::start().await;
    for round in 0..20 {
        let blob = Blob::random(10_000);
        cluster.at(round, "team/source").push_blob(&blob).await;
        let target = format!("blobs/uploads/?mount={}&from=team/source", blob.digest);
        let name = format!("other/app-{}", round % 2);
        let mounted = cluster
            .at(round + 1, &name)
            .request(http::Method::POST, &target);
        mounted.expect(201).await;
        cluster.at(round + 2, &name).expect_blob(&blob).await;
    }
}
