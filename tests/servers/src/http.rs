//! The smallest HTTP client: one request on one connection, for health checks and administration of the servers.

use std::io;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What a server answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Sends a request to a port of the loopback. In HTTP/1.0, so that the answer ends where the connection does.
pub(crate) async fn request(
    port: u16,
    method: &str,
    target: &str,
    body: &str,
) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    // Without a body the type must be left out: one of the servers would look for a form.
    let content = if body.is_empty() {
        "Content-Length: 0".to_owned()
    } else {
        let length = body.len();
        format!("Content-Type: application/json\r\nContent-Length: {length}")
    };
    let request = format!(
        "{method} {target} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nAccept: application/json\r\n{content}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await?;
    parse(&String::from_utf8_lossy(&received))
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no HTTP answer"))
}

fn parse(received: &str) -> Option<Answer> {
    let (head, body) = received.split_once("\r\n\r\n")?;
    Some(Answer {
        status: head.split(' ').nth(1)?.parse().ok()?,
        body: body.to_owned(),
    })
}
