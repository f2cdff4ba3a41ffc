//! Bodies that are too large or too slow, heads that are too large or too slow: the server's limits, made small here.

use std::time::Duration;

use berth_tests::{Backend, Blob, for_each_backend, registry::Builder};
use tokio::time::sleep;

const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_blob_that_says_it_is_too_large_is_refused_before_its_body() {
    for_each_backend(async |builder| {
        let registry = builder.configuration("limits:\n  blob_size: 1000B").start().await;
        let repository = registry.repository("team/app");
        let location = repository.start_upload().await;
        let mut connection = registry.connect().await;
        // A client that waits for permission learns the refusal at once, and is not invited first.
        connection.send(format!("PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n")).await;
        let answer = connection.response(LIMIT).await.expect("an answer");
        assert_eq!(answer.status, 413, "{}", answer.head);
        assert!(String::from_utf8_lossy(&answer.body).contains("SIZE_INVALID"));

        let exact = Blob::random(1000);
        repository.push_blob(&exact).await;
        repository.expect_blob(&exact).await;
    })
    .await;
}

/// S3 takes 10,000 parts, which are a quarter of `storage.part_buffers` at most.
#[tokio::test]
async fn a_blob_that_is_too_large_for_the_bucket_is_refused_before_its_body() {
    let registry = Builder::new(Backend::Shared)
        .configuration("storage:\n  part_buffers: 64MiB")
        .start()
        .await;
    let repository = registry.repository("team/app");
    let location = repository.start_upload().await;
    let length = 160_u64 << 30;
    let mut connection = registry.connect().await;
    let head = format!("PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
    connection.send(head).await;
    let answer = connection.response(LIMIT).await.expect("an answer");
    assert_eq!(answer.status, 413, "{}", answer.head);
    assert!(String::from_utf8_lossy(&answer.body).contains("SIZE_INVALID"));
    let session = repository.client().get(&location).send().await;
    session.expect_error(404, "BLOB_UPLOAD_UNKNOWN");
}

#[tokio::test]
async fn a_blob_that_grows_too_large_ends_its_session() {
    for_each_backend(async |builder| {
        let registry = builder
            .configuration("limits:\n  blob_size: 1000B")
            .start()
            .await;
        let repository = registry.repository("team/app");
        let location = repository.start_upload().await;
        let location = repository
            .patch(&location, &[1; 900])
            .send()
            .await
            .expect_status(202)
            .location();
        let mut connection = registry.connect().await;
        connection
            .send(format!(
                "PATCH {location} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            ))
            .await;
        connection.send("c8\r\n").await;
        connection.send([1; 200]).await;
        connection.send("\r\n0\r\n\r\n").await;
        let answer = connection.response(LIMIT).await.expect("an answer");
        assert_eq!(answer.status, 413, "{}", answer.head);
        assert!(String::from_utf8_lossy(&answer.body).contains("SIZE_INVALID"));
        repository
            .client()
            .get(&location)
            .send()
            .await
            .expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    })
    .await;
}

#[tokio::test]
async fn a_body_that_trickles_is_given_up_and_its_session_is_free() {
    for_each_backend(async |builder| {
        let registry = builder
            .configuration("http:\n  upload_rate_window: 2s")
            .start()
            .await;
        let repository = registry.repository("team/app");
        let blob = Blob::random(1000);
        let location = repository.start_upload().await;
        let mut connection = registry.connect().await;
        connection
            .send(format!(
                "PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
            ))
            .await;
        let trickle = async {
            for byte in blob.bytes.chunks(1).take(60) {
                connection.send(byte).await;
                sleep(Duration::from_millis(500)).await;
                if let Some(answer) = connection.response(Duration::from_millis(1)).await {
                    return answer;
                }
            }
            panic!("a byte each half second was taken for 30 seconds");
        };
        let answer = trickle.await;
        assert_eq!(answer.status, 408, "{}", answer.head);
        let range = repository.client().get(&location).send().await;
        let from = match range.expect_status(204).required_header("range") {
            "0-0" => 0,
            range => {
                range
                    .rsplit('-')
                    .next()
                    .and_then(|end| end.parse::<usize>().ok())
                    .expect("a number")
                    + 1
            }
        };
        let rest = repository
            .patch_range(&location, from, &blob.bytes[from..])
            .send()
            .await;
        repository
            .finish_upload(&rest.expect_status(202).location(), &blob.digest, &[])
            .send()
            .await
            .expect_status(201);
        repository.expect_blob(&blob).await;
    })
    .await;
}

#[tokio::test]
async fn a_head_that_trickles_is_closed() {
    for_each_backend(async |builder| {
        let registry = builder
            .configuration("http:\n  header_timeout: 1s")
            .start()
            .await;
        let mut connection = registry.connect().await;
        connection
            .send("GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            .await;
        let rest = connection.rest(LIMIT).await.expect("the server closes");
        let rest = String::from_utf8_lossy(&rest).into_owned();
        assert!(
            rest.is_empty() || rest.starts_with("HTTP/1.1 408"),
            "{rest}"
        );
        registry
            .client()
            .get("/v2/")
            .send()
            .await
            .expect_status(200);
    })
    .await;
}

#[tokio::test]
async fn a_connection_without_requests_is_closed() {
    for_each_backend(async |builder| {
        let registry = builder
            .configuration("http:\n  idle_timeout: 1s")
            .start()
            .await;
        let mut connection = registry.connect().await;
        connection
            .send("GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
            .await;
        assert_eq!(
            connection.response(LIMIT).await.expect("an answer").status,
            200
        );
        connection.rest(LIMIT).await.expect("the server closes");
    })
    .await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        let long = |length: usize| "a".repeat(length);
        let many: Vec<_> = (0..200)
            .map(|number| format!("X-Header-{number}: x\r\n"))
            .collect();
        let many = many.concat();
        for (name, head, status) in [
            (
                "one long header",
                format!(
                    "GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n",
                    long(65 << 10)
                ),
                431,
            ),
            (
                "many headers",
                format!("GET /v2/ HTTP/1.1\r\nHost: x\r\n{many}\r\n"),
                431,
            ),
            (
                "a long path",
                format!(
                    "GET /v2/{}/tags/list HTTP/1.1\r\nHost: x\r\n\r\n",
                    long(17 << 10)
                ),
                414,
            ),
            (
                "a long query",
                format!("GET /v2/?x={} HTTP/1.1\r\nHost: x\r\n\r\n", long(17 << 10)),
                414,
            ),
        ] {
            let mut connection = registry.connect().await;
            connection.send(head).await;
            let answer = connection
                .response(LIMIT)
                .await
                .unwrap_or_else(|| panic!("{name}: no answer"));
            assert_eq!(answer.status, status, "{name}: {}", answer.head);
        }
        // What is just below is read: the name is refused for what it is.
        let mut connection = registry.connect().await;
        connection
            .send(format!(
                "GET /v2/{}/tags/list HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n",
                long(15 << 10),
                long(48 << 10)
            ))
            .await;
        assert_eq!(
            connection.response(LIMIT).await.expect("an answer").status,
            400
        );
    })
    .await;
}
