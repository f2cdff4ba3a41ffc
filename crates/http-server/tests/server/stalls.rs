//! Clients of HTTP/2 that hold a stream and do not move. Their sockets look well: only the
//! streams' windows are closed.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Method, Request, StatusCode};
use http_body::Frame;
use http_body_util::{Empty, StreamBody, combinators::BoxBody};
use http_server::{BodyPace, Http2Config, ServerConfig};

use crate::{
    frames::{FrameClient, PING, WINDOW_UPDATE},
    harness::{RunningServer, within},
    http2::{body_of, connect, http2},
};

const SOON: Duration = Duration::from_millis(150);
const CANCEL: u8 = 8;

/// Each is stuck in another place: before its first byte, in the middle, and with all that is left
/// handed over.
#[tokio::test]
async fn a_response_that_is_not_taken_ends_its_stream_and_no_other() {
    let server = RunningServer::start(ServerConfig {
        response_stall_timeout: SOON,
        ..ServerConfig::default()
    })
    .await;
    for (window, path) in [
        (0, "/hello"),
        (0, "/zeros?300000"),
        (1000, "/zeros?300000"),
        (1000, "/zeros?60000"),
        (1000, "/zeros?16385"),
        (1, "/stream"),
        (3, "/stream"),
        // Here it is the connection's window that is closed, of 65,535 bytes.
        (1 << 20, "/zeros?300000"),
    ] {
        let mut client = FrameClient::open(&server, window).await;
        assert!(client.get(1, path).await);
        let (data, reset) = client.until_end_of(1).await;
        let case = format!("{path} {window}");
        assert_eq!(reset, Some(CANCEL), "{case}");
        assert_eq!(data.len(), window.min(65_535) as usize, "{case}");

        client.set_stream_windows(1000).await;
        let grant = 65_535_u32.to_be_bytes();
        assert!(client.send(WINDOW_UPDATE, 0, 0, &grant).await);
        assert!(client.get(3, "/hello").await);
        assert_eq!(client.until_end_of(3).await, (b"hello".to_vec(), None));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_window_that_opens_late_gets_the_rest() {
    let server = RunningServer::start(ServerConfig::default()).await;
    for (path, length) in [("/zeros?16385", 16_385), ("/stream", 4), ("/hello", 5)] {
        let mut client = FrameClient::open(&server, 1).await;
        assert!(client.get(1, path).await);
        while client.next().await.unwrap().payload.len() != 1 {}
        client.set_stream_windows(20_000).await;
        let (others, reset) = client.until_end_of(1).await;
        assert_eq!((others.len() + 1, reset), (length, None), "{path}");
    }
    server.stop().await;
}

/// A short response is handed over with its end, so what stays of it goes with the connection.
#[tokio::test]
async fn pings_keep_no_idle_connection_open() {
    let server = RunningServer::start(ServerConfig {
        idle_timeout: SOON,
        header_timeout: SOON,
        http2: Http2Config {
            ping_interval: Duration::from_hours(1),
            ..Http2Config::default()
        },
        ..ServerConfig::default()
    })
    .await;
    let mut client = FrameClient::open(&server, 1).await;
    assert!(client.get(1, "/hello").await);
    within(async {
        // Until the connection takes no more of them.
        while client.send(PING, 0, 0, &[7; 8]).await && client.next().await.is_some() {}
    })
    .await;
    server.stop().await;
}

type Upload = BoxBody<Bytes, Infallible>;

fn request(method: Method, path: &str, body: Upload) -> Request<Upload> {
    Request::builder()
        .method(method)
        .uri(format!("http://localhost{path}"))
        .body(body)
        .unwrap()
}

/// Read or not, a body of which nothing more comes holds its stream no longer than its answer.
#[tokio::test]
async fn a_request_body_that_stops_gives_its_stream_back() {
    let server = RunningServer::start(ServerConfig {
        body_pace: BodyPace {
            bytes_per_second: 1024,
            window: SOON,
        },
        http2: Http2Config {
            max_concurrent_streams: 1,
            ..Http2Config::default()
        },
        ..ServerConfig::default()
    })
    .await;
    let (mut requests, _driver) = http2(connect(&server).await).await;
    for (path, status) in [
        ("/count", StatusCode::REQUEST_TIMEOUT),
        ("/echo", StatusCode::REQUEST_TIMEOUT),
        ("/refuse", StatusCode::FORBIDDEN),
    ] {
        let begun = stream::iter([Ok(Frame::data(Bytes::from_static(b"abc")))]);
        let stuck = BoxBody::new(StreamBody::new(begun.chain(stream::pending())));
        let answer = requests.send_request(request(Method::PUT, path, stuck));
        assert_eq!(within(answer).await.unwrap().status(), status, "{path}");
        let hello = request(Method::GET, "/hello", BoxBody::new(Empty::new()));
        let hello = within(requests.send_request(hello)).await.unwrap();
        assert_eq!(body_of(hello).await, "hello", "{path}");
    }
    server.stop().await;
}
