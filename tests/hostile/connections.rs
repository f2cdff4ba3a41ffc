//! Requests that are not HTTP, or that two readers would understand differently. What follows such a request on its
//! connection must never be taken for a request of its own.

use std::time::Duration;

use berth_tests::{Blob, for_each_backend};

use crate::case::World;

const LIMIT: Duration = Duration::from_secs(30);

/// A request that a confused server would find in the body of another.
const SMUGGLED: &str = "DELETE /v2/team/app/manifests/1 HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn a_head_that_is_not_http_is_refused_and_the_connection_ends() {
    for_each_backend(async |builder| {
        let world = World::new(builder).await;
        let before = world.snapshot().await;
        for (name, head) in [
            (
                "two lengths that differ",
                "PATCH /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            ),
            (
                "a length with a sign",
                "PATCH /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\n",
            ),
            (
                "a negative length",
                "PATCH /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
            ),
            (
                "a length in hexadecimal",
                "PATCH /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0x10\r\n\r\n",
            ),
            (
                "a length beyond counting",
                "PATCH /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
            ),
            (
                "a folded header",
                "GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Folded: a\r\n b\r\n\r\n",
            ),
            (
                "a space before the colon",
                "GET /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length : 0\r\n\r\n",
            ),
            (
                "a nothing in a header",
                "GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Nothing: a\0b\r\n\r\n",
            ),
            (
                "a version that is none",
                "GET /v2/ HTTP/9.9\r\nHost: x\r\n\r\n",
            ),
            ("no request at all", "hello\r\n\r\n"),
        ] {
            let mut connection = world.registry.connect().await;
            connection.send(format!("{head}{SMUGGLED}")).await;
            let rest = connection
                .rest(LIMIT)
                .await
                .unwrap_or_else(|| panic!("{name}: the connection stays open"));
            let rest = String::from_utf8_lossy(&rest).into_owned();
            assert!(
                rest.is_empty() || rest.starts_with("HTTP/1.1 400"),
                "{name}: {rest}"
            );
            assert!(
                rest.matches("HTTP/1.1 ").count() <= 1,
                "{name}: two answers: {rest}"
            );
            assert_eq!(world.snapshot().await, before, "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_body_of_two_lengths_is_read_in_one_way_or_not_at_all() {
    for_each_backend(async |builder| {
        let world = World::new(builder).await;
        let before = world.snapshot().await;
        for (name, lengths) in [
            (
                "length first",
                format!(
                    "Content-Length: {}\r\nTransfer-Encoding: chunked",
                    5 + SMUGGLED.len()
                ),
            ),
            (
                "length last",
                format!(
                    "Transfer-Encoding: chunked\r\nContent-Length: {}",
                    5 + SMUGGLED.len()
                ),
            ),
            (
                "short length",
                "Content-Length: 5\r\nTransfer-Encoding: chunked".to_owned(),
            ),
        ] {
            let location = world.repository.start_upload().await;
            let mut connection = world.registry.connect().await;
            connection
                .send(format!(
                    "PATCH {location} HTTP/1.1\r\nHost: x\r\n{lengths}\r\n\r\n0\r\n\r\n{SMUGGLED}"
                ))
                .await;
            // Either it is refused, or the encoding wins and nothing after the body is read.
            let answer = connection
                .response(LIMIT)
                .await
                .unwrap_or_else(|| panic!("{name}: no answer"));
            assert!(
                [400, 202].contains(&answer.status),
                "{name}: {}",
                answer.head
            );
            let rest = connection
                .rest(LIMIT)
                .await
                .unwrap_or_else(|| panic!("{name}: the connection stays open"));
            assert!(
                rest.is_empty(),
                "{name}: a second answer: {}",
                String::from_utf8_lossy(&rest)
            );
            world
                .repository
                .client()
                .delete(&location)
                .send()
                .await
                .expect_status(204);
            assert_eq!(world.snapshot().await, before, "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_encoding_that_nobody_knows_is_refused() {
    for_each_backend(async |builder| {
        let world = World::new(builder).await;
        for encoding in ["gzip", "chunked, gzip", "identity"] {
            let location = world.repository.start_upload().await;
            let mut connection = world.registry.connect().await;
            connection.send(format!("PATCH {location} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {encoding}\r\n\r\n0\r\n\r\n")).await;
            // Silence is neither: it would leave the client waiting.
            let answer = connection.response_or_end(LIMIT).await;
            let answer = answer.unwrap_or_else(|_| panic!("{encoding}: neither an answer nor an end"));
            assert!(answer.as_ref().is_none_or(|answer| [400, 501].contains(&answer.status)), "{encoding}: {answer:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_body_that_ends_early_is_kept_as_far_as_it_came() {
    for_each_backend(async |builder| {
        let world = World::new(builder).await;
        let blob = Blob::random(1000);
        let location = world.repository.start_upload().await;
        let mut connection = world.registry.connect().await;
        connection
            .send(format!(
                "PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
            ))
            .await;
        connection.send(&blob.bytes[..500]).await;
        connection.finish().await;
        let rest = connection.rest(LIMIT).await.expect("the server closes");
        let rest = String::from_utf8_lossy(&rest).into_owned();
        assert!(
            rest.is_empty() || rest.starts_with("HTTP/1.1 400"),
            "{rest}"
        );
        let status = world.repository.client().get(&location).send().await;
        let range = status
            .expect_status(204)
            .required_header("range")
            .to_owned();
        assert!(["0-0", "0-499"].contains(&range.as_str()), "{range}");
    })
    .await;
}

#[tokio::test]
async fn an_answer_before_the_body_is_read_does_not_hang() {
    for_each_backend(async |builder| {
        let world = World::new(builder).await;
        let before = world.snapshot().await;
        let mut connection = world.registry.connect().await;
        connection
            .send(
                "PUT /v2/Bad/manifests/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n",
            )
            .await;
        let answer = connection
            .response(LIMIT)
            .await
            .expect("an answer before the body");
        assert_eq!(answer.status, 400, "{}", answer.head);
        // The client goes on sending until it notices: a request in those bytes is part of the body.
        connection.send(SMUGGLED).await;
        drop(connection);
        assert_eq!(world.snapshot().await, before);
    })
    .await;
}
