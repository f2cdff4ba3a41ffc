//! What strangers may do where nobody can log in.

use berth_tests::{Document, TestRegistry};

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
            .request(http::Method::POST, &format!("blobs/uploads/{query}"))
            .send()
    };
    upload("").await.expect_error(403, "DENIED");
    upload(&format!("?mount={}&from=team/app", image.blobs[0].digest))
        .await
        .expect_error(403, "DENIED");
    let blob = format!("blobs/{}", image.blobs[0].digest);
    repository
        .request(http::Method::DELETE, &blob)
        .send()
        .await
        .expect_error(403, "DENIED");
    assert_eq!(registry.snapshot().await, before);
}

#[tokio::test]
async fn nothing_may_be_all() {
    let registry = TestRegistry::builder()
        .option("--anonymous", "none")
        .start()
        .await;
    let repository = registry.repository("team/app");
    for request in [
        repository.get_manifest("1"),
        repository.get_blob(&Document::image(1).digest),
        repository.request(http::Method::POST, "blobs/uploads/"),
        repository.put_manifest("1", &Document::image(1)),
        registry.client().get("/v2/_catalog"),
    ] {
        let answer = request.send().await;
        assert!([401, 403, 404].contains(&answer.status()), "{answer:?}");
        assert!(answer.error_code().is_some(), "{answer:?}");
    }
}
