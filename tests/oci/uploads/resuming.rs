//! Interrupted uploads: what was acknowledged is there after any crash, and the session goes on from exactly there.

use std::time::{Duration, Instant};

use berth_tests::{Blob, Repository, TestRegistry, for_each_registry, on_embedded};

/// The next byte that a session wants.
async fn offset(repository: &Repository, location: &str) -> usize {
    let status = repository.client().get(location).send().await;
    let range = status
        .expect_status(204)
        .required_header("range")
        .to_owned();
    let (start, end) = range.split_once('-').expect("two numbers");
    assert_eq!(start, "0");
    let end: usize = end.parse().expect("a number");
    if end == 0 { 0 } else { end + 1 }
}

/// Sends the rest of a blob from wherever the session is.
async fn resume(repository: &Repository, location: &str, blob: &Blob) {
    let from = offset(repository, location).await;
    let rest = &blob.bytes[from..];
    let location = repository.append_at(location, from, rest).await;
    repository.finish(&location, blob).await;
}

/// The same for a session whose writer has vanished: the server learns of that in its own time, of a pod that died when
/// its lease of 10 s runs out.
async fn resume_when_free(repository: &Repository, location: &str, blob: &Blob) {
    let deadline = Instant::now() + Duration::from_mins(1);
    let sent = loop {
        let from = offset(repository, location).await;
        let sent = repository
            .patch_range(location, from, &blob.bytes[from..])
            .send()
            .await;
        if sent.status() == 202 {
            break sent;
        }
        assert!([416, 429].contains(&sent.status()), "{sent:?}");
        assert!(
            Instant::now() < deadline,
            "the session is not given back: {sent:?}"
        );
    };
    let location = sent.location();
    repository.finish(&location, blob).await;
}

#[tokio::test]
async fn after_kill_9_it_goes_on_from_the_last_acknowledged_byte() {
    for_each_registry(async |mut registry| {
        for blob in [Blob::random(3_000_001), Blob::random(3_000_001).as_sha512()] {
            let algorithm = &blob.digest[..6];
            let opened = registry.repository("team/app").request(
                http::Method::POST,
                &format!("blobs/uploads/?digest-algorithm={algorithm}"),
            );
            let mut location = opened.expect(202).await.location();
            let mut from = 0;
            // Odd sizes, so that every restart begins in the middle of a block of the hash.
            for step in [1_000_003, 17, 999_999] {
                let repository = registry.repository("team/app");
                let sent = repository
                    .patch_range(&location, from, &blob.bytes[from..from + step])
                    .send()
                    .await;
                location = sent.expect_status(202).location();
                from += step;
                registry.kill_hard();
                registry.restart().await;
                assert_eq!(
                    offset(&registry.repository("team/app"), &location).await,
                    from
                );
            }
            resume(&registry.repository("team/app"), &location, &blob).await;
        }
    })
    .await;
}

/// Sends a part of a blob, is killed in the middle of the next chunk, and comes back.
async fn kill_in_a_chunk(registry: &mut TestRegistry, blob: &Blob) -> String {
    let repository = registry.repository("team/app");
    let location = repository.start_upload().await;
    let location = repository
        .append_at(&location, 0, &blob.bytes[..1_000_000])
        .await;
    let mut writer = registry.connect().await;
    let head = format!(
        "PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\nContent-Range: 1000000-3999999\r\n\r\n"
    );
    writer.send(head).await;
    writer.send(&blob.bytes[1_000_000..2_500_000]).await;
    registry.kill_hard();
    registry.restart().await;
    let from = offset(&registry.repository("team/app"), &location).await;
    assert!((1_000_000..=2_500_000).contains(&from), "{from}");
    location
}

/// Nobody else can hold the session.
#[tokio::test]
async fn after_kill_9_in_the_middle_of_a_chunk_it_goes_on_at_once() {
    on_embedded(async |builder| {
        let mut registry = builder.start().await;
        let blob = Blob::random(4_000_000);
        let location = kill_in_a_chunk(&mut registry, &blob).await;
        resume(&registry.repository("team/app"), &location, &blob).await;
    })
    .await;
}

/// Where another pod could hold it, the lease of the one that died has to run out first.
#[tokio::test]
async fn after_kill_9_in_the_middle_of_a_chunk_it_goes_on_within_a_lease() {
    for_each_registry(async |mut registry| {
        let blob = Blob::random(4_000_000);
        let location = kill_in_a_chunk(&mut registry, &blob).await;
        resume_when_free(&registry.repository("team/app"), &location, &blob).await;
    })
    .await;
}

#[tokio::test]
async fn after_sigterm_and_a_start_it_goes_on() {
    for_each_registry(async |mut registry| {
        let repository = registry.repository("team/app");
        let blob = Blob::random(100_000);
        let location = repository.start_upload_with(&blob.bytes[..40_000]).await;
        registry.restart().await;
        resume(&registry.repository("team/app"), &location, &blob).await;
    })
    .await;
}

#[tokio::test]
async fn what_was_pushed_survives_kill_9() {
    for_each_registry(async |mut registry| {
        let image = berth_tests::Document::image(3);
        for number in 0..5 {
            registry
                .repository("team/app")
                .push(&format!("v{number}"), &image)
                .await;
            registry.kill_hard();
            registry.restart().await;
            let repository = registry.repository("team/app");
            repository
                .expect_manifest(&format!("v{number}"), &image)
                .await;
            for blob in &image.blobs {
                repository.expect_blob(blob).await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_lost_end_is_repeated_after_kill_9() {
    for_each_registry(async |mut registry| {
        let repository = registry.repository("team/app");
        let blob = Blob::random(100_000);
        let location = repository.start_upload_with(&blob.bytes).await;
        repository.finish(&location, &blob).await;
        registry.kill_hard();
        registry.restart().await;
        let repository = registry.repository("team/app");
        repository.finish(&location, &blob).await;
    })
    .await;
}

#[tokio::test]
async fn a_client_that_vanishes_leaves_a_session_that_goes_on() {
    for_each_registry(async |registry| {
        let repository = registry.repository("team/app");
        for reset in [false, true] {
            let blob = Blob::random(1_000_000);
            let location = repository.start_upload().await;
            let mut writer = registry.connect().await;
            writer
                .send(format!(
                    "PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
                ))
                .await;
            writer.send(&blob.bytes[..600_000]).await;
            if reset {
                writer.reset();
            } else {
                drop(writer);
            }
            assert!(offset(&repository, &location).await <= 600_000);
            resume_when_free(&repository, &location, &blob).await;
        }
    })
    .await;
}

#[tokio::test]
async fn cut_in_a_chunked_body_nothing_false_is_kept() {
    for_each_registry(async |registry| {
        let repository = registry.repository("team/app");
        let blob = Blob::random(50_000);
        let location = repository.start_upload().await;
        let mut writer = registry.connect().await;
        writer
            .send(format!(
                "PATCH {location} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            ))
            .await;
        writer.send("7530\r\n").await;
        writer.send(&blob.bytes[..30_000]).await;
        writer.send("\r\n5\r\n").await;
        writer.send(&blob.bytes[30_000..30_002]).await;
        drop(writer);
        assert!(offset(&repository, &location).await <= 30_002);
        resume_when_free(&repository, &location, &blob).await;
    })
    .await;
}
