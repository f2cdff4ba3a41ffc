//! Upload sessions whose requests reach one pod after another.

use std::{collections::BTreeSet, time::Duration};

use berth_test_servers::Postgres;
use berth_tests::{Blob, Repository, Response};

use crate::{
    cluster::{Cluster, PODS},
    inside::Inside,
};

/// Lengths of chunks, repeated to the end of a blob. Short ones are remembered in the session's row, longer ones are
/// objects until they fill a part, and the longest are parts.
const CHUNKS: [&[usize]; 5] = [
    &[1_000],
    &[60_000, 70_000],
    &[900_000, 2_000_000, 5],
    &[5 << 20],
    &[7_654_321, 12, 3_000_000],
];

#[tokio::test]
async fn chunks_go_to_one_pod_after_another() {
    let cluster = Cluster::start().await;
    for (number, lengths) in CHUNKS.iter().enumerate() {
        let most = lengths.iter().sum::<usize>();
        let blob = Blob::random((most * 7 / 2).min(16 << 20));
        let mut turn = number;
        let mut location = cluster.at(turn, "team/app").start_upload().await;
        let mut sent = 0;
        for length in lengths.iter().cycle() {
            turn += 1;
            let end = (sent + length).min(blob.bytes.len());
            let pod = cluster.at(turn, "team/app");
            location = pod.append_at(&location, sent, &blob.bytes[sent..end]).await;
            let status = cluster.at(turn + 1, "team/app").client().get(&location);
            let range = format!("0-{}", end - 1);
            status.expect(204).await.expect_header("range", range);
            sent = end;
            if sent == blob.bytes.len() {
                break;
            }
        }
        cluster
            .at(turn + 1, "team/app")
            .finish(&location, &blob)
            .await;
        for pod in cluster.everywhere("team/app") {
            pod.expect_blob(&blob).await;
        }
    }
    expect_nothing_else(&cluster).await;
}

/// Each of them seems to be the last one, and has another behind it.
#[tokio::test]
async fn streams_go_to_one_pod_after_another() {
    let cluster = Cluster::start().await;
    let blob = Blob::random(20 << 20);
    let mut location = cluster.at(0, "team/app").start_upload().await;
    let (mut sent, mut turn) = (0, 0);
    for length in [7 << 20, 100, 6 << 20, 70_000, 6 << 20] {
        turn += 1;
        let pod = cluster.at(turn, "team/app");
        location = pod
            .append(&location, &blob.bytes[sent..sent + length])
            .await;
        sent += length;
    }
    let pod = cluster.at(turn + 1, "team/app");
    let put = pod.finish_upload(&location, &blob.digest, &blob.bytes[sent..]);
    put.expect(201).await;
    for pod in cluster.everywhere("team/app") {
        pod.expect_blob(&blob).await;
    }
    expect_nothing_else(&cluster).await;
}

#[tokio::test]
async fn a_client_that_knows_of_no_pods_reaches_all() {
    let cluster = Cluster::start().await;
    let repository = Repository::new(cluster.client(), "team/app");
    let blob = Blob::random(8 << 20);
    let mut asked = BTreeSet::new();
    let mut note = |answer: &Response| {
        let upstream = answer.required_header("x-upstream");
        asked.insert(upstream.to_owned());
        answer.location()
    };
    let open = repository.request(http::Method::POST, "blobs/uploads/");
    let mut location = note(&open.expect(202).await);
    for (number, chunk) in blob.bytes.chunks(1 << 20).enumerate() {
        let patch = repository.patch_range(&location, number << 20, chunk);
        location = note(&patch.expect(202).await);
    }
    let put = repository.finish_upload(&location, &blob.digest, &[]);
    note(&put.expect(201).await);
    assert_eq!(asked.len(), PODS, "{asked:?}");
    repository.expect_blob(&blob).await;
}

#[tokio::test]
async fn of_equal_chunks_on_two_pods_at_once_one_is_taken() {
    let cluster = Cluster::start().await;
    for round in 0..20 {
        let [one, other] = [0, 1].map(|pod| cluster.at(round + pod, "team/app"));
        let blob = Blob::random(if round % 5 == 0 { 6 << 20 } else { 200_000 });
        let last = blob.bytes.len() - 1;
        let location = cluster.at(round + 2, "team/app").start_upload().await;
        let (first, second) = tokio::join!(
            one.patch_range(&location, 0, &blob.bytes).send(),
            other.patch_range(&location, 0, &blob.bytes).send(),
        );
        let statuses = [first.status(), second.status()];
        let taken = statuses.iter().filter(|status| **status == 202).count();
        assert_eq!(taken, 1, "{statuses:?}");
        let refused = if first.status() == 202 { second } else { first };
        match refused.status() {
            416 => drop(refused.expect_header("range", format!("0-{last}"))),
            429 => drop(refused.expect_error(429, "TOOMANYREQUESTS")),
            _ => panic!("{refused:?}"),
        }
        one.finish(&location, &blob).await;
    }
}

#[tokio::test]
async fn a_session_cancelled_on_one_pod_is_gone_on_the_one_that_writes() {
    let cluster = Cluster::start().await;
    for (length, sent) in [(200_000, 100_000), (16 << 20, 7 << 20)] {
        let location = cluster.at(0, "team/app").start_upload().await;
        let mut writer = cluster.pods[0].connect().await;
        let head =
            format!("PATCH {location} HTTP/1.1\r\nHost: pod\r\nContent-Length: {length}\r\n\r\n");
        writer.send(head).await;
        writer.send(vec![7; sent]).await;
        let other = cluster.at(1, "team/app");
        other.client().delete(&location).expect(204).await;
        writer.send(vec![7; length - sent]).await;
        let answer = writer.response(Duration::from_secs(30)).await;
        let answer = answer.expect("an answer to the writer");
        assert_eq!(answer.status, 404, "{}", answer.head);
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(body.contains("BLOB_UPLOAD_UNKNOWN"), "{body}");
        for pod in cluster.everywhere("team/app") {
            pod.expect_no_upload(&location).await;
        }
    }
    expect_nothing_else(&cluster).await;
}

/// Asserts that the bucket holds what blobs need, once it is swept.
async fn expect_nothing_else(cluster: &Cluster) {
    let postgres = Postgres::shared().await;
    Inside::new(postgres, &cluster.stores)
        .wait_until_tidy()
        .await;
}
