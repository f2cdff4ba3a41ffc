//! How sessions end: finished, finished twice, cancelled, refused; and to whom they belong.

use std::time::{Duration, Instant};

use berth_tests::{Blob, for_each_backend, for_each_registry, in_each_repository};
use tokio::time::sleep;

#[tokio::test]
async fn a_repeated_end_is_answered_as_the_first() {
    in_each_repository(async |repository| {
        let blob = Blob::random(1000);
        let location = repository.start_upload_with(&blob.bytes).await;
        // The answer to the first may be lost: a client repeats it.
        for _ in 0..3 {
            let created = repository
                .finish_upload(&location, &blob.digest, &[])
                .expect(201)
                .await;
            created.expect_header("docker-content-digest", &blob.digest);
        }
        repository
            .finish_upload(&location, &Blob::random(1000).digest, &[])
            .refused(404, "BLOB_UPLOAD_UNKNOWN")
            .await;
        repository
            .patch(&location, b"more")
            .refused(404, "BLOB_UPLOAD_UNKNOWN")
            .await;
        repository.expect_blob(&blob).await;
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_session_is_gone() {
    in_each_repository(async |repository| {
        let blob = Blob::random(1000);
        let location = repository.start_upload_with(&blob.bytes).await;
        repository.client().delete(&location).expect(204).await;
        repository.expect_no_upload(&location).await;
        repository
            .finish_upload(&location, &blob.digest, &[])
            .refused(404, "BLOB_UPLOAD_UNKNOWN")
            .await;
        repository.expect_no_blob(&blob.digest).await;
    })
    .await;
}

#[tokio::test]
async fn a_wrong_digest_ends_the_session() {
    in_each_repository(async |repository| {
        let (blob, other) = (Blob::random(1000), Blob::random(1000));
        for wrong in [other.digest.clone(), other.as_sha512().digest] {
            let location = repository.start_upload_with(&blob.bytes).await;
            repository
                .finish_upload(&location, &wrong, &[])
                .refused(400, "DIGEST_INVALID")
                .await;
            repository.expect_no_upload(&location).await;
            repository.expect_no_blob(&wrong).await;
            repository.expect_no_blob(&blob.digest).await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_end_without_a_usable_digest_leaves_the_session() {
    in_each_repository(async |repository| {
        let blob = Blob::random(1000);
        let location = repository.start_upload_with(&blob.bytes).await;
        repository
            .client()
            .put(&location)
            .refused(400, "DIGEST_INVALID")
            .await;
        for unusable in [
            "",
            "sha256:abc",
            "md5:d41d8cd98f00b204e9800998ecf8427e",
            &blob.digest.to_uppercase(),
        ] {
            repository
                .finish_upload(&location, unusable, &[])
                .refused(400, "DIGEST_INVALID")
                .await;
        }
        repository.finish(&location, &blob).await;
    })
    .await;
}

#[tokio::test]
async fn a_session_belongs_to_its_repository() {
    for_each_registry(async |registry| {
        let [one, other] = registry.repositories(["team/app", "team/other"]);
        other.push_blob(&Blob::random(10)).await;
        let blob = Blob::random(1000);
        let location = one.start_upload().await;
        let elsewhere = location.replacen("team/app", "team/other", 1);
        other.expect_no_upload(&elsewhere).await;
        other
            .finish_upload(&elsewhere, &blob.digest, &blob.bytes)
            .refused(404, "BLOB_UPLOAD_UNKNOWN")
            .await;
        one.finish_upload(&location, &blob.digest, &blob.bytes)
            .expect(201)
            .await;
    })
    .await;
}

#[tokio::test]
async fn a_finished_upload_is_one_file_however_often_it_is_read() {
    for_each_backend(async |builder| {
        // What chunks left on their way goes with the session's tombstone.
        let swept = "uploads:\n  deletion_delay: 0s\njobs:\n  interval: 1s";
        let registry = builder.configuration(swept).start().await;
        let repository = registry.repository("team/app");
        let before = registry.snapshot().await.files();
        let blob = Blob::random(100_000);
        repository.push_in_chunks(&blob, 10_000).await;
        let deadline = Instant::now() + Duration::from_secs(20);
        while registry.snapshot().await.files() != before + 1 {
            assert!(Instant::now() < deadline, "{:?}", registry.snapshot().await);
            sleep(Duration::from_millis(100)).await;
        }
        repository.expect_blob(&blob).await;
    })
    .await;
}
