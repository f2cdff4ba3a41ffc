//! What strangers may do where nobody can log in.

use berth_tests::{Document, TestRegistry, content::sha256};
use http::Method;

#[tokio::test]
async fn pulling_may_be_all() {
    let directory = tempfile::tempdir().expect("a directory");
    let image = Document::image(1);
    let builder = TestRegistry::builder().data_directory(directory.path());
    let mut registry = builder.clone().start().await;
    registry.repository("team/app").push("1", &image).await;
    registry.terminate();
    registry
        .wait_for_exit(std::time::Duration::from_secs(20))
        .await;

    let registry = builder.option("--anonymous", "pull").start().await;
    let repository = registry.repository("team/app");
    repository.expect_manifest("1", &image).await;
    repository.expect_blob(&image.blobs[0]).await;
    let before = registry.snapshot().await;
    repository
        .put_manifest("2", &image)
        .send()
        .await
        .expect_error(403, "DENIED");
    repository
        .delete_manifest("1")
        .send()
        .await
        .expect_error(403, "DENIED");
    let upload = |query: &str| {
        repository
            .request(Method::POST, &format!("blobs/uploads/{query}"))
            .send()
    };
    upload("").await.expect_error(403, "DENIED");
    upload(&format!("?mount={}&from=team/app", image.blobs[0].digest))
        .await
        .expect_error(403, "DENIED");
    let blob = format!("blobs/{}", image.blobs[0].digest);
    repository
        .request(Method::DELETE, &blob)
        .send()
        .await
        .expect_error(403, "DENIED");
    assert_eq!(registry.snapshot().await, before);
}

#[tokio::test]
async fn nothing_may_be_all() {
    let directory = tempfile::tempdir().expect("a directory");
    let image = Document::image(1);
    let builder = TestRegistry::builder().data_directory(directory.path());
    let mut registry = builder.clone().start().await;
    // What is asked for below is there, so that only the rule can refuse it.
    let repository = registry.repository("team/app");
    repository.push("1", &image).await;
    let session = repository.start_upload().await;
    registry.terminate();
    registry
        .wait_for_exit(std::time::Duration::from_secs(20))
        .await;

    let registry = builder.option("--anonymous", "none").start().await;
    let (client, repository) = (registry.client(), registry.repository("team/app"));
    let blob = &image.blobs[0].digest;
    let mount = format!("blobs/uploads/?mount={blob}&from=team/app");
    for request in [
        repository.get_manifest("1"),
        repository.get_manifest(&image.digest),
        repository.get_blob(blob),
        repository.request(Method::GET, "tags/list"),
        repository.request(Method::GET, &format!("referrers/{}", image.digest)),
        client.get("/v2/_catalog"),
        repository.request(Method::POST, "blobs/uploads/"),
        repository.request(Method::POST, &mount),
        client.get(&session),
        repository.patch(&session, b"some"),
        repository.finish_upload(&session, &sha256(b""), b""),
        client.delete(&session),
        repository.put_manifest("2", &image),
        repository.delete_manifest("1"),
        repository.delete_manifest(&image.digest),
        repository.request(Method::DELETE, &format!("blobs/{blob}")),
    ] {
        request.send().await.expect_error(403, "DENIED");
    }
    for request in [repository.head_manifest("1"), repository.head_blob(blob)] {
        request.send().await.expect_status(403);
    }
}
