//! The end of a server: who may finish, who is sent away, who is cut off.

use std::time::Duration;

use http_server::{Health, Server, ServerConfig};
use tokio::{net::TcpStream, task::JoinSet};

use crate::harness::{RunningServer, loopback, within};

/// Waits until the port is closed.
async fn until_refused(server: &RunningServer) {
    within(async {
        while TcpStream::connect(server.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_request_in_flight_ends_and_new_connections_are_refused() {
    let server = RunningServer::start(ServerConfig::default()).await;
    let mut idle = server.connect().await;
    assert_eq!(idle.get("/hello").await.status, 200);
    let mut silent = server.connect().await;
    let mut busy = server.connect().await;
    busy.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.until_arrived().await;

    server.signal();
    until_refused(&server).await;
    assert!(
        idle.until_closed().await.is_empty(),
        "idle connections end at once"
    );
    assert!(
        silent.until_closed().await.is_empty(),
        "so do those that never said anything"
    );
    server.gate.add_permits(1);
    let answer = busy.answer().await;
    assert_eq!(
        (answer.text(), answer.header("connection")),
        ("waited", Some("close"))
    );
    assert!(busy.until_closed().await.is_empty());
    let report = server.end().await;
    assert_eq!((report.cut_requests, report.cut_connections), (0, 0));
}

#[tokio::test]
async fn an_upload_in_flight_ends() {
    let server = RunningServer::start(ServerConfig::default()).await;
    let mut client = server.connect().await;
    client
        .send("PUT /count HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc")
        .await;
    // Only a request that has begun is waited for.
    assert_eq!(server.connect().await.get("/hello").await.status, 200);
    server.signal();
    until_refused(&server).await;
    client.send("def").await;
    let answer = client.answer().await;
    assert_eq!(
        (answer.text(), answer.header("connection")),
        ("6", Some("close"))
    );
    assert_eq!(server.end().await.cut_requests, 0);
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut_off_and_counted() {
    let server = RunningServer::start(ServerConfig {
        drain_timeout: Duration::from_millis(100),
        ..ServerConfig::default()
    })
    .await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = server.connect().await;
        client.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await;
        server.until_arrived().await;
        clients.push(client);
    }
    let report = server.stop().await;
    assert_eq!((report.cut_requests, report.cut_connections), (3, 3));
    for mut client in clients {
        assert!(client.until_closed().await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_at_work_on_many_threads_lose_nothing() {
    let server = RunningServer::start(ServerConfig::default()).await;
    let mut clients = JoinSet::new();
    for _ in 0..50 {
        let mut client = server.connect().await;
        assert_eq!(client.get("/hello").await.status, 200);
        clients.spawn(async move {
            // Each goes on until it is told that its connection ends, or finds it ended.
            loop {
                let request = b"PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab";
                if client.try_send(request).await.is_err() {
                    return;
                }
                let Some(answer) = client.try_answer().await else {
                    return;
                };
                assert_eq!(answer.text(), "ab");
                if answer.header("connection") == Some("close") {
                    return;
                }
            }
        });
    }
    let report = server.stop().await;
    assert_eq!((report.cut_requests, report.cut_connections), (0, 0));
    while let Some(client) = within(clients.join_next()).await {
        client.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_is_dropped_closes_everything() {
    let mut server = RunningServer::start(ServerConfig::default()).await;
    let mut busy = server.connect().await;
    busy.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.until_arrived().await;
    server.abandon();
    assert!(busy.until_closed().await.is_empty());
    until_refused(&server).await;
}

#[tokio::test]
async fn readiness_fails_before_the_port_closes() {
    let config = ServerConfig {
        drain_delay: Duration::from_hours(1),
        ..ServerConfig::default()
    };
    let health = std::sync::Arc::new(Health::new(Vec::new()));
    let server = Server::bind(loopback(), config).await.unwrap();
    let server = RunningServer::serve(server.with_health(std::sync::Arc::clone(&health)));
    server.signal();
    within(async {
        while !format!("{health:?}").contains("draining: true") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(
        server.connect().await.get("/hello").await.status,
        200,
        "still served"
    );
}

#[tokio::test]
async fn a_port_that_is_taken_is_explained() {
    let server = RunningServer::start(ServerConfig::default()).await;
    let error = Server::bind(server.address, ServerConfig::default())
        .await
        .unwrap_err();
    let message = error.to_string();
    assert!(message.contains(&server.address.to_string()), "{message}");
    assert!(
        message.contains("another process uses this port"),
        "{message}"
    );
    server.stop().await;
}
