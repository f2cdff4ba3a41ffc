//! Starts a server on a port of the system's choice, and speaks to it byte by byte.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use http_server::{DrainReport, Server, ServerConfig};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::application::TestApplication;

/// Fails a test that hangs; nothing is ever expected to come near it.
const HANG: Duration = Duration::from_mins(1);

pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(HANG, future)
        .await
        .expect("the test hangs")
}

/// A server with the test application.
pub(crate) struct RunningServer {
    pub(crate) address: SocketAddr,
    pub(crate) gate: Arc<Semaphore>,
    pub(crate) arrived: Arc<Semaphore>,
    shutdown: CancellationToken,
    task: JoinSet<DrainReport>,
}

impl RunningServer {
    pub(crate) async fn start(config: ServerConfig) -> Self {
        Self::serve(Server::bind(loopback(), config).await.unwrap())
    }

    pub(crate) fn serve(server: Server) -> Self {
        let address = server.local_address();
        let application = TestApplication::new();
        let (gate, arrived) = (
            Arc::clone(&application.gate),
            Arc::clone(&application.arrived),
        );
        let shutdown = CancellationToken::new();
        let mut task = JoinSet::new();
        task.spawn(server.serve(Arc::new(application), shutdown.clone()));
        Self {
            address,
            gate,
            arrived,
            shutdown,
            task,
        }
    }

    pub(crate) async fn connect(&self) -> Client<TcpStream> {
        Client::new(TcpStream::connect(self.address).await.unwrap())
    }

    /// Gives the shutdown signal and does not wait for the end.
    pub(crate) fn signal(&self) {
        self.shutdown.cancel();
    }

    /// Waits for the end.
    pub(crate) async fn end(mut self) -> DrainReport {
        within(self.task.join_next()).await.unwrap().unwrap()
    }

    /// Drops the server's future in the middle of its work.
    pub(crate) fn abandon(&mut self) {
        self.task.abort_all();
    }

    pub(crate) async fn stop(self) -> DrainReport {
        self.signal();
        self.end().await
    }

    /// Waits until a request to `/wait` has reached the application.
    pub(crate) async fn until_arrived(&self) {
        within(self.arrived.acquire()).await.unwrap().forget();
    }
}

pub(crate) fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A response as it came over the wire.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.head.lines().skip(1).filter_map(|line| {
            let (seen, value) = line.split_once(':')?;
            seen.eq_ignore_ascii_case(name).then(|| value.trim())
        });
        let value = values.next();
        assert_eq!(values.next(), None, "{name} comes twice in {}", self.head);
        value
    }
}

/// A client that sends exactly the bytes it is told to.
pub(crate) struct Client<S> {
    stream: S,
    buffer: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        within(self.stream.write_all(bytes.as_ref())).await.unwrap();
        within(self.stream.flush()).await.unwrap();
    }

    /// Sends what the server may not want any more.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        within(self.stream.write_all(bytes)).await
    }

    /// A request without a body, and its answer.
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"))
            .await;
        self.answer().await
    }

    /// The next answer, with a body of the length it announces.
    pub(crate) async fn answer(&mut self) -> Answer {
        let mut answer = self.head().await;
        let length = answer
            .header("content-length")
            .map_or(0, |length| length.parse().unwrap());
        answer.body = self.take(length).await;
        answer
    }

    /// The next answer, or nothing if the connection ends before its first byte.
    pub(crate) async fn try_answer(&mut self) -> Option<Answer> {
        if self.buffer.is_empty() && !self.fill().await {
            return None;
        }
        Some(self.answer().await)
    }

    /// The next head, informational ones included.
    pub(crate) async fn head(&mut self) -> Answer {
        let end = loop {
            let found = self
                .buffer
                .windows(4)
                .position(|window| window == b"\r\n\r\n");
            if let Some(at) = found {
                break at + 4;
            }
            assert!(
                self.fill().await,
                "closed within a head: {:?}",
                self.rest_as_text()
            );
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        let head = String::from_utf8(head).unwrap();
        Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head,
            body: Vec::new(),
        }
    }

    pub(crate) async fn take(&mut self, length: usize) -> Vec<u8> {
        while self.buffer.len() < length {
            assert!(self.fill().await, "closed within a body");
        }
        self.buffer.drain(..length).collect()
    }

    /// Whatever comes until the server closes or resets the connection.
    pub(crate) async fn until_closed(&mut self) -> Vec<u8> {
        while self.fill().await {}
        std::mem::take(&mut self.buffer)
    }

    async fn fill(&mut self) -> bool {
        let read = within(self.stream.read_buf(&mut self.buffer)).await;
        read.is_ok_and(|read| read > 0)
    }

    fn rest_as_text(&self) -> String {
        String::from_utf8_lossy(&self.buffer).into_owned()
    }
}
