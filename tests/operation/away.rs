//! What a pod answers while the bucket or the database cannot be reached, and that it needs no help to come back.

use std::time::Duration;

use berth_test_servers::{Proxy, SeaweedFs, Toxiproxy};
use berth_tests::{Backend, Blob, Document, SharedStores, TestRegistry, registry::Builder};

const LIMIT: Duration = Duration::from_secs(30);

/// A pod that reaches its bucket through a proxy; clients that it sends there go past it.
struct Scene {
    registry: TestRegistry,
    bucket: Proxy,
    _toxiproxy: Toxiproxy,
}

async fn start(redirect: &str) -> Scene {
    let toxiproxy = Toxiproxy::start().await;
    let bucket = toxiproxy.proxy(SeaweedFs::shared().await.port()).await;
    let stores = SharedStores::fresh().await.through(bucket.port()).await;
    let builder = Builder::new(Backend::Shared).stores(&stores);
    let registry = builder
        .environment("BERTH_STORAGE_REDIRECT", redirect)
        .start()
        .await;
    Scene {
        registry,
        bucket,
        _toxiproxy: toxiproxy,
    }
}

#[tokio::test]
async fn without_the_bucket_pulls_go_on_and_pushes_are_told_to_come_again() {
    let scene = start("on").await;
    let (registry, bucket) = (&scene.registry, &scene.bucket);
    let repository = registry.repository("team/app");
    let image = Document::image(1);
    repository.push("1", &image).await;
    let large = Blob::random(2 << 20);
    repository.push_blob(&large).await;
    bucket.cut().await;

    repository.expect_manifest("1", &image).await;
    repository.expect_blob(&large).await;
    let blob = Blob::random(1_000);
    let push = repository.request(
        http::Method::POST,
        &format!("blobs/uploads/?digest={}", blob.digest),
    );
    let answer = push.body(blob.bytes.clone()).send().await;
    answer.expect_error(503, "UNAVAILABLE");
    answer.required_header("retry-after");
    let inline = repository.get_blob(&image.blobs[0].digest).send().await;
    inline.expect_error(503, "UNAVAILABLE");
    let ready = registry.admin().get("/readyz").send().await;
    let said = ready.expect_status(200).text().to_owned();
    assert!(
        said.contains("[!] storage failed") && said.ends_with("degraded\n"),
        "{said}"
    );

    bucket.heal().await;
    repository.push_blob(&blob).await;
    repository.expect_blob(&blob).await;
}

#[tokio::test]
async fn a_pod_that_serves_blobs_itself_is_not_ready_without_the_bucket() {
    let scene = start("off").await;
    let (registry, bucket) = (&scene.registry, &scene.bucket);
    bucket.cut().await;
    registry.admin().wait_for("/readyz", 503, LIMIT).await;
    bucket.heal().await;
    registry.admin().wait_for("/readyz", 200, LIMIT).await;
}
