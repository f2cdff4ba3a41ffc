//! A server that says what it is told to, and remembers the heads of requests.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

use crate::store::{Access, TestStore, options, url};

/// A status and a body, for the head of a request.
pub(crate) type Answer = fn(&str) -> (u16, String);

/// The server.
#[derive(Debug)]
pub(crate) struct Recorder {
    access: Access,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Recorder {
    /// It agrees to everything.
    pub(crate) async fn start() -> Self {
        Self::answering(agree).await
    }

    pub(crate) async fn answering(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let (tasks, seen) = (TaskTracker::new(), Arc::clone(&heads));
        let connections = tasks.clone();
        tasks.spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                connections.spawn(serve(connection, answer, Arc::clone(&seen)));
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

    pub(crate) async fn store(&self, parameters: &str) -> TestStore {
        let url = url(&self.access, parameters);
        TestStore::open(url, options(&self.access)).await.unwrap()
    }

    /// The head of the last request with this method, in lower case.
    pub(crate) fn last(&self, method: &str) -> String {
        let heads = self.heads.lock().unwrap();
        let last = heads.iter().rev().find(|head| head.starts_with(method));
        last.unwrap().to_lowercase()
    }
}

/// As a server does that likes everything.
pub(crate) fn agree(head: &str) -> (u16, String) {
    const CREATED: &str = "<InitiateMultipartUploadResult><UploadId>id</UploadId>\
                           </InitiateMultipartUploadResult>";
    let created = head.starts_with("POST");
    (200, if created { CREATED } else { "" }.to_owned())
}

async fn serve(connection: TcpStream, answer: Answer, seen: Arc<Mutex<Vec<String>>>) {
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
        let (status, body) = answer(&head);
        let length = body.len();
        let answer =
            format!("HTTP/1.1 {status} -\r\nETag: \"e\"\r\nContent-Length: {length}\r\n\r\n{body}");
        seen.lock().unwrap().push(head);
        connection.write_all(answer.as_bytes()).await.unwrap();
    }
}
