//! HTTP/2, with prior knowledge over plain TCP; `tls.rs` has it over ALPN.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Version};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use http_server::ServerConfig;
use hyper::{body::Incoming, client::conn::http2::SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinSet,
};

use crate::{
    application::pattern,
    frames::{FrameClient, GOAWAY, RST_STREAM},
    harness::{RunningServer, within},
};

/// A client connection; the set drives it.
pub(crate) async fn http2<S, B>(stream: S) -> (SendRequest<B>, JoinSet<hyper::Result<()>>)
where
    B: Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (requests, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .max_header_list_size(1 << 20)
        .handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    (requests, driver)
}

pub(crate) fn request(method: Method, path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::builder()
        .method(method)
        .uri(format!("http://localhost{path}"))
        .body(Full::new(body.into()))
        .unwrap()
}

pub(crate) async fn body_of(response: Response<Incoming>) -> Bytes {
    within(response.into_body().collect())
        .await
        .unwrap()
        .to_bytes()
}

pub(crate) async fn connect(server: &RunningServer) -> TcpStream {
    TcpStream::connect(server.address).await.unwrap()
}

#[tokio::test]
async fn requests_share_a_connection_and_overtake_each_other() {
    let server = RunningServer::start(ServerConfig::default()).await;
    let (mut requests, _driver) = http2(connect(&server).await).await;
    let waiting = requests.send_request(request(Method::GET, "/wait", ""));
    server.until_arrived().await;
    let hello = requests.send_request(request(Method::GET, "/hello", ""));
    let hello = within(hello).await.unwrap();
    assert_eq!(hello.version(), Version::HTTP_2);
    assert_eq!(hello.headers()["x-content-type-options"], "nosniff");
    assert!(hello.headers().contains_key("x-request-id"));
    assert_eq!(body_of(hello).await, "hello");
    server.gate.add_permits(1);
    assert_eq!(body_of(within(waiting).await.unwrap()).await, "waited");
    server.stop().await;
}

#[tokio::test]
async fn bodies_beyond_every_window_pass_both_ways() {
    let server = RunningServer::start(ServerConfig::default()).await;
    let (mut requests, _driver) = http2(connect(&server).await).await;
    let length = 20 << 20;
    let upload = request(Method::PUT, "/count", vec![1; length]);
    let counted = within(requests.send_request(upload)).await.unwrap();
    assert_eq!(body_of(counted).await, length.to_string());
    let download = request(Method::GET, "/file?3000000", "");
    let response = within(requests.send_request(download)).await.unwrap();
    assert_eq!(response.headers()["content-length"], "3000000");
    assert!(body_of(response).await == pattern(3_000_000));
    server.stop().await;
}

