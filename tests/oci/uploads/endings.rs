//! How sessions end: finished, finished twice, cancelled, refused; and to whom they belong.

use berth_tests::{Blob, Repository, for_each_backend};

async fn expect_gone(repository: &Repository, location: &str) {
    let client = repository.client();
    client
        .get(location)
        .send()
        .await
        .expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    repository
        .patch(location, b"more")
        .send()
        .await
        .expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    client
        .delete(location)
        .send()
        .await
        .expect_error(404, "BLOB_UPLOAD_UNKNOWN");
}

#[tokio::test]
async fn a_repeated_end_is_answered_as_the_first() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        let repository = registry.repository("team/app");
        let blob = Blob::random(1000);
        let location = repository.start_upload().await;
        let location = repository
            .patch(&location, &blob.bytes)
            .send()
            .await
            .location();
        // The answer to the first may be lost: a client repeats it.
        for _ in 0..3 {
            let created = repository
                .finish_upload(&location, &blob.digest, &[])
                .send()
                .await;
            created
                .expect_status(201)
                .expect_header("docker-content-digest", &blob.digest);
        }
        let other = repository
            .finish_upload(&location, &Blob::random(1000).digest, &[])
            .send()
            .await;
        other.expect_error(404, "BLOB_UPLOAD_UNKNOWN");
        repository
            .patch(&location, b"more")
            .send()
            .await
            .expect_error(404, "BLOB_UPLOAD_UNKNOWN");
        repository.expect_blob(&blob).await;
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_session_is_gone() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        let repository = registry.repository("team/app");
        let blob = Blob::random(1000);
        let location = repository.start_upload().await;
        let location = repository
            .patch(&location, &blob.bytes)
            .send()
            .await
            .location();
        repository
            .client()
            .delete(&location)
            .send()
            .await
            .expect_status(204);
        expect_gone(&repository, &location).await;
        let finished = repository
            .finish_upload(&location, &blob.digest, &[])
            .send()
            .await;
        finished.expect_error(404, "BLOB_UPLOAD_UNKNOWN");
        repository
            .head_blob(&blob.digest)
            .send()
            .await
            .expect_status(404);
    })
    .await;
}

#[tokio::test]
async fn a_wrong_digest_ends_the_session() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        let repository = registry.repository("team/app");
        let (blob, other) = (Blob::random(1000), Blob::random(1000));
        for wrong in [other.digest.clone(), other.as_sha512().digest] {
            let location = repository.start_upload().await;
            let location = repository
                .patch(&location, &blob.bytes)
                .send()
                .await
                .location();
            repository
                .finish_upload(&location, &wrong, &[])
                .send()
                .await
                .expect_error(400, "DIGEST_INVALID");
            expect_gone(&repository, &location).await;
            repository.head_blob(&wrong).send().await.expect_status(404);
            repository
                .head_blob(&blob.digest)
                .send()
                .await
                .expect_status(404);
        }
    })
    .await;
}

#[tokio::test]
async fn an_end_without_a_usable_digest_leaves_the_session() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        let repository = registry.repository("team/app");
        let blob = Blob::random(1000);
        let location = repository.start_upload().await;
        let location = repository
            .patch(&location, &blob.bytes)
            .send()
            .await
            .location();
        repository
            .client()
            .put(&location)
            .send()
            .await
            .expect_error(400, "DIGEST_INVALID");
        for unusable in [
            "",
            "sha256:abc",
            "md5:d41d8cd98f00b204e9800998ecf8427e",
            &blob.digest.to_uppercase(),
        ] {
            repository
                .finish_upload(&location, unusable, &[])
                .send()
                .await
                .expect_error(400, "DIGEST_INVALID");
        }
        repository
            .finish_upload(&location, &blob.digest, &[])
            .send()
            .await
            .expect_status(201);
        repository.expect_blob(&blob).await;
    })
    .await;
}

#[tokio::test]
async fn a_session_belongs_to_its_repository() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        let (one, other) = (
            registry.repository("team/app"),
            registry.repository("team/other"),
        );
        other.push_blob(&Blob::random(10)).await;
        let blob = Blob::random(1000);
        let location = one.start_upload().await;
        let elsewhere = location.replacen("team/app", "team/other", 1);
        other
            .client()
            .get(&elsewhere)
            .send()
            .await
            .expect_error(404, "BLOB_UPLOAD_UNKNOWN");
        other
            .patch(&elsewhere, &blob.bytes)
            .send()
            .await
            .expect_error(404, "BLOB_UPLOAD_UNKNOWN");
        let finished = other
            .finish_upload(&elsewhere, &blob.digest, &blob.bytes)
            .send()
            .await;
        finished.expect_error(404, "BLOB_UPLOAD_UNKNOWN");
        other
            .client()
            .delete(&elsewhere)
            .send()
            .await
            .expect_error(404, "BLOB_UPLOAD_UNKNOWN");
        one.finish_upload(&location, &blob.digest, &blob.bytes)
            .send()
            .await
            .expect_status(201);
    })
    .await;
}

#[tokio::test]
async fn a_finished_upload_is_one_file_however_often_it_is_read() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        let repository = registry.repository("team/app");
        let before = registry.snapshot().await.files();
        let blob = Blob::random(100_000);
        let location = repository.start_upload().await;
        let mut location = location;
        for chunk in blob.bytes.chunks(10_000) {
            location = repository
                .patch(&location, chunk)
                .send()
                .await
                .expect_status(202)
                .location();
        }
        repository
            .finish_upload(&location, &blob.digest, &[])
            .send()
            .await
            .expect_status(201);
        repository.expect_blob(&blob).await;
        assert_eq!(registry.snapshot().await.files(), before + 1);
    })
    .await;
}
