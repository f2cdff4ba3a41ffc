//! HTTP/1.1: connections that live on, answers before the body, and what every answer carries.

use http_server::ServerConfig;
use uuid::Uuid;

use crate::harness::RunningServer;

async fn server() -> RunningServer {
    RunningServer::start(ServerConfig::default()).await
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let server = server().await;
    let mut client = server.connect().await;
    for _ in 0..20 {
        assert_eq!(client.get("/hello").await.text(), "hello");
        client
            .send("PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
            .await;
        assert_eq!(client.answer().await.text(), "abc");
    }
    server.stop().await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = server().await;
    let mut client = server.connect().await;
    let requests: Vec<_> = (0..50)
        .map(|number| {
            format!("PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{number:02}")
        })
        .collect();
    client.send(requests.concat()).await;
    for number in 0..50 {
        assert_eq!(client.answer().await.text(), format!("{number:02}"));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_chunked_body_is_read_whole() {
    let server = server().await;
    let mut client = server.connect().await;
    client
        .send("PUT /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    client.send("3\r\nabc\r\n").await;
    client
        .send("2\r\nde\r\n0\r\nTrailer: dropped\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.text(), "abcde");
    assert_eq!(client.get("/hello").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn every_answer_is_marked_and_none_names_the_software() {
    let server = server().await;
    let mut client = server.connect().await;
    for path in ["/hello", "/nowhere", "/panic"] {
        let answer = client.get(path).await;
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        assert!(answer.header("x-request-id").is_some(), "{path}");
        assert!(answer.header("date").is_some(), "{path}");
        assert_eq!(answer.header("server"), None, "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_harmless_request_id_is_echoed_and_others_are_replaced() {
    let server = server().await;
    let mut client = server.connect().await;
    let long = "x".repeat(129);
    for (sent, echoed) in [
        ("build-7.a_b", true),
        ("two words", false),
        ("a\"b", false),
        ("{}", false),
        (long.as_str(), false),
    ] {
        client
            .send(format!(
                "GET /origin HTTP/1.1\r\nHost: x\r\nX-Request-Id: {sent}\r\n\r\n"
            ))
            .await;
        let answer = client.answer().await;
        let id = answer.header("x-request-id").unwrap();
        assert_eq!(id == sent, echoed, "{sent}");
        assert!(
            echoed || Uuid::parse_str(id).unwrap().get_version_num() == 7,
            "{id}"
        );
        assert!(
            answer.text().ends_with(&format!(" {id}")),
            "the application sees the same id"
        );
        assert!(
            answer.text().starts_with("http 127.0.0.1:"),
            "{}",
            answer.text()
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn head_shows_the_length_and_sends_no_body() {
    let server = server().await;
    let mut client = server.connect().await;
    for (path, length) in [
        ("/hello", Some("5")),
        ("/length-only", Some("42")),
        ("/file?100000", Some("100000")),
        ("/stream", None),
    ] {
        client
            .send(format!("HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n"))
            .await;
        let head = client.head().await;
        assert_eq!(
            (head.status, head.header("content-length")),
            (200, length),
            "{path}"
        );
        // A body would be taken for the head of the next answer.
        assert_eq!(client.get("/hello").await.text(), "hello", "{path}");
    }
    client
        .send("DELETE /no-content HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    let head = client.head().await;
    assert_eq!((head.status, head.header("content-length")), (204, None));
    assert_eq!(client.get("/hello").await.text(), "hello");
    server.stop().await;
}

#[tokio::test]
async fn continue_is_said_when_the_body_is_wanted() {
    let server = server().await;
    let mut client = server.connect().await;
    client
        .send("PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        .await;
    assert_eq!(client.head().await.status, 100);
    client.send("body").await;
    assert_eq!(client.answer().await.text(), "body");
    assert_eq!(
        client.get("/hello").await.status,
        200,
        "the connection lives on"
    );
    server.stop().await;
}

#[tokio::test]
async fn continue_is_not_said_when_the_answer_needs_no_body() {
    let server = RunningServer::start(ServerConfig {
        max_body_bytes: Some(1000),
        ..ServerConfig::default()
    })
    .await;
    for (path, length, status) in [("/refuse", 4, 403), ("/echo", 1001, 413)] {
        let mut client = server.connect().await;
        client
            .send(format!(
                "PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\
                 Expect: 100-continue\r\n\r\n"
            ))
            .await;
        let answer = client.answer().await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(client.until_closed().await.is_empty());
    }
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_sends_on_gets_the_early_answer() {
    let server = server().await;
    let mut client = server.connect().await;
    let length = 64 << 20;
    client
        .send(format!(
            "PUT /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
        ))
        .await;
    // More than all the buffers on the way hold: it can only be sent because it is taken.
    let piece = vec![7; 1 << 20];
    for _ in 0..length / piece.len() {
        client
            .try_send(&piece)
            .await
            .expect("the server reads on until the client is done");
    }
    let answer = client.answer().await;
    assert_eq!(
        (answer.status, answer.header("connection")),
        (403, Some("close"))
    );
    drop(client);
    server.stop().await;
}

#[tokio::test]
async fn a_broken_stream_never_looks_whole() {
    let server = server().await;
    let mut client = server.connect().await;
    client
        .send("GET /short-stream HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    let seen = client.until_closed().await;
    let seen = String::from_utf8(seen).unwrap();
    assert!(
        seen.is_empty()
            || seen.contains(
                "content-length: 3
"
            ),
        "{seen}"
    );

    let mut client = server.connect().await;
    client.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let head = client.head().await;
    assert_eq!(head.header("transfer-encoding"), Some("chunked"));
    assert_eq!(client.take(17).await, b"2\r\nab\r\n2\r\ncd\r\n0\r\n"[..17]);
    server.stop().await;
}

#[tokio::test]
async fn http_1_0_is_answered_and_closed() {
    let server = server().await;
    let mut client = server.connect().await;
    client.send("GET /hello HTTP/1.0\r\n\r\n").await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.text()), (200, "hello"));
    assert!(client.until_closed().await.is_empty());
    server.stop().await;
}