#[tokio::test]
async fn head_and_no_content_send_no_data() {
    let server = RunningServer::start(ServerConfig::default()).await;
    let (mut requests, _driver) = http2(connect(&server).await).await;
    for (method, path, status, length) in [
        (Method::HEAD, "/hello", 200, Some("5")),
        (Method::HEAD, "/length-only", 200, Some("42")),
        (Method::DELETE, "/no-content", 204, None),
    ] {
        let response = requests.send_request(request(method, path, ""));
        let response = within(response).await.unwrap();
        let seen = response
            .headers()
            .get("content-length")
            .map(|value| value.to_str().unwrap());
        assert_eq!(
            (response.status().as_u16(), seen),
            (status, length),
            "{path}"
        );
        assert!(body_of(response).await.is_empty(), "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_broken_body_resets_its_stream_only() {
    let server = RunningServer::start(ServerConfig::default()).await;
    let (mut requests, _driver) = http2(connect(&server).await).await;
    let broken = requests.send_request(request(Method::GET, "/truncated-file?300000", ""));
    // The reset overtakes whatever was not sent yet, which may be the head.
    if let Ok(response) = within(broken).await {
        assert!(within(response.into_body().collect()).await.is_err());
    }
    let refused = requests.send_request(request(Method::PUT, "/refuse", vec![0; 1 << 20]));
    assert_eq!(
        within(refused).await.unwrap().status(),
        StatusCode::FORBIDDEN
    );
    let hello = requests.send_request(request(Method::GET, "/hello", ""));
    assert_eq!(body_of(within(hello).await.unwrap()).await, "hello");
    server.stop().await;
}

#[tokio::test]
async fn heads_over_the_limits_are_refused() {
    let server = RunningServer::start(ServerConfig::default()).await;
    let (mut requests, _driver) = http2(connect(&server).await).await;
    for (path, header, status) in [
        (16 * 1024, 10, 404),
        (16 * 1024 + 1, 10, 414),
        (10, 60_000, 404),
        (10, 65_536, 431),
        (10, 200_000, 431),
    ] {
        let mut request = request(Method::GET, &format!("/{}", "p".repeat(path - 1)), "");
        let value = "h".repeat(header).parse().unwrap();
        request.headers_mut().insert("x-large", value);
        let response = within(requests.send_request(request)).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{path} {header}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let server = RunningServer::start(ServerConfig {
        idle_timeout: Duration::from_millis(150),
        ..ServerConfig::default()
    })
    .await;
    let (mut requests, mut driver) = http2(connect(&server).await).await;
    let hello = requests.send_request(request(Method::GET, "/hello", ""));
    assert_eq!(body_of(within(hello).await.unwrap()).await, "hello");
    within(driver.join_next()).await.unwrap().unwrap().unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_stream_in_flight_ends_when_the_server_drains() {
    let server = RunningServer::start(ServerConfig::default()).await;
    let (mut requests, mut driver) = http2(connect(&server).await).await;
    let waiting = requests.send_request(request(Method::GET, "/wait", ""));
    server.until_arrived().await;
    server.signal();
    within(async {
        while requests.ready().await.is_ok() {
            let late = requests.send_request(request(Method::GET, "/hello", ""));
            let _ = within(late).await;
        }
    })
    .await;
    server.gate.add_permits(1);
    assert_eq!(body_of(within(waiting).await.unwrap()).await, "waited");
    within(driver.join_next()).await.unwrap().unwrap().unwrap();
    let report = server.end().await;
    assert_eq!((report.cut_requests, report.cut_connections), (0, 0));
}

#[tokio::test]
async fn a_stream_that_does_not_end_is_cut_off() {
    let server = RunningServer::start(ServerConfig {
        drain_timeout: Duration::from_millis(100),
        ..ServerConfig::default()
    })
    .await;
    let (mut requests, _driver) = http2(connect(&server).await).await;
    let waiting = requests.send_request(request(Method::GET, "/wait", ""));
    server.until_arrived().await;
    let report = server.stop().await;
    assert_eq!((report.cut_requests, report.cut_connections), (1, 1));
    assert!(within(waiting).await.is_err());
}

/// Opening streams and resetting them at once makes a server work for nothing (CVE-2023-44487).
#[tokio::test]
async fn rapid_resets_end_the_connection() {
    const CANCEL: [u8; 4] = [0, 0, 0, 8];
    const ENHANCE_YOUR_CALM: [u8; 4] = [0, 0, 0, 0xb];

    let server = RunningServer::start(ServerConfig::default()).await;
    let mut client = FrameClient::open(&server, 0).await;
    for number in 0..10_000 {
        let stream = 2 * number + 1;
        let opened = client.get(stream, "/").await;
        // The server may close before it has read all.
        if !(opened && client.send(RST_STREAM, 0, stream, &CANCEL).await) {
            break;
        }
    }
    let mut goaway = None;
    while let Some(frame) = client.next().await {
        if frame.kind == GOAWAY {
            goaway = Some(frame.payload[4..8].to_vec());
        }
    }
    assert_eq!(goaway.as_deref(), Some(&ENHANCE_YOUR_CALM[..]));
    server.stop().await;
}
