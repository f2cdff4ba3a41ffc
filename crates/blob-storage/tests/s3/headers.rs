//! What is sent along with objects and parts.

use std::sync::{Arc, Mutex};

use registry_core::ports::BlobStore;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

use crate::session::{MIB, Session, pattern, write};
use crate::store::{Access, TestStore, options, url};

/// A server that agrees to everything, and remembers the heads of requests.
#[derive(Debug)]
struct Recorder {
    access: Access,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Recorder {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let (tasks, seen) = (TaskTracker::new(), Arc::clone(&heads));
        let connections = tasks.clone();
        tasks.spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                connections.spawn(serve(connection, Arc::clone(&seen)));
            }
        });
        Self {
            access: Access {
                endpoint: format!("http://localhost:{port}"),
                key_id: "key",
                secret: "secret",
                region: "region",
                bucket: "bucket".to_owned(),
            },
            heads,
        }
    }

    async fn store(&self, parameters: &str) -> TestStore {
        let url = url(&self.access, parameters);
        TestStore::open(url, options(&self.access)).await.unwrap()
    }

    /// The head of the last request to store something, in lower case.
    fn last(&self, method: &str) -> String {
        let heads = self.heads.lock().unwrap();
        let last = heads.iter().rev().find(|head| head.starts_with(method));
        last.unwrap().to_lowercase()
    }
}

async fn serve(connection: TcpStream, seen: Arc<Mutex<Vec<String>>>) {
    const CREATED: &str = "<InitiateMultipartUploadResult><UploadId>id</UploadId>\
                           </InitiateMultipartUploadResult>";
    let mut connection = BufReader::new(connection);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if connection.read_line(&mut head).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let lower = head.to_lowercase();
        let length = lower
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length = length.map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        connection.read_exact(&mut body).await.unwrap();
        let body = if head.starts_with("POST") {
            CREATED
        } else {
            ""
        };
        let length = body.len();
        let answer =
            format!("HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: {length}\r\n\r\n{body}");
        seen.lock().unwrap().push(head);
        connection.write_all(answer.as_bytes()).await.unwrap();
    }
}

#[track_caller]
fn assert_has(head: &str, lines: &[&str]) {
    for line in lines {
        assert!(
            head.lines().any(|other| other == *line),
            "no {line} in {head}"
        );
    }
}

#[track_caller]
fn assert_has_no(head: &str, names: &[&str]) {
    for name in names {
        assert!(!head.contains(name), "{name} in {head}");
    }
}

/// Stores an object, and parts of another one.
async fn store_both(store: &TestStore, sha256: Option<[u8; 32]>) {
    let mut writer = Session::new().writer(&*store.blobs).await;
    write(&mut writer, &pattern(1, 9 * MIB)).await.unwrap();
    writer.close(true).await.unwrap();
    let object = Session::new().object;
    let bytes = vec![pattern(1, 1_000), pattern(2, 1_000)];
    store.blobs.put(&object, bytes, sha256).await.unwrap();
}

#[tokio::test]
async fn other_servers_get_bodies_as_they_are() {
    let recorder = Recorder::start().await;
    store_both(&recorder.store("").await, Some([7; 32])).await;
    let head = recorder.last("PUT");
    assert_has(
        &head,
        &[
            "content-type: application/octet-stream",
            "content-length: 2000",
            // Nobody hashes them a second time.
            "x-amz-content-sha256: unsigned-payload",
        ],
    );
    for head in [head, recorder.last("POST")] {
        let names = [
            "aws-chunked",
            "x-amz-trailer",
            "x-amz-checksum",
            "x-amz-server-side",
        ];
        assert_has_no(&head, &names);
        assert!(head.contains("/bucket/test-"), "{head}");
    }
}

#[tokio::test]
async fn encryption_is_asked_for_where_objects_begin() {
    let recorder = Recorder::start().await;
    store_both(&recorder.store("&sse=AES256").await, None).await;
    for method in ["PUT", "POST"] {
        assert_has(
            &recorder.last(method),
            &["x-amz-server-side-encryption: aes256"],
        );
    }
    store_both(
        &recorder.store("&sse=aws:kms&kms_key_id=the/key").await,
        None,
    )
    .await;
    for method in ["PUT", "POST"] {
        assert_has(
            &recorder.last(method),
            &[
                "x-amz-server-side-encryption: aws:kms",
                "x-amz-server-side-encryption-aws-kms-key-id: the/key",
            ],
        );
    }
}

#[tokio::test]
async fn checksums_are_headers_and_the_digest_is_one() {
    let recorder = Recorder::start().await;
    let store = recorder.store("&checksum=supported").await;
    store_both(&store, Some([0; 32])).await;
    let sum = format!("x-amz-checksum-sha256: {}a=", "a".repeat(42));
    assert_has(&recorder.last("PUT"), &[&sum]);
    assert_has(
        &recorder.last("POST"),
        &[
            "x-amz-checksum-algorithm: crc32",
            "x-amz-checksum-type: full_object",
        ],
    );
    store_both(&store, None).await;
    let head = recorder.last("PUT");
    assert!(head.contains("\nx-amz-checksum-crc32: "), "{head}");
    assert_has_no(
        &head,
        &["aws-chunked", "x-amz-trailer", "x-amz-checksum-sha256"],
    );
}
