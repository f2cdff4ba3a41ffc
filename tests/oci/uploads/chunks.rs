//! Chunks that name their range: in order they are taken, out of order they are refused with the place to go on from,
//! and a refusal never harms the session.

use berth_tests::{Blob, Repository, Response, in_each_repository};

fn expect_refusal(response: &Response, range: &str) -> String {
    response
        .expect_error(416, "BLOB_UPLOAD_INVALID")
        .expect_header("range", range);
    response.location()
}

async fn send(
    repository: &Repository,
    location: &str,
    blob: &Blob,
    from: usize,
    to: usize,
) -> Response {
    repository
        .patch_range(location, from, &blob.bytes[from..to])
        .send()
        .await
}

#[tokio::test]
async fn in_order_they_make_the_blob() {
    in_each_repository(async |repository| {
        for (size, step) in [(10_000, 1024), (100, 1), (5 << 20, 1 << 20), (64, 64)] {
            let blob = Blob::random(size);
            let mut location = repository.start_upload().await;
            for from in (0..size).step_by(step) {
                let to = (from + step).min(size);
                let sent = send(&repository, &location, &blob, from, to).await;
                sent.expect_status(202)
                    .expect_header("range", format!("0-{}", to - 1));
                location = sent.location();
            }
            repository.finish(&location, &blob).await;
        }
    })
    .await;
}

#[tokio::test]
async fn out_of_order_they_are_refused_and_the_session_goes_on() {
    in_each_repository(async |repository| {
        let blob = Blob::random(3000);
        let location = repository.start_upload().await;
        let location = expect_refusal(
            &send(&repository, &location, &blob, 1000, 2000).await,
            "0-0",
        );
        let location = send(&repository, &location, &blob, 0, 1000)
            .await
            .expect_status(202)
            .location();
        // Ahead, behind, and overlapping.
        for (from, to) in [
            (2000, 3000),
            (0, 1000),
            (500, 1500),
            (1001, 2001),
            (999, 1999),
        ] {
            expect_refusal(
                &send(&repository, &location, &blob, from, to).await,
                "0-999",
            );
            let status = repository.client().get(&location).expect(204).await;
            status.expect_header("range", "0-999");
        }
        let location = send(&repository, &location, &blob, 1000, 2000)
            .await
            .expect_status(202)
            .location();
        let early = repository.finish_upload(&location, &blob.digest, &blob.bytes[2500..]);
        expect_refusal(
            &early.header("content-range", "2500-2999").send().await,
            "0-1999",
        );
        let last = repository.finish_upload(&location, &blob.digest, &blob.bytes[2000..]);
        last.header("content-range", "2000-2999").expect(201).await;
        repository.expect_blob(&blob).await;
    })
    .await;
}

#[tokio::test]
async fn every_form_of_the_range_is_read() {
    in_each_repository(async |repository| {
        let blob = Blob::random(500);
        let mut location = repository.start_upload().await;
        for (number, range) in [
            "0-99",
            "bytes 100-199",
            "bytes=200-299",
            "bytes 300-399/500",
            "400-499/*",
        ]
        .iter()
        .enumerate()
        {
            let chunk = &blob.bytes[number * 100..][..100];
            let sent = repository
                .patch(&location, chunk)
                .header("content-range", range)
                .expect(202)
                .await;
            sent.expect_header("range", format!("0-{}", number * 100 + 99));
            location = sent.location();
        }
        repository.finish(&location, &blob).await;
    })
    .await;
}

#[tokio::test]
async fn without_a_range_a_chunk_is_appended() {
    in_each_repository(async |repository| {
        let blob = Blob::random(3000);
        repository.push_in_chunks(&blob, 700).await;
    })
    .await;
}

#[tokio::test]
async fn an_empty_chunk_changes_nothing() {
    in_each_repository(async |repository| {
        let blob = Blob::random(100);
        let location = repository.start_upload().await;
        let sent = repository.patch(&location, &[]).expect(202).await;
        sent.expect_header("range", "0-0");
        let sent = repository.patch(&sent.location(), &blob.bytes).send().await;
        let sent = repository.patch(&sent.location(), &[]).expect(202).await;
        sent.expect_header("range", "0-99");
        repository.finish(&sent.location(), &blob).await;
    })
    .await;
}

#[tokio::test]
async fn a_range_that_does_not_fit_the_chunk_is_refused_and_the_session_goes_on() {
    in_each_repository(async |repository| {
        let blob = Blob::random(100);
        let location = repository.start_upload().await;
        let patch = |range: &str| {
            repository
                .patch(&location, &blob.bytes)
                .header("content-range", range)
                .send()
        };
        patch("0-98").await.expect_error(400, "SIZE_INVALID");
        patch("0-100").await.expect_error(400, "SIZE_INVALID");
        patch("9-3").await.expect_error(416, "BLOB_UPLOAD_INVALID");
        patch("a-b").await.expect_error(400, "BLOB_UPLOAD_INVALID");
        patch("0-99999999999999999999")
            .await
            .expect_error(400, "BLOB_UPLOAD_INVALID");
        let location = patch("0-99").await.expect_status(202).location();
        repository.finish(&location, &blob).await;
    })
    .await;
}
