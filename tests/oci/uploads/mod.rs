//! Uploads: the ways in which clients send a blob, and what a session answers at each step.

mod chunks;
mod endings;
mod races;
mod resuming;

use berth_tests::{Blob, for_each_registry, in_each_repository};

#[tokio::test]
async fn a_session_says_where_it_is_and_how_far() {
    in_each_repository(async |repository| {
        let opened = repository
            .request(http::Method::POST, "blobs/uploads/")
            .expect(202)
            .await;
        opened.expect_header("content-length", "0");
        opened.required_header("docker-upload-uuid");
        let location = opened.location();
        assert!(
            location.starts_with(&repository.path("blobs/uploads/")),
            "{location}"
        );
        // Older clients read the range as two numbers: nothing yet is 0-0, and no unit stands before it.
        let status = repository.client().get(&location).expect(204).await;
        status.expect_header("range", "0-0");

        let sent = repository.patch(&location, &[1; 100]).send().await;
        sent.expect_status(202)
            .expect_header("range", "0-99")
            .expect_header("content-length", "0");
        let status = repository.client().get(&sent.location()).expect(204).await;
        status.expect_header("range", "0-99");
        status.required_header("location");
    })
    .await;
}

#[tokio::test]
async fn in_one_request() {
    in_each_repository(async |repository| {
        for blob in [
            Blob::random(100_000),
            Blob::random(0),
            Blob::random(100_000).as_sha512(),
        ] {
            let path = format!("blobs/uploads/?digest={}", blob.digest);
            let request = repository
                .request(http::Method::POST, &path)
                .header("content-type", "application/octet-stream");
            let created = request.body(blob.bytes.clone()).expect(201).await;
            created.expect_header("docker-content-digest", &blob.digest);
            assert_eq!(
                created.location(),
                repository.path(&format!("blobs/{}", blob.digest))
            );
            repository.expect_blob(&blob).await;
        }
    })
    .await;
}

#[tokio::test]
async fn as_post_and_put() {
    in_each_repository(async |repository| {
        for blob in [Blob::random(0), Blob::random(1), Blob::random(3 << 20)] {
            let created = repository.push_blob(&blob).await;
            assert_eq!(
                created.location(),
                repository.path(&format!("blobs/{}", blob.digest))
            );
            repository.expect_blob(&blob).await;
        }
    })
    .await;
}

#[tokio::test]
async fn as_docker_does_with_a_streamed_patch_of_unknown_length() {
    for_each_registry(async |registry| {
        let repository = registry.repository("team/app");
        let blob = Blob::random(300_000);
        let location = repository.start_upload().await;
        let mut connection = registry.connect().await;
        let head =
            format!("PATCH {location} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
        connection.send(head).await;
        for chunk in blob.bytes.chunks(32_768) {
            connection.send(format!("{:x}\r\n", chunk.len())).await;
            connection.send(chunk).await;
            connection.send("\r\n").await;
        }
        connection.send("0\r\n\r\n").await;
        let sent = connection
            .response(std::time::Duration::from_secs(30))
            .await
            .expect("an answer");
        assert_eq!(
            (sent.status, sent.header("range")),
            (202, Some("0-299999")),
            "{}",
            sent.head
        );
        let location =
            berth_tests::client::path_of(sent.header("location").expect("a location")).to_owned();
        repository.finish(&location, &blob).await;
    })
    .await;
}

#[tokio::test]
async fn with_the_last_bytes_in_the_put() {
    in_each_repository(async |repository| {
        let blob = Blob::random(100_000);
        let (first, last) = blob.bytes.split_at(60_000);
        for with_range in [false, true] {
            let location = repository.start_upload_with(first).await;
            let mut finish = repository.finish_upload(&location, &blob.digest, last);
            if with_range {
                finish = finish.header("content-range", "60000-99999");
            }
            finish.expect(201).await;
            repository.expect_blob(&blob).await;
        }
    })
    .await;
}

#[tokio::test]
async fn nothing_is_visible_before_the_end() {
    in_each_repository(async |repository| {
        let blob = Blob::random(1000);
        let location = repository.start_upload_with(&blob.bytes).await;
        repository.expect_no_blob(&blob.digest).await;
        repository.finish(&location, &blob).await;
        repository.head_blob(&blob.digest).expect(200).await;
    })
    .await;
}

#[tokio::test]
async fn sha512_may_be_named_at_the_start_or_only_at_the_end() {
    in_each_repository(async |repository| {
        for query in ["?digest-algorithm=sha512", ""] {
            let blob = Blob::random(100_000).as_sha512();
            let path = format!("blobs/uploads/{query}");
            let opened = repository.request(http::Method::POST, &path).send().await;
            let mut location = opened.expect_status(202).location();
            for (number, chunk) in blob.bytes.chunks(30_000).enumerate() {
                let sent = repository
                    .patch_range(&location, number * 30_000, chunk)
                    .send()
                    .await;
                location = sent.expect_status(202).location();
            }
            let created = repository
                .finish_upload(&location, &blob.digest, &[])
                .expect(201)
                .await;
            created.expect_header("docker-content-digest", &blob.digest);
            repository.expect_blob(&blob).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_that_named_sha512_may_end_as_sha256() {
    in_each_repository(async |repository| {
        let blob = Blob::random(100_000);
        let opened = repository
            .request(http::Method::POST, "blobs/uploads/?digest-algorithm=sha512")
            .send()
            .await;
        let location = opened.expect_status(202).location();
        let location = repository.append(&location, &blob.bytes).await;
        repository.finish(&location, &blob).await;
    })
    .await;
}
