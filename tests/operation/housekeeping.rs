//! What nobody finishes is cleaned up, and what somebody works on stays.

use std::time::{Duration, Instant};

use berth_tests::{Blob, TestRegistry, for_each_backend};
use tokio::time::sleep;

/// Waits until the store holds this many files.
async fn wait_for_files(registry: &TestRegistry, expected: usize) {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let files = registry.stored().await;
        if files.len() == expected {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "the store should hold {expected} files: {files:?}"
        );
        sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn abandoned_sessions_end_and_leave_nothing() {
    for_each_backend(async |builder| {
        let times = "uploads:\n  idle_timeout: 2s\n  deletion_delay: 0s\njobs:\n  interval: 1s";
        let registry = builder.configuration(times).start().await;
        let repository = registry.repository("team/app");
        let before = registry.stored().await.len();
        let mut sessions = Vec::new();
        for _ in 0..5 {
            let location = repository.start_upload().await;
            repository
                .patch(&location, &[1; 10_000])
                .send()
                .await
                .expect_status(202);
            sessions.push(location);
        }
        wait_for_files(&registry, before).await;
        for session in sessions {
            repository
                .client()
                .get(&session)
                .send()
                .await
                .expect_error(404, "BLOB_UPLOAD_UNKNOWN");
        }
        repository.push_blob(&Blob::random(1000)).await;
    })
    .await;
}

#[tokio::test]
async fn a_session_in_use_is_not_abandoned() {
    for_each_backend(async |builder| {
        let times = "uploads:\n  idle_timeout: 3s\n  deletion_delay: 0s\njobs:\n  interval: 1s";
        let registry = builder.configuration(times).start().await;
        let repository = registry.repository("team/app");
        let blob = Blob::random(10_000);
        let mut location = repository.start_upload().await;
        for chunk in blob.bytes.chunks(1000) {
            sleep(Duration::from_millis(700)).await;
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
    })
    .await;
}
