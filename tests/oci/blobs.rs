//! Blobs: reading them whole and in part, conditions, deleting, and that one repository never shows another's.

use berth_tests::{
    Blob, Repository, client::RequestBuilder, for_each_registry, in_each_repository,
};

/// Pushes a blob of 1,000 bytes.
async fn push_any(repository: &Repository) -> Blob {
    let blob = Blob::random(1000);
    repository.push_blob(&blob).await;
    blob
}

#[tokio::test]
async fn a_pushed_blob_comes_back_with_its_headers() {
    in_each_repository(async |repository| {
        let blob = Blob::random(70_000);
        repository.push_blob(&blob).await;
        for response in [
            repository.get_blob(&blob.digest).send().await,
            repository.head_blob(&blob.digest).send().await,
        ] {
            response
                .expect_status(200)
                .expect_header("content-length", "70000");
            response.expect_header("docker-content-digest", &blob.digest);
            // A browser must never take a layer for a page of this origin.
            response.expect_header("content-type", "application/octet-stream");
            response.expect_header("x-content-type-options", "nosniff");
            response.expect_header("accept-ranges", "bytes");
            response.expect_no_header("content-encoding");
        }
        repository.expect_blob(&blob).await;
        let head = repository.head_blob(&blob.digest).expect(200).await;
        assert!(head.body().is_empty());
    })
    .await;
}

#[tokio::test]
async fn blobs_of_every_size_come_back() {
    in_each_repository(async |repository| {
        let small = [0, 1, 63, 64, 65, 4096];
        let large = [1 << 18, (1 << 20) - 1, (1 << 20) + 1, 9 << 20];
        for size in small.into_iter().chain(large) {
            let blob = Blob::random(size);
            repository.push_blob(&blob).await;
            repository.expect_blob(&blob).await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_accepted_encoding_does_not_change_the_bytes() {
    in_each_repository(async |repository| {
        // containerd offers these and counts the content's length for its parallel ranges.
        let blob = Blob::new(vec![0; 100_000]);
        repository.push_blob(&blob).await;
        let response = repository
            .get_blob(&blob.digest)
            .header("accept-encoding", "zstd, gzip, deflate, br")
            .expect(200)
            .await;
        response
            .expect_header("content-length", "100000")
            .expect_no_header("content-encoding");
        assert!(response.body() == &blob.bytes);
    })
    .await;
}

fn part(repository: &Repository, blob: &Blob, range: &str) -> RequestBuilder {
    let request = repository.get_blob(&blob.digest);
    request.header("range", range)
}

#[tokio::test]
async fn a_range_is_served_alone() {
    in_each_repository(async |repository| {
        let blob = push_any(&repository).await;
        for (range, start, end) in [
            ("bytes=0-0", 0, 0),
            ("bytes=0-99", 0, 99),
            ("bytes=990-999", 990, 999),
            ("bytes=500-", 500, 999),
            ("bytes=900-5000", 900, 999),
            ("bytes=-1", 999, 999),
            ("bytes=-5000", 0, 999),
            ("bytes=0-18446744073709551615", 0, 999),
        ] {
            let response = part(&repository, &blob, range).expect(206).await;
            response.expect_header("content-range", format!("bytes {start}-{end}/1000"));
            response.expect_header("content-length", (end - start + 1).to_string());
            response.expect_header("docker-content-digest", &blob.digest);
            assert!(response.body() == &blob.bytes.slice(start..=end), "{range}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_range_that_names_nothing_is_416() {
    in_each_repository(async |repository| {
        let blob = push_any(&repository).await;
        for range in ["bytes=1000-", "bytes=1000-2000", "bytes=500-0", "bytes=-0"] {
            let response = part(&repository, &blob, range).expect(416).await;
            response.expect_header("content-range", "bytes */1000");
        }
    })
    .await;
}

#[tokio::test]
async fn a_range_that_is_not_understood_is_ignored() {
    in_each_repository(async |repository| {
        let blob = push_any(&repository).await;
        // RFC 9110, section 14.2: an unknown unit or an invalid set is ignored, and a set of several may be.
        let many = (0..500)
            .map(|start| format!("{start}-{start}"))
            .collect::<Vec<_>>()
            .join(",");
        for range in [
            "lines=1-2",
            "bytes=",
            "bytes=a-b",
            "bytes 0-1",
            "bytes=0-1,3-4",
            &format!("bytes={many}"),
        ] {
            let response = part(&repository, &blob, range).expect(200).await;
            response.expect_header("content-length", "1000");
        }
        // Ranges are for GET alone.
        let response = repository
            .head_blob(&blob.digest)
            .header("range", "bytes=0-9")
            .expect(200)
            .await;
        response.expect_header("content-length", "1000");
    })
    .await;
}

#[tokio::test]
async fn what_the_client_has_is_not_sent_again() {
    in_each_repository(async |repository| {
        let blob = push_any(&repository).await;
        let tag = repository
            .get_blob(&blob.digest)
            .send()
            .await
            .required_header("etag")
            .to_owned();
        assert_eq!(tag, format!("\"{}\"", blob.digest));
        for condition in [
            tag.as_str(),
            &format!("W/{tag}"),
            &format!("\"other\", {tag}"),
            "*",
        ] {
            for request in [
                repository.get_blob(&blob.digest),
                repository.head_blob(&blob.digest),
            ] {
                let response = request.header("if-none-match", condition).expect(304).await;
                response.expect_header("etag", &tag);
                assert!(response.body().is_empty());
            }
        }
        repository
            .get_blob(&blob.digest)
            .header("if-none-match", "\"other\"")
            .expect(200)
            .await;
    })
    .await;
}

#[tokio::test]
async fn a_blob_is_invisible_in_a_repository_that_has_it_not() {
    for_each_registry(async |registry| {
        let blob = Blob::random(1000);
        let [repository, other] = registry.repositories(["team/app", "team/other"]);
        repository.push_blob(&blob).await;
        other.push_blob(&Blob::random(10)).await;
        other.expect_no_blob(&blob.digest).await;
        registry
            .repository("nobody/nothing")
            .get_blob(&blob.digest)
            .expect(404)
            .await;
    })
    .await;
}

#[tokio::test]
async fn a_deleted_blob_is_gone_from_its_repository_only() {
    for_each_registry(async |registry| {
        let blob = Blob::random(1000);
        let [repository, other] = registry.repositories(["team/app", "team/other"]);
        repository.push_blob(&blob).await;
        other.push_blob(&blob).await;

        repository.delete_blob(&blob.digest).expect(202).await;
        repository.expect_no_blob(&blob.digest).await;
        other.expect_blob(&blob).await;
        repository.push_blob(&blob).await;
        repository.expect_blob(&blob).await;
    })
    .await;
}

#[tokio::test]
async fn a_blob_that_a_manifest_needs_is_not_deleted() {
    in_each_repository(async |repository| {
        let image = repository.push_image("1", 2).await;
        for blob in &image.blobs {
            let refused = repository.expect_held(blob).await;
            assert!(
                refused.text().contains(&image.digest),
                "it does not name the manifest: {refused:?}"
            );
        }
        repository.delete_manifest(&image.digest).expect(202).await;
        let first = &image.blobs[0].digest;
        repository.delete_blob(first).expect(202).await;
    })
    .await;
}
