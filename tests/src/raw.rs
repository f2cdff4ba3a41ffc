//! Bytes over TCP, for requests that no HTTP client would send: malformed heads, bodies that stop in the middle,
//! frames that break the protocol.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{error::Elapsed, timeout},
};

/// A bare connection to the server.
#[derive(Debug)]
pub struct RawConnection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// The status line and headers of an answer, and as much of its body as its length says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawResponse {
    /// The status code.
    pub status: u16,
    /// The status line and headers as they came.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl RawResponse {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(':'));
        let (_, value) = headers.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(value.trim())
    }
}

impl RawConnection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address)
            .await
            .expect("the server accepts connections");
        stream.set_nodelay(true).expect("a socket option");
        Self {
            stream,
            received: Vec::new(),
        }
    }

    /// Sends bytes. A server that has closed already is no failure: the test looks at what it answered.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Sends one byte string after another until all are sent, or the server has closed or takes no more.
    pub async fn send_all<T: AsRef<[u8]>>(&mut self, parts: impl IntoIterator<Item = T>) {
        for part in parts {
            let sent = timeout(
                Duration::from_secs(10),
                self.stream.write_all(part.as_ref()),
            )
            .await;
            if !matches!(sent, Ok(Ok(()))) {
                return;
            }
        }
    }

    /// Reads one answer; `None` when the server closed without any, or said nothing within the limit.
    pub async fn response(&mut self, limit: Duration) -> Option<RawResponse> {
        timeout(limit, self.read_response()).await.ok().flatten()
    }

    /// Reads one answer; `None` when the server closed without any.
    ///
    /// # Errors
    /// When it neither answers nor closes within the limit.
    pub async fn response_or_end(
        &mut self,
        limit: Duration,
    ) -> Result<Option<RawResponse>, Elapsed> {
        timeout(limit, self.read_response()).await
    }

    /// Reads until the server closes; `None` when it is still open after the limit.
    pub async fn rest(&mut self, limit: Duration) -> Option<Vec<u8>> {
        timeout(limit, async { while self.read_more().await {} })
            .await
            .ok()?;
        Some(std::mem::take(&mut self.received))
    }

    /// Reads what comes within the limit, whether the server closes or not.
    pub async fn some(&mut self, limit: Duration) -> Vec<u8> {
        let _ = timeout(limit, async { while self.read_more().await {} }).await;
        std::mem::take(&mut self.received)
    }

    /// Says that nothing more will be sent, and goes on reading.
    pub async fn finish(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// Closes with a reset instead of an orderly end, as a lost network does.
    pub fn reset(self) {
        self.stream.set_zero_linger().expect("a socket option");
    }

    async fn read_response(&mut self) -> Option<RawResponse> {
        let end = loop {
            if let Some(end) = self
                .received
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
            {
                break end + 4;
            }
            if !self.read_more().await {
                return None;
            }
        };
        let head = String::from_utf8_lossy(&self.received[..end]).into_owned();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        self.received.drain(..end);
        let mut response = RawResponse {
            status,
            head,
            body: Vec::new(),
        };
        let length = response
            .header("content-length")
            .and_then(|value| value.parse().ok())
            .unwrap_or(0);
        while self.received.len() < length && self.read_more().await {}
        response.body = self
            .received
            .drain(..length.min(self.received.len()))
            .collect();
        Some(response)
    }

    async fn read_more(&mut self) -> bool {
        self.stream
            .read_buf(&mut self.received)
            .await
            .is_ok_and(|length| length > 0)
    }
}
