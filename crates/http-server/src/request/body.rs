//! The body of a request as the application reads it: bytes, or the one reason why no more come.
//! It reads from the connection only when it is polled, which is also what makes the server say
//! `100 Continue`; it must never be polled on the application's behalf.

use std::{
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use thiserror::Error;

use super::connection_body::ConnectionBody;
use crate::{config::BodyPace, exchange::Exchange};

/// Why a request's body ended early.
#[derive(Debug, Error)]
pub enum RequestBodyError {
    /// The client sends less than the configured pace.
    #[error("request body arrives too slowly")]
    TooSlow,
    /// The body is longer than it may be.
    #[error("request body is longer than {limit} bytes")]
    TooLarge {
        /// The most that was allowed.
        limit: u64,
    },
    /// The client left, or the connection broke, in the middle of the body.
    #[error("client left in the middle of the request body")]
    Disconnected(#[source] io::Error),
    /// The framing of the body is not HTTP.
    #[error("read malformed request body")]
    Malformed(#[source] io::Error),
}

type BodyStream = Pin<Box<dyn Stream<Item = Result<Bytes, RequestBodyError>> + Send + Sync>>;

/// The body of a request.
///
/// After an error nothing more comes.
pub struct RequestBody(Source);

enum Source {
    Empty,
    Bytes(Bytes),
    Stream {
        stream: BodyStream,
        length: Option<u64>,
    },
    Connection(Box<ConnectionBody>),
}

impl RequestBody {
    /// A body of no bytes.
    pub fn empty() -> Self {
        Self(Source::Empty)
    }

    /// A body made of a stream, as tests of applications need it.
    pub fn from_stream<S>(stream: S, length: Option<u64>) -> Self
    where
        S: Stream<Item = Result<Bytes, RequestBodyError>> + Send + Sync + 'static,
    {
        Self(Source::Stream {
            stream: Box::pin(stream),
            length,
        })
    }

    /// The body of a request that came over a connection.
    pub(crate) fn from_connection(
        incoming: Incoming,
        exchange: Arc<Exchange>,
        maximum: Option<u64>,
        pace: BodyPace,
    ) -> Self {
        Self(Source::Connection(Box::new(ConnectionBody::new(
            incoming, exchange, maximum, pace,
        ))))
    }

    /// The length the client announced, or what is left of it; `None` for a chunked body.
    pub fn content_length(&self) -> Option<u64> {
        self.size_hint().exact()
    }

    /// The bytes as a stream.
    pub fn into_stream(self) -> RequestBodyStream {
        RequestBodyStream(self)
    }

    /// The whole body, if it is no longer than `limit`; nothing is read of a body that announces
    /// more.
    pub async fn collect_limited(self, limit: usize) -> Result<Bytes, RequestBodyError> {
        let too_large = || RequestBodyError::TooLarge {
            limit: limit as u64,
        };
        let announced = self.content_length();
        if announced.is_some_and(|length| length > limit as u64) {
            return Err(too_large());
        }
        let mut stream = self.into_stream();
        let Some(first) = stream.next().await.transpose()? else {
            return Ok(Bytes::new());
        };
        let Some(second) = stream.next().await.transpose()? else {
            return if first.len() > limit {
                Err(too_large())
            } else {
                Ok(first)
            };
        };
        let expected = announced.and_then(|length| usize::try_from(length).ok());
        let mut whole = BytesMut::with_capacity(expected.unwrap_or(first.len() + second.len()));
        let mut next = Some(second);
        whole.extend_from_slice(&first);
        while let Some(chunk) = next {
            if whole.len() + chunk.len() > limit {
                return Err(too_large());
            }
            whole.extend_from_slice(&chunk);
            next = stream.next().await.transpose()?;
        }
        Ok(whole.freeze())
    }

    fn poll_bytes(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, RequestBodyError>>> {
        match &mut self.0 {
            Source::Empty => Poll::Ready(None),
            Source::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                self.0 = Source::Empty;
                Poll::Ready(Some(Ok(bytes)))
            }
            Source::Stream { stream, length } => {
                let item = ready!(stream.as_mut().poll_next(context));
                if let (Some(Ok(bytes)), Some(length)) = (&item, length) {
                    *length = length.saturating_sub(bytes.len() as u64);
                }
                Poll::Ready(item)
            }
            Source::Connection(body) => body.poll_bytes(context),
        }
    }
}

impl From<Bytes> for RequestBody {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() {
            Self::empty()
        } else {
            Self(Source::Bytes(bytes))
        }
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.size_hint();
        formatter
            .debug_struct("RequestBody")
            .field("lower", &size.lower())
            .field("upper", &size.upper())
            .finish()
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = RequestBodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RequestBodyError>>> {
        self.get_mut()
            .poll_bytes(context)
            .map(|item| item.map(|result| result.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::Empty => true,
            Source::Bytes(_) | Source::Stream { .. } => false,
            Source::Connection(body) => body.is_finished(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Empty => SizeHint::with_exact(0),
            Source::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::Stream { length, .. } => {
                length.map_or_else(SizeHint::default, SizeHint::with_exact)
            }
            Source::Connection(body) => body.size_hint(),
        }
    }
}

/// The bytes of a [`RequestBody`] as a stream.
#[derive(Debug)]
pub struct RequestBodyStream(RequestBody);

impl Stream for RequestBodyStream {
    type Item = Result<Bytes, RequestBodyError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().0.poll_bytes(context)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn chunks(chunks: &[&'static str], length: Option<u64>) -> RequestBody {
        let chunks: Vec<_> = chunks
            .iter()
            .map(|chunk| Ok(Bytes::from_static(chunk.as_bytes())))
            .collect();
        RequestBody::from_stream(stream::iter(chunks), length)
    }

    #[tokio::test]
    async fn collecting_keeps_every_byte_up_to_the_limit() {
        for (parts, limit, expected) in [
            (vec![], 0, Some("")),
            (vec!["abc"], 3, Some("abc")),
            (vec!["abc"], 2, None),
            (vec!["ab", "cd", "e"], 5, Some("abcde")),
            (vec!["ab", "cd", "e"], 4, None),
        ] {
            let total = parts.iter().map(|part| part.len() as u64).sum();
            for length in [None, Some(total)] {
                let collected = chunks(&parts, length).collect_limited(limit).await;
                match expected {
                    Some(expected) => assert_eq!(collected.unwrap(), expected),
                    None => assert!(matches!(
                        collected,
                        Err(RequestBodyError::TooLarge { limit: seen }) if seen == limit as u64
                    )),
                }
            }
        }
    }

    #[tokio::test]
    async fn a_body_of_bytes_is_one_chunk_of_known_length() {
        let body = RequestBody::from(Bytes::from_static(b"hello"));
        assert_eq!(body.content_length(), Some(5));
        let read: Vec<_> = body.into_stream().map(Result::unwrap).collect().await;
        assert_eq!(read, ["hello"]);
        assert_eq!(RequestBody::empty().content_length(), Some(0));
    }

    #[tokio::test]
    async fn an_error_in_the_stream_reaches_the_reader() {
        let items = [Ok(Bytes::from_static(b"a")), Err(RequestBodyError::TooSlow)];
        let body = RequestBody::from_stream(stream::iter(items), None);
        let collected = body.collect_limited(10).await;
        assert!(matches!(collected, Err(RequestBodyError::TooSlow)));
    }
}
