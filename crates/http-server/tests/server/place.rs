//! Large bodies get a thread, so that taking them in holds nobody up. The runtimes of these tests have one thread.

use std::time::Duration;

use http_server::{OWN_THREADS, ServerConfig};
use tokio::net::TcpStream;

use crate::{
    application::{ARRIVED, BLOCKS},
    harness::{Client, RunningServer},
};

const LENGTH: usize = 1024 * 1024;

/// Sends a head and so much of the body that the connection has a thread of its own.
async fn begin_large(server: &RunningServer, path: &str) -> Client<TcpStream> {
    let mut client = server.connect().await;
    client
        .send(format!(
            "PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {LENGTH}\r\n\r\n"
        ))
        .await;
    client.send(vec![7; ARRIVED + 1]).await;
    client
}

#[tokio::test]
async fn a_large_body_that_blocks_its_thread_holds_up_no_other_request() {
    let server = RunningServer::start(ServerConfig::default()).await;
    let mut client = begin_large(&server, "/block").await;
    server.until_arrived().await;
    client.send(vec![7; BLOCKS - ARRIVED]).await;
    let mut other = server.connect().await;
    for _ in 0..20 {
        assert_eq!(other.get("/hello").await.text(), "hello");
    }
    server.gate.add_permits(1);
    client.send(vec![7; LENGTH - BLOCKS - 1]).await;
    assert_eq!(client.answer().await.text(), LENGTH.to_string());
    server.stop().await;
}

#[tokio::test]
async fn a_connection_goes_on_after_a_large_body() {
    let server = RunningServer::start(ServerConfig::default()).await;
    let mut client = begin_large(&server, "/count").await;
    client.send(vec![7; LENGTH - ARRIVED - 1]).await;
    assert_eq!(client.answer().await.text(), LENGTH.to_string());
    client.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.until_arrived().await;
    server.gate.add_permits(1);
    assert_eq!(client.answer().await.text(), "waited");
    server.stop().await;
}

#[tokio::test]
async fn more_large_bodies_than_threads_are_all_taken_in() {
    let server = RunningServer::start(ServerConfig::default()).await;
    for _twice_as_threads_come_back in 0..2 {
        let mut clients = Vec::new();
        for _ in 0..OWN_THREADS + 8 {
            clients.push(begin_large(&server, "/count").await);
        }
        for client in &mut clients {
            client.send(vec![7; LENGTH - ARRIVED - 1]).await;
        }
        for client in &mut clients {
            assert_eq!(client.answer().await.text(), LENGTH.to_string());
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_leaves_in_a_large_body_leaves_its_thread() {
    let server = RunningServer::start(ServerConfig::default()).await;
    for _ in 0..3 {
        let client = begin_large(&server, "/count").await;
        drop(client);
    }
    let report = server.stop().await;
    assert_eq!((report.cut_requests, report.cut_connections), (0, 0));
}

#[tokio::test]
async fn a_large_body_without_an_end_is_cut_off_when_the_server_ends() {
    let config = ServerConfig {
        drain_timeout: Duration::from_millis(200),
        ..ServerConfig::default()
    };
    let server = RunningServer::start(config).await;
    let _client = begin_large(&server, "/count").await;
    let mut other = server.connect().await;
    assert_eq!(other.get("/hello").await.status, 200);
    let report = server.stop().await;
    assert_eq!((report.cut_requests, report.cut_connections), (1, 1));
}
