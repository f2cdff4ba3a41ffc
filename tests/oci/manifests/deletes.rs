//! Deleting manifests and tags: what goes with them, what stays, what is refused.

use berth_tests::{Document, for_each_backend};

#[tokio::test]
async fn deleting_a_tag_leaves_the_manifest_and_its_other_tags() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        let repository = registry.repository("team/app");
        let image = Document::image(1);
        repository.push("1", &image).await;
        repository.push("2", &image).await;
        repository
            .delete_manifest("1")
            .send()
            .await
            .expect_status(202);
        repository
            .get_manifest("1")
            .send()
            .await
            .expect_error(404, "MANIFEST_UNKNOWN");
        repository.expect_manifest("2", &image).await;
        repository
            .delete_manifest("2")
            .send()
            .await
            .expect_status(202);
        repository.expect_manifest(&image.digest, &image).await;
    })
    .await;
}

#[tokio::test]
async fn deleting_a_manifest_takes_its_tags() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        let repository = registry.repository("team/app");
        let (image, other) = (Document::image(1), Document::image(1));
        repository.push("other", &other).await;
        repository.push("1", &image).await;
        repository.push("2", &image).await;
        repository
            .delete_manifest(&image.digest)
            .send()
            .await
            .expect_status(202);
        for reference in ["1", "2", &image.digest] {
            repository
                .get_manifest(reference)
                .send()
                .await
                .expect_error(404, "MANIFEST_UNKNOWN");
            repository
                .delete_manifest(reference)
                .send()
                .await
                .expect_error(404, "MANIFEST_UNKNOWN");
        }
        assert_eq!(
            repository.tags("").await.json()["tags"],
            serde_json::json!(["other"])
        );
        repository.expect_manifest("other", &other).await;
    })
    .await;
}

#[tokio::test]
async fn what_was_deleted_can_be_pushed_again() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        let repository = registry.repository("team/app");
        let image = Document::image(1);
        for _ in 0..3 {
            repository.push("1", &image).await;
            repository.expect_manifest("1", &image).await;
            repository
                .delete_manifest(&image.digest)
                .send()
                .await
                .expect_status(202);
        }
    })
    .await;
}

#[tokio::test]
async fn a_child_of_an_index_is_not_deleted_before_it() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        let repository = registry.repository("team/app");
        let image = Document::image(1);
        repository.push("child", &image).await;
        let index = Document::index([&image]);
        repository.push("index", &index).await;
        let refused = repository.delete_manifest(&image.digest).send().await;
        refused.expect_error(405, "UNSUPPORTED");
        assert!(
            refused.text().contains(&index.digest),
            "it does not name the index: {refused:?}"
        );
        repository.expect_manifest("child", &image).await;

        repository
            .delete_manifest("child")
            .send()
            .await
            .expect_status(202);
        repository
            .delete_manifest(&index.digest)
            .send()
            .await
            .expect_status(202);
        repository
            .delete_manifest(&image.digest)
            .send()
            .await
            .expect_status(202);
    })
    .await;
}

#[tokio::test]
async fn the_same_manifest_elsewhere_is_untouched() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        let (one, other) = (
            registry.repository("team/app"),
            registry.repository("team/other"),
        );
        let image = Document::image(2);
        one.push("1", &image).await;
        other.push("1", &image).await;
        one.delete_manifest(&image.digest)
            .send()
            .await
            .expect_status(202);
        other.expect_manifest("1", &image).await;
        for blob in &image.blobs {
            other.expect_blob(blob).await;
        }
    })
    .await;
}
