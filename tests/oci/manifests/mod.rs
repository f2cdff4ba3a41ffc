//! Manifests: pushing and pulling them byte for byte under tags and digests.

mod conditions;
mod deletes;
mod media_types;
mod references;

use berth_tests::{Document, for_each_registry, in_each_repository};

#[tokio::test]
async fn a_pushed_manifest_comes_back_by_tag_and_by_digest() {
    in_each_repository(async |repository| {
        let image = Document::image(2);
        let created = repository.push("latest", &image).await;
        assert_eq!(
            created.location(),
            repository.path(&format!("manifests/{}", image.digest))
        );
        created.expect_no_header("oci-subject");

        for reference in ["latest", &image.digest] {
            repository.expect_manifest(reference, &image).await;
            let head = repository.head_manifest(reference).expect(200).await;
            head.expect_header("content-type", &image.media_type);
            head.expect_header("content-length", image.bytes.len().to_string());
            head.expect_header("docker-content-digest", &image.digest);
            assert!(head.body().is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn pushing_the_same_again_changes_nothing() {
    for_each_registry(async |registry| {
        let repository = registry.repository("team/app");
        let image = repository.push_image("1", 1).await;
        let before = registry.snapshot().await;
        repository.put_manifest("1", &image).expect(201).await;
        assert_eq!(registry.snapshot().await, before);
        repository.expect_manifest("1", &image).await;
    })
    .await;
}

#[tokio::test]
async fn a_tag_moves_and_what_it_left_stays() {
    in_each_repository(async |repository| {
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
    in_each_repository(async |repository| {
        let image = Document::image(1).as_sha512();
        repository.push(&image.digest, &image).await;
        repository.expect_manifest(&image.digest, &image).await;
        repository.delete_manifest(&image.digest).expect(202).await;
        repository.expect_no_manifest(&image.digest).await;
    })
    .await;
}

#[tokio::test]
async fn one_push_sets_many_tags() {
    in_each_repository(async |repository| {
        let (old, image) = (Document::image(1), Document::image(1));
        repository.push("latest", &old).await;
        repository.push(&image.digest, &image).await;

        let reference = format!("{}?tag=1.2.3&tag=1.2&tag=latest", image.digest);
        let created = repository
            .put_manifest(&reference, &image)
            .expect(201)
            .await;
        created.expect_header("docker-content-digest", &image.digest);
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
    in_each_repository(async |repository| {
        // Many HTTP libraries take no more than a hundred headers.
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
    in_each_repository(async |repository| {
        let image = Document::image(1);
        for blob in &image.blobs {
            repository.push_blob(blob).await;
        }
        let reference = format!("{}?tag=good&tag=-bad&tag=fine", image.digest);
        repository
            .put_manifest(&reference, &image)
            .refused(400, "MANIFEST_INVALID")
            .await;
        repository.expect_no_manifest("good").await;
        repository.expect_no_manifest(&image.digest).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_absent_is_404() {
    for_each_registry(async |registry| {
        let repository = registry.repository("team/app");
        repository.push("1", &Document::image(1)).await;
        for reference in ["2", &Document::image(1).digest] {
            repository.expect_no_manifest(reference).await;
            let head = repository.head_manifest(reference).send().await;
            assert!(head.expect_status(404).body().is_empty());
        }
        registry
            .repository("nobody/nothing")
            .get_manifest("1")
            .expect(404)
            .await;
        registry
            .repository("team/other")
            .get_manifest("1")
            .expect(404)
            .await;
    })
    .await;
}

#[tokio::test]
async fn simultaneous_pushes_to_one_tag_leave_one_whole_manifest() {
    in_each_repository(async |repository| {
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
