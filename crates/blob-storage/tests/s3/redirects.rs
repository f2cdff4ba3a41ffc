//! URLs that lead clients to the server itself, and what a client gets there.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use registry_core::ports::{BlobStore, Clock, StorageKey, Timestamp};
use registry_core::testing::TestClock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::session::{Session, pattern};
use crate::store::{Server, TestStore, options, url};

const SERVERS: [Server; 2] = [Server::SeaweedFs, Server::VersityGw];

/// The server looks at a clock, too.
#[derive(Debug)]
struct WallClock;

impl Clock for WallClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the server compares it with its own"
    )]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Timestamp(0).plus(since)
    }
}

async fn store(server: Server, parameters: &str, clock: Arc<dyn Clock>) -> TestStore {
    let access = server.access().await;
    let mut options = options(&access);
    options.clock = clock;
    let parameters = parameters.replace("{endpoint}", &access.endpoint);
    TestStore::open(url(&access, &parameters), options)
        .await
        .unwrap()
}

async fn object(store: &TestStore) -> StorageKey {
    let object = Session::new().object;
    let put = store.blobs.put(&object, vec![pattern(1, 1_000)], None);
    put.await.unwrap().key
}

/// Asks as a client does that knows nothing but the URL: a status and a body.
async fn get(url: &str, range: Option<&str>) -> (u16, Vec<u8>) {
    let rest = url.strip_prefix("http://").unwrap();
    let (authority, path) = rest.split_at(rest.find('/').unwrap());
    let mut request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n");
    if let Some(range) = range {
        write!(request, "Range: {range}\r\n").unwrap();
    }
    let mut connection = TcpStream::connect(authority).await.unwrap();
    let request = format!("{request}\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.unwrap();
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let head = std::str::from_utf8(&answer[..end]).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_off(end + 4))
}

#[tokio::test]
async fn whoever_has_the_url_gets_the_bytes() {
    for server in SERVERS {
        let store = store(server, "", Arc::new(WallClock)).await;
        let key = object(&store).await;
        let url = store.blobs.redirect(key).await.unwrap().unwrap();
        assert_eq!(store.blobs.redirect_host(), Some("127.0.0.1"));
        let (status, bytes) = get(&url, None).await;
        assert_eq!((status, &bytes[..]), (200, &pattern(1, 1_000)[..]));
        let (status, bytes) = get(&url, Some("bytes=10-19")).await;
        assert_eq!((status, &bytes[..]), (206, &pattern(1, 1_000)[10..20]));

        let other = url.replacen(".1?", ".2?", 1);
        let none = url.split_once('?').unwrap().0.to_owned();
        for wrong in [other, none] {
            let (status, _) = get(&wrong, None).await;
            assert_eq!(status, 403, "{server:?} {wrong}");
        }
    }
}

#[tokio::test]
async fn the_url_is_for_the_host_that_clients_see() {
    for server in SERVERS {
        let port = server.access().await.endpoint;
        let port = port.rsplit_once(':').unwrap().1.to_owned();
        let public = format!("&public_endpoint=http://localhost:{port}");
        let store = store(server, &public, Arc::new(WallClock)).await;
        let key = object(&store).await;
        let url = store.blobs.redirect(key).await.unwrap().unwrap();
        assert!(
            url.starts_with(&format!("http://localhost:{port}/")),
            "{url}"
        );
        assert_eq!(store.blobs.redirect_host(), Some("localhost"));
        let (status, bytes) = get(&url, None).await;
        assert_eq!((status, bytes.len()), (200, 1_000));
        // The signature covers the host.
        let (status, _) = get(&url.replace("localhost", "127.0.0.1"), None).await;
        assert_eq!(status, 403);
    }
}

#[tokio::test]
async fn an_object_has_one_url_for_five_minutes() {
    let clock = Arc::new(TestClock::new());
    let store = store(Server::VersityGw, "", Arc::clone(&clock) as _).await;
    let (key, other) = (object(&store).await, object(&store).await);
    let url = async |key| store.blobs.redirect(key).await.unwrap().unwrap();
    let first = url(key).await;
    assert_ne!(url(other).await, first);
    // The window it is in began some time ago, and ends within five minutes.
    let mut minutes = 0;
    while url(key).await == first {
        clock.advance(Duration::from_mins(1));
        minutes += 1;
    }
    assert!((1..=5).contains(&minutes), "{minutes}");
    let second = url(key).await;
    clock.advance(Duration::from_mins(4));
    assert_eq!(url(key).await, second);
    clock.advance(Duration::from_mins(1));
    assert_ne!(url(key).await, second);
    // Ten minutes at least, whenever it is asked for.
    assert!(second.contains("&X-Amz-Expires=900&"), "{second}");
}

#[tokio::test]
async fn a_url_that_has_run_out_is_refused() {
    let store = store(Server::SeaweedFs, "", Arc::new(TestClock::new())).await;
    let key = object(&store).await;
    let url = store.blobs.redirect(key).await.unwrap().unwrap();
    let (status, _) = get(&url, None).await;
    assert!(matches!(status, 400 | 403), "{status}");
}
