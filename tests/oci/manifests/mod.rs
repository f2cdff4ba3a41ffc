//! Manifests: pushing and pulling them byte for byte under tags and digests.

mod conditions;
mod deletes;
mod media_types;
mod references;

use berth_tests::{Document, for_each_backend};

#[tokio::test]
async fn a_pushed_manifest_comes_back_by_tag_and_by_digest() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        let repository = registry.repository("team/app");
        let image = Document::image(2);
        let created = repository.push("latest", &image).await;
        assert_eq!(
            created.location(),
            repository.path(&format!("manifests/{}", image.digest))
        );
        created.expect_no_header("oci-subject");

        for reference in ["latest", &image.digest] {
            repository.expect_manifest(reference, &image).await;
            let head = repository.head_manifest(reference).send().await;
            head.expect_status(200)
                .expect_header("content-type", &image.media_type);
            head.expect_header("content-length", image.bytes.len().to_string());
            head.expect_header("docker-content-digest", &image.digest);
            assert!(head.body().is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn pushing_the_same_again_changes_nothing() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        let repository = registry.repository("team/app");
        let image = Document::image(1);
        repository.push("1", &image).await;
        let before = registry.snapshot().await;
        repository
            .put_manifest("1", &image)
            .send()
            .await
            .expect_status(201);
        assert_eq!(registry.snapshot().await, before);
        repository.expect_manifest("1", &image).await;
    })
    .await;
}

#[tokio::test]
async fn a_tag_moves_and_what_it_left_stays() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        let repository = registry.repository("team/app");
        let (first, second) = (Document::image(1), Document::image(1));
        repository.push("latest", &first).await;
        repository.push("latest", &second).await;
        repository.expect_manifest("latest", &second).await;
        repository.expect_manifest(&first.digest, &first).await;
    })
    .await;
}

#[tokio::test]
async fn a_manifest_may_be_addressed_by_sha512() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        let repository = registry.repository("team/app");
        let image = Document::image(1).as_sha512();
        repository.push(&image.digest, &image).await;
        repository.expect_manifest(&image.digest, &image).await;
        repository
            .delete_manifest(&image.digest)
            .send()
            .await
            .expect_status(202);
        repository
            .get_manifest(&image.digest)
            .send()
            .await
            .expect_error(404, "MANIFEST_UNKNOWN");
    })
    .await;
}

#[tokio::test]
async fn one_push_sets_many_tags() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        let repository = registry.repository("team/app");
        let (old, image) = (Document::image(1), Document::image(1));
        repository.push("latest", &old).await;
        repository.push(&image.digest, &image).await;

        let reference = format!("{}?tag=1.2.3&tag=1.2&tag=latest", image.digest);
        let created = repository.put_manifest(&reference, &image).send().await;
        created
            .expect_status(201)
            .expect_header("docker-content-digest", &image.digest);
        let mut accepted = created.header_list("oci-tag");
        accepted.sort_unstable();
        assert_eq!(accepted, ["1.2", "1.2.3", "latest"]);
        for tag in accepted {
            repository.expect_manifest(tag, &image).await;
        }
        repository.expect_manifest(&old.digest, &old).await;
    })
    .await;
}

#[tokio::test]
async fn a_hundred_tags_are_answered_in_a_head_that_clients_read() {
    for_each_backend(async |builder| {
        // Many HTTP libraries take no more than a hundred headers.
        let registry = builder.start().await;
        let repository = registry.repository("team/app");
        let image = Document::image(1);
        repository.push(&image.digest, &image).await;
        let tags: Vec<_> = (0..100).map(|number| format!("tag=v{number:02}")).collect();
        let reference = format!("{}?{}", image.digest, tags.join("&"));
        let created = repository.put_manifest(&reference, &image).send().await;
        assert_eq!(created.expect_status(201).header_list("oci-tag").len(), 100);
    })
    .await;
}

#[tokio::test]
async fn one_bad_tag_among_many_leaves_all_unset() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        let repository = registry.repository("team/app");
        let image = Document::image(1);
        for blob in &image.blobs {
            repository.push_blob(blob).await;
        }
        let reference = format!("{}?tag=good&tag=-bad&tag=fine", image.digest);
        repository
            .put_manifest(&reference, &image)
            .send()
            .await
            .expect_error(400, "MANIFEST_INVALID");
        assert_eq!(repository.get_manifest("good").send().await.status(), 404);
        assert_eq!(
            repository.get_manifest(&image.digest).send().await.status(),
            404
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_absent_is_404() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        let repository = registry.repository("team/app");
        repository.push("1", &Document::image(1)).await;
        for reference in ["2", &Document::image(1).digest] {
            repository
                .get_manifest(reference)
                .send()
                .await
                .expect_error(404, "MANIFEST_UNKNOWN");
            let head = repository.head_manifest(reference).send().await;
            assert!(head.expect_status(404).body().is_empty());
            repository
                .delete_manifest(reference)
                .send()
                .await
                .expect_error(404, "MANIFEST_UNKNOWN");
        }
        registry
            .repository("nobody/nothing")
            .get_manifest("1")
            .send()
            .await
            .expect_status(404);
        registry
            .repository("team/other")
            .get_manifest("1")
            .send()
            .await
            .expect_status(404);
    })
    .await;
}

#[tokio::test]
async fn simultaneous_pushes_to_one_tag_leave_one_whole_manifest() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        let repository = registry.repository("team/app");
        let images: Vec<_> = (0..8).map(|_| Document::image(1)).collect();
        for image in &images {
            repository.push(&image.digest, image).await;
        }
        let pushes = images
            .iter()
            .map(|image| repository.put_manifest("latest", image).send());
        for response in futures_util::future::join_all(pushes).await {
            response.expect_status(201);
        }
        let winner = repository
            .head_manifest("latest")
            .send()
            .await
            .required_header("docker-content-digest")
            .to_owned();
        let winner = images
            .iter()
            .find(|image| image.digest == winner)
            .expect("one of those pushed");
        repository.expect_manifest("latest", winner).await;
    })
    .await;
}
