//! A connection's bytes, plain or TLS, with a note of every movement for the time-outs.
//! It knows nothing of HTTP but the one thing that has to be seen before hyper reads: whether a
//! plain connection begins with HTTP/2's preface.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep},
};
use tokio_rustls::server::TlsStream;

use super::ConnectionContext;

/// No method of HTTP/1 begins like this; RFC 9113 section 3.4 reserves it for the preface.
const HTTP2_PREFACE_START: [u8; 3] = *b"PRI";

/// How long a client that is still sending may take between two pieces, and altogether, before
/// it must have noticed the response.
const LINGER_BETWEEN: Duration = Duration::from_secs(5);
const LINGER_ALTOGETHER: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// The protocol a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// One connection's bytes.
#[derive(Debug)]
pub(super) struct ConnectionStream {
    transport: Transport,
    context: Arc<ConnectionContext>,
    /// What was read to tell the protocol, and has yet to be handed on.
    prefix: [u8; HTTP2_PREFACE_START.len()],
    prefix_length: usize,
    lingering: Option<Linger>,
}

#[derive(Debug)]
struct Linger {
    until: Instant,
    timer: Pin<Box<Sleep>>,
}

impl ConnectionStream {
    pub(super) fn new(transport: Transport, context: Arc<ConnectionContext>) -> Self {
        Self {
            transport,
            context,
            prefix: [0; HTTP2_PREFACE_START.len()],
            prefix_length: 0,
            lingering: None,
        }
    }

    /// Which protocol the client speaks: by ALPN over TLS, by its first bytes otherwise.
    pub(super) async fn protocol(&mut self) -> io::Result<Protocol> {
        let stream = match &mut self.transport {
            Transport::Tls(stream) => {
                let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                return Ok(if is_http2 {
                    Protocol::Http2
                } else {
                    Protocol::Http1
                });
            }
            Transport::Plain(stream) => stream,
        };
        while self.prefix_length < HTTP2_PREFACE_START.len() {
            let read = stream.read(&mut self.prefix[self.prefix_length..]).await?;
            self.prefix_length += read;
            let seen = &self.prefix[..self.prefix_length];
            if read == 0 || !HTTP2_PREFACE_START.starts_with(seen) {
                return Ok(Protocol::Http1);
            }
        }
        Ok(Protocol::Http2)
    }

    /// Notes what became of a write.
    fn note_write(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &result {
            Poll::Ready(written) => {
                let count = written.as_ref().copied().unwrap_or_default();
                self.context.activity().bytes_written(count);
            }
            Poll::Pending => self.context.activity().write_blocked(),
        }
        result
    }

    /// Reads on, and forgets, until the client stops sending. Closing a socket with unread bytes
    /// makes the kernel reset the connection, which can destroy the response on its way to a
    /// client that is still sending its request (RFC 9112 section 9.6).
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let linger = self.lingering.get_or_insert_with(|| {
            let now = Instant::now();
            Linger {
                until: now + LINGER_ALTOGETHER,
                timer: Box::pin(tokio::time::sleep_until(now + LINGER_BETWEEN)),
            }
        });
        let socket = match &mut self.transport {
            Transport::Plain(stream) => stream,
            Transport::Tls(stream) => stream.get_mut().0,
        };
        let mut scrap = [0; 16 * 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut scrap);
            match Pin::new(&mut *socket).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    let next = (Instant::now() + LINGER_BETWEEN).min(linger.until);
                    linger.timer.as_mut().reset(next);
                    if Instant::now() >= linger.until {
                        return Poll::Ready(());
                    }
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return linger.timer.as_mut().poll(context),
            }
        }
    }
}

impl AsyncRead for ConnectionStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.prefix_length > 0 {
            let length = this.prefix_length.min(buffer.remaining());
            buffer.put_slice(&this.prefix[..length]);
            this.prefix.rotate_left(length);
            this.prefix_length -= length;
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(match &mut this.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Transport::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        })?;
        let count = buffer.filled().len() - before;
        if count > 0 {
            this.context.activity().bytes_read(count);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ConnectionStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = match &mut this.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Transport::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        };
        this.note_write(result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = match &mut this.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Transport::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        };
        this.note_write(result)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match &mut this.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_flush(context),
            // TLS takes more than the socket has room for: here it shows.
            Transport::Tls(stream) => {
                let flushed = Pin::new(stream).poll_flush(context);
                match flushed {
                    Poll::Pending => this.context.activity().write_blocked(),
                    Poll::Ready(Ok(())) => this.context.activity().bytes_written(0),
                    Poll::Ready(Err(_)) => {}
                }
                flushed
            }
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.lingering.is_none() {
            ready!(match &mut this.transport {
                Transport::Plain(stream) => Pin::new(stream).poll_shutdown(context),
                Transport::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            })?;
        }
        if this.context.activity().is_body_unread() {
            ready!(this.poll_linger(context));
        }
        Poll::Ready(Ok(()))
    }
}
