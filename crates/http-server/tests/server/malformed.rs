//! Requests that are no HTTP, or try to be two requests at once.

use http_server::ServerConfig;

use crate::harness::RunningServer;

/// What may become of a malformed request.
enum Fate {
    /// 400, then the connection closes.
    Refused,
    /// The framing that wins is the safe one, and nothing after it is taken for a request.
    OneAnswer(u16),
}

#[tokio::test]
async fn ambiguous_framing_never_becomes_a_second_request() {
    let server = RunningServer::start(ServerConfig::default()).await;
    let smuggled = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
    for (headers, body, fate) in [
        (
            "Content-Length: 3\r\nContent-Length: 5",
            "abcde",
            Fate::Refused,
        ),
        ("Content-Length: 3, 5", "abcde", Fate::Refused),
        ("Content-Length: +5", "abcde", Fate::Refused),
        ("Content-Length: 0x10", "0123456789abcdef", Fate::Refused),
        ("Content-Length: -1", "", Fate::Refused),
        ("Content-Length: 99999999999999999999", "", Fate::Refused),
        ("Content-Length: ", "", Fate::Refused),
        (
            "Content-Length: 3\r\nTransfer-Encoding: chunked",
            "0\r\n\r\n",
            Fate::OneAnswer(200),
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 3",
            "0\r\n\r\n",
            Fate::OneAnswer(200),
        ),
        (
            "Transfer-Encoding: chunked, identity",
            "0\r\n\r\n",
            Fate::Refused,
        ),
        ("Transfer-Encoding: gzip", "", Fate::Refused),
        ("X-Folded: a\r\n b", "", Fate::Refused),
        ("X-Space : a", "", Fate::Refused),
        ("X-Null: a\0b", "", Fate::Refused),
        ("No colon", "", Fate::Refused),
        ("Transfer-Encoding: chunked", "zz\r\n", Fate::OneAnswer(400)),
        (
            "Transfer-Encoding: chunked",
            "fffffffffffffffff\r\n",
            Fate::OneAnswer(400),
        ),
        (
            "Transfer-Encoding: chunked",
            "2\r\nabc\r\n0\r\n\r\n",
            Fate::OneAnswer(400),
        ),
    ] {
        let mut client = server.connect().await;
        client
            .send(format!(
                "PUT /count HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n{body}{smuggled}"
            ))
            .await;
        let seen = String::from_utf8(client.until_closed().await).unwrap();
        let answers = seen.matches("HTTP/1.1 ").count();
        assert_eq!(answers, 1, "{headers:?} was answered with {seen}");
        let expected = match fate {
            Fate::Refused => 400,
            Fate::OneAnswer(status) => status,
        };
        assert!(
            seen.starts_with(&format!("HTTP/1.1 {expected} ")),
            "{headers:?}: {seen}"
        );
        assert!(!seen.contains("hello"), "{headers:?}: {seen}");
    }
    server.stop().await;
}

#[tokio::test]
async fn nonsense_is_refused_and_closed() {
    let server = RunningServer::start(ServerConfig::default()).await;
    for bytes in [
        &b"GET\r\n\r\n"[..],
        b"GET / HTTP/3.0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI\r\n\r\n",
        b"GET /a b HTTP/1.1\r\n\r\n",
    ] {
        let mut client = server.connect().await;
        client.send(bytes).await;
        let seen = client.until_closed().await;
        let seen = String::from_utf8_lossy(&seen);
        assert!(!seen.contains("HTTP/1.1 2"), "{bytes:?}: {seen}");
    }
    assert_eq!(server.connect().await.get("/hello").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_leaves_within_a_body_is_told_apart() {
    let server = RunningServer::start(ServerConfig::default()).await;
    let mut client = server.connect().await;
    client
        .send("PUT /count HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
        .await;
    drop(client);
    assert_eq!(server.connect().await.get("/hello").await.status, 200);
    let report = server.stop().await;
    assert_eq!((report.cut_requests, report.cut_connections), (0, 0));
}
