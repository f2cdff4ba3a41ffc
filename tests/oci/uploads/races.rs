//! Several requests on one session or one blob at once: one wins, the others are told, nothing is mixed.

use std::time::Duration;

use berth_tests::{Blob, Response, for_each_registry, in_each_repository};
use futures_util::future::join_all;

use crate::{expect_count, statuses_of};

#[tokio::test]
async fn of_equal_chunks_at_once_one_is_taken() {
    for_each_registry(async |registry| {
        for _ in 0..20 {
            let repository = registry.repository("team/app");
            let blob = Blob::random(200_000);
            let location = repository.start_upload().await;
            let patches = (0..4).map(|_| repository.patch_range(&location, 0, &blob.bytes).send());
            let answers = join_all(patches).await;
            let statuses: Vec<_> = answers.iter().map(Response::status).collect();
            expect_count(&statuses, 202, 1);
            assert!(
                statuses
                    .iter()
                    .all(|status| [202, 416, 429].contains(status)),
                "{statuses:?}"
            );
            for refused in answers.iter().filter(|answer| answer.status() == 416) {
                refused.expect_header("range", "0-199999");
            }
            for refused in answers.iter().filter(|answer| answer.status() == 429) {
                refused
                    .expect_error(429, "TOOMANYREQUESTS")
                    .required_header("retry-after");
            }
            let status = repository.client().get(&location).expect(204).await;
            status.expect_header("range", "0-199999");
            repository.finish(&location, &blob).await;
        }
    })
    .await;
}

#[tokio::test]
async fn of_different_chunks_for_one_place_one_is_taken_whole() {
    in_each_repository(async |repository| {
        for _ in 0..10 {
            let blobs: Vec<_> = (0..4).map(|_| Blob::random(500_000)).collect();
            let location = repository.start_upload().await;
            let patch = |blob: &Blob| repository.patch_range(&location, 0, &blob.bytes);
            let statuses = statuses_of(blobs.iter().map(patch)).await;
            let winner = statuses
                .iter()
                .position(|&status| status == 202)
                .expect("one is taken");
            expect_count(&statuses, 202, 1);
            repository.finish(&location, &blobs[winner]).await;
        }
    })
    .await;
}

#[tokio::test]
async fn of_equal_ends_at_once_all_see_the_blob() {
    in_each_repository(async |repository| {
        let blob = Blob::random(100_000);
        let location = repository.start_upload_with(&blob.bytes).await;
        let end = |_| repository.finish_upload(&location, &blob.digest, &[]);
        let statuses = statuses_of((0..4).map(end)).await;
        assert!(statuses.contains(&201), "{statuses:?}");
        assert!(
            statuses.iter().all(|status| [201, 429].contains(status)),
            "{statuses:?}"
        );
        repository.expect_blob(&blob).await;
    })
    .await;
}

#[tokio::test]
async fn one_blob_is_pushed_by_many_at_once() {
    for_each_registry(async |registry| {
        let blob = Blob::random(1 << 20);
        let repositories: Vec<_> = (0..8)
            .map(|number| registry.repository(&format!("team{}/app", number % 4)))
            .collect();
        join_all(repositories.iter().map(|each| each.push_blob(&blob))).await;
        for repository in &repositories {
            repository.expect_blob(&blob).await;
        }
    })
    .await;
}

#[tokio::test]
async fn many_sessions_at_once_do_not_mix() {
    in_each_repository(async |repository| {
        let blobs: Vec<_> = (0..32)
            .map(|number| Blob::random(100_000 + number))
            .collect();
        let uploads = blobs.iter().map(async |blob| {
            repository.push_in_chunks(blob, 30_000).await;
        });
        join_all(uploads).await;
        for blob in &blobs {
            repository.expect_blob(blob).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_cancelled_while_it_is_written_is_gone() {
    for_each_registry(async |registry| {
        let repository = registry.repository("team/app");
        let location = repository.start_upload().await;
        let mut writer = registry.connect().await;
        writer
            .send(format!(
                "PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n"
            ))
            .await;
        writer.send(vec![7; 100_000]).await;
        repository.client().delete(&location).expect(204).await;
        writer.send(vec![7; 100_000]).await;
        let answer = writer
            .response(Duration::from_secs(30))
            .await
            .expect("an answer to the writer");
        assert_eq!(answer.status, 404, "{}", answer.head);
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(body.contains("BLOB_UPLOAD_UNKNOWN"), "{body}");
        repository.expect_no_upload(&location).await;
    })
    .await;
}

#[tokio::test]
async fn a_writer_that_holds_the_session_makes_the_next_one_wait_and_then_says_so() {
    for_each_registry(async |registry| {
        let repository = registry.repository("team/app");
        let blob = Blob::random(2000);
        let location = repository.start_upload().await;
        let mut holder = registry.connect().await;
        let head = format!("PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n");
        holder.send(head).await;
        // The server asks for the body once it has the session.
        let invited = holder.response(Duration::from_secs(30)).await.expect("an answer to the holder");
        assert_eq!(invited.status, 100, "{}", invited.head);
        holder.send(&blob.bytes[..500]).await;
        // It is in the middle of its chunk and does not go on: the other cannot have the session.
        let second = repository.patch_range(&location, 0, &blob.bytes[..1000]);
        let refused = second.refused(429, "TOOMANYREQUESTS").await;
        refused.required_header("retry-after");
        holder.send(&blob.bytes[500..1000]).await;
        let answer = holder
            .response(Duration::from_secs(30))
            .await
            .expect("an answer to the holder");
        assert_eq!(
            (answer.status, answer.header("range")),
            (202, Some("0-999")),
            "{}",
            answer.head
        );
        let location = repository.append_at(&location, 1000, &blob.bytes[1000..]).await;
        repository.finish(&location, &blob).await;
    })
    .await;
}
