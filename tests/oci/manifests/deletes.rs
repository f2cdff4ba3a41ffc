//! Deleting manifests and tags: what goes with them, what stays, what is refused.

use berth_tests::{Document, for_each_registry, in_each_repository};

#[tokio::test]
async fn deleting_a_tag_leaves_the_manifest_and_its_other_tags() {
    in_each_repository(async |repository| {
        let image = repository.push_image("1", 1).await;
        repository.push("2", &image).await;
        repository.delete_manifest("1").expect(202).await;
        repository.expect_no_manifest("1").await;
        repository.expect_manifest("2", &image).await;
        repository.delete_manifest("2").expect(202).await;
        repository.expect_manifest(&image.digest, &image).await;
    })
    .await;
}

#[tokio::test]
async fn deleting_a_manifest_takes_its_tags() {
    in_each_repository(async |repository| {
        let (image, other) = (Document::image(1), Document::image(1));
        repository.push("other", &other).await;
        repository.push("1", &image).await;
        repository.push("2", &image).await;
        repository.delete_manifest(&image.digest).expect(202).await;
        for reference in ["1", "2", &image.digest] {
            repository.expect_no_manifest(reference).await;
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
    in_each_repository(async |repository| {
        let image = Document::image(1);
        for _ in 0..3 {
            repository.push("1", &image).await;
            repository.expect_manifest("1", &image).await;
            repository.delete_manifest(&image.digest).expect(202).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_child_of_an_index_is_not_deleted_before_it() {
    in_each_repository(async |repository| {
        let image = repository.push_image("child", 1).await;
        let index = Document::index([&image]);
        repository.push("index", &index).await;
        let refused = repository
            .delete_manifest(&image.digest)
            .refused(405, "UNSUPPORTED")
            .await;
        assert!(
            refused.text().contains(&index.digest),
            "it does not name the index: {refused:?}"
        );
        repository.expect_manifest("child", &image).await;

        repository.delete_manifest("child").expect(202).await;
        repository.delete_manifest(&index.digest).expect(202).await;
        repository.delete_manifest(&image.digest).expect(202).await;
    })
    .await;
}

#[tokio::test]
async fn the_same_manifest_elsewhere_is_untouched() {
    for_each_registry(async |registry| {
        let [one, other] = registry.repositories(["team/app", "team/other"]);
        let image = one.push_image("1", 2).await;
        other.push("1", &image).await;
        one.delete_manifest(&image.digest).expect(202).await;
        other.expect_manifest("1", &image).await;
        for blob in &image.blobs {
            other.expect_blob(blob).await;
        }
    })
    .await;
}
