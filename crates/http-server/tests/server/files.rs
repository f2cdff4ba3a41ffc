//! Files as response bodies: exact to the byte, and never silently short.

use http_server::ServerConfig;

use crate::{application::pattern, harness::RunningServer};

#[tokio::test]
async fn a_file_arrives_byte_for_byte() {
    let server = RunningServer::start(ServerConfig::default()).await;
    let mut client = server.connect().await;
    for length in [1, 4096, 262_144, 262_145, 3_000_000] {
        let answer = client.get(&format!("/file?{length}")).await;
        assert_eq!(
            answer.header("content-length"),
            Some(length.to_string().as_str())
        );
        assert!(answer.body == pattern(length), "{length}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_file_that_is_too_short_breaks_the_connection() {
    let server = RunningServer::start(ServerConfig::default()).await;
    // Nothing at all came of the short one; of the long one, what was read before the end.
    for length in [1, 300_000, 3_000_000] {
        let mut client = server.connect().await;
        client
            .send(format!(
                "GET /truncated-file?{length} HTTP/1.1\r\nHost: x\r\n\r\n"
            ))
            .await;
        let whole = client.until_closed().await;
        let body = whole.windows(4).position(|window| window == b"\r\n\r\n");
        let received = body.map_or(0, |head| whole.len() - head - 4);
        assert!(received < length, "{received} of {length}");
    }
    server.stop().await;
}
