//! Limits and time-outs, each configured so small that it strikes.

use std::{num::NonZeroUsize, time::Duration};

use http_server::{BodyPace, ServerConfig};

use crate::harness::RunningServer;

const SOON: Duration = Duration::from_millis(150);

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_busy_one_is_not() {
    let server = RunningServer::start(ServerConfig {
        idle_timeout: SOON,
        ..ServerConfig::default()
    })
    .await;
    let mut busy = server.connect().await;
    busy.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.until_arrived().await;
    let mut idle = server.connect().await;
    assert_eq!(idle.get("/hello").await.status, 200);
    assert!(idle.until_closed().await.is_empty());
    // The busy one has been open for longer than the idle one was.
    server.gate.add_permits(1);
    assert_eq!(busy.answer().await.text(), "waited");
    assert!(busy.until_closed().await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn a_slow_head_is_cut_off() {
    let server = RunningServer::start(ServerConfig {
        header_timeout: SOON,
        ..ServerConfig::default()
    })
    .await;
    // At the start of a connection, with and without a first byte.
    for start in ["", "P", "GET /hello HTTP/1.1\r\nHost:"] {
        let mut client = server.connect().await;
        client.send(start).await;
        assert!(client.until_closed().await.is_empty(), "{start:?}");
    }
    // And after a request: the idle time-out is far longer.
    let mut client = server.connect().await;
    assert_eq!(client.get("/hello").await.status, 200);
    client.send("GET /hello HTTP/1.1\r\n").await;
    assert!(client.until_closed().await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn a_head_that_trickles_is_cut_off() {
    let server = RunningServer::start(ServerConfig {
        header_timeout: SOON,
        ..ServerConfig::default()
    })
    .await;
    let mut client = server.connect().await;
    assert_eq!(client.get("/hello").await.status, 200);
    client.send("GET /hello HTTP/1.1\r\nX-Long: ").await;
    let mut sent = 0;
    while client.try_send(b"a").await.is_ok() {
        tokio::time::sleep(SOON / 10).await;
        sent += 1;
        assert!(sent < 1000, "never cut off");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_slow_body_ends_as_too_slow() {
    let server = RunningServer::start(ServerConfig {
        body_pace: BodyPace {
            bytes_per_second: 1024,
            window: SOON,
        },
        ..ServerConfig::default()
    })
    .await;
    let mut client = server.connect().await;
    client
        .send("PUT /count HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
        .await;
    let answer = client.answer().await;
    assert_eq!(
        (answer.status, answer.header("connection")),
        (408, Some("close"))
    );
    drop(client);
    server.stop().await;
}

#[tokio::test]
async fn a_body_over_the_maximum_fails_however_it_is_framed() {
    let server = RunningServer::start(ServerConfig {
        max_body_bytes: Some(10),
        ..ServerConfig::default()
    })
    .await;
    for (framing, body, status) in [
        ("Content-Length: 10", "0123456789", 200),
        ("Content-Length: 11", "0123456789a", 413),
        (
            "Transfer-Encoding: chunked",
            "a\r\n0123456789\r\n0\r\n\r\n",
            200,
        ),
        (
            "Transfer-Encoding: chunked",
            "a\r\n0123456789\r\n1\r\na\r\n0\r\n\r\n",
            413,
        ),
    ] {
        let mut client = server.connect().await;
        client
            .send(format!(
                "PUT /count HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n{body}"
            ))
            .await;
        assert_eq!(client.answer().await.status, status, "{framing} {body}");
    }
    server.stop().await;
}

#[tokio::test]
async fn connections_over_the_maximum_wait_their_turn() {
    let server = RunningServer::start(ServerConfig {
        max_connections: NonZeroUsize::MIN,
        ..ServerConfig::default()
    })
    .await;
    let mut first = server.connect().await;
    first.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.until_arrived().await;
    let mut second = server.connect().await;
    second.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.gate.add_permits(1);
    assert_eq!(first.answer().await.text(), "waited");
    assert_eq!(
        server.arrived.available_permits(),
        0,
        "the second waits for the first to close"
    );
    drop(first);
    server.until_arrived().await;
    server.gate.add_permits(1);
    assert_eq!(second.answer().await.text(), "waited");
    server.stop().await;
}

#[tokio::test]
async fn heads_over_the_limits_are_refused_with_a_reason() {
    let server = RunningServer::start(ServerConfig::default()).await;
    let path = |bytes: usize| format!("/{}", "p".repeat(bytes - 1));
    let header = |bytes: usize| format!("X-Large: {}\r\n", "h".repeat(bytes));
    let headers =
        |count: usize| (0..count).fold(String::new(), |all, n| all + &format!("X-{n}: a\r\n"));
    for (path, headers, status) in [
        (path(16 * 1024), String::new(), 404),
        (path(16 * 1024 + 1), String::new(), 414),
        (path(60_000), String::new(), 414),
        (path(70_000), String::new(), 414),
        ("/hello".to_owned(), header(60_000), 200),
        ("/hello".to_owned(), header(65_536), 431),
        ("/hello".to_owned(), header(200_000), 431),
        ("/hello".to_owned(), headers(99), 200),
        ("/hello".to_owned(), headers(101), 431),
        (path(16 * 1024), header(65_000), 404),
    ] {
        let mut client = server.connect().await;
        let sent = client
            .try_send(format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n").as_bytes())
            .await;
        let case = format!("{} {} {sent:?}", path.len(), headers.len());
        let answer = client.answer().await;
        assert_eq!(answer.status, status, "{case}");
    }
    let mut client = server.connect().await;
    let answer = client.get(&path(20_000)).await;
    assert_eq!(answer.text(), "the request's target is too long\n");
    assert!(answer.header("x-request-id").is_some());
    assert_eq!(
        client.get("/hello").await.status,
        200,
        "the connection lives on"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_response_is_cut_off() {
    let server = RunningServer::start(ServerConfig {
        response_stall_timeout: SOON,
        ..ServerConfig::default()
    })
    .await;
    let mut client = server.connect().await;
    let length = 256 << 20;
    client
        .send(format!("GET /zeros?{length} HTTP/1.1\r\nHost: x\r\n\r\n"))
        .await;
    assert_eq!(client.head().await.status, 200);
    // Not a measurement: the client has to be away for longer than the server's patience.
    tokio::time::sleep(SOON * 4).await;
    assert!(
        client.until_closed().await.len() < length,
        "cut off in the middle"
    );
    server.stop().await;
}
