//! The body of a response: nothing, bytes, a stream, or a stretch of a file.
//! A promised length is kept or the connection ends with an error; it is never silently missed.

use std::{
    fmt,
    fs::File,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::Stream;
use http_body::{Body, Frame, SizeHint};

use super::file::FileBody;

type ByteStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// The body of a response.
#[derive(Default)]
pub struct ResponseBody(Content);

#[derive(Default)]
enum Content {
    #[default]
    Empty,
    Full(Bytes),
    Stream {
        stream: ByteStream,
        remaining: u64,
    },
    Unsized(ByteStream),
    File(Box<FileBody>),
    /// Ended by an error.
    Failed,
}

impl ResponseBody {
    /// No bytes at all.
    pub fn empty() -> Self {
        Self(Content::Empty)
    }

    /// These bytes.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self(if bytes.is_empty() {
            Content::Empty
        } else {
            Content::Full(bytes)
        })
    }

    /// A stream of exactly `length` bytes.
    pub fn stream<S>(stream: S, length: u64) -> Self
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        Self(Content::Stream {
            stream: Box::pin(stream),
            remaining: length,
        })
    }

    /// A stream of a length that is not known before its end.
    pub fn unsized_stream<S>(stream: S) -> Self
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        Self(Content::Unsized(Box::pin(stream)))
    }

    /// `length` bytes of a file from `offset` on.
    pub fn file(file: File, offset: u64, length: u64) -> Self {
        Self(Content::File(Box::new(FileBody::new(file, offset, length))))
    }

    fn poll_bytes(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match &mut self.0 {
            Content::Empty | Content::Failed => Poll::Ready(None),
            Content::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                self.0 = Content::Empty;
                Poll::Ready(Some(Ok(bytes)))
            }
            Content::Stream { stream, remaining } => {
                if *remaining == 0 {
                    return Poll::Ready(None);
                }
                let item = ready!(stream.as_mut().poll_next(context));
                Poll::Ready(Some(keep_promise(item, remaining)))
            }
            Content::Unsized(stream) => {
                let item = ready!(stream.as_mut().poll_next(context));
                if item.is_none() {
                    self.0 = Content::Empty;
                }
                Poll::Ready(item)
            }
            Content::File(file) => {
                if file.remaining() == 0 {
                    return Poll::Ready(None);
                }
                file.poll_slice(context).map(Some)
            }
        }
    }
}

fn keep_promise(item: Option<io::Result<Bytes>>, remaining: &mut u64) -> io::Result<Bytes> {
    let bytes = item.unwrap_or_else(|| {
        Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "stream is shorter than the response promised",
        ))
    })?;
    *remaining = remaining.checked_sub(bytes.len() as u64).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "stream is longer than the response promised",
        )
    })?;
    Ok(bytes)
}

impl From<Bytes> for ResponseBody {
    fn from(bytes: Bytes) -> Self {
        Self::full(bytes)
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            Content::Empty => "Empty",
            Content::Full(_) => "Full",
            Content::Stream { .. } => "Stream",
            Content::Unsized(_) => "Unsized",
            Content::File(_) => "File",
            Content::Failed => "Failed",
        };
        write!(
            formatter,
            "ResponseBody::{kind}({:?})",
            self.size_hint().exact()
        )
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        let item = ready!(this.poll_bytes(context));
        if let Some(Err(_)) = &item {
            this.0 = Content::Failed;
        }
        Poll::Ready(item.map(|result| result.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Content::Empty => true,
            Content::Stream { remaining, .. } => *remaining == 0,
            Content::File(file) => file.remaining() == 0,
            Content::Full(_) | Content::Unsized(_) | Content::Failed => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::Empty => SizeHint::with_exact(0),
            Content::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Stream { remaining, .. } => SizeHint::with_exact(*remaining),
            Content::File(file) => SizeHint::with_exact(file.remaining()),
            Content::Unsized(_) | Content::Failed => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::BodyExt;

    use super::*;

    fn stream_of(chunks: &[&'static str], length: u64) -> ResponseBody {
        let chunks: Vec<_> = chunks
            .iter()
            .map(|chunk| Ok(Bytes::from_static(chunk.as_bytes())))
            .collect();
        ResponseBody::stream(stream::iter(chunks), length)
    }

    #[tokio::test]
    async fn a_stream_keeps_its_promise_or_fails() {
        for (chunks, length, expected) in [
            (&["ab", "c"][..], 3, Ok("abc")),
            (&[][..], 0, Ok("")),
            (&["ab"][..], 3, Err(io::ErrorKind::UnexpectedEof)),
            (&["ab", "cd"][..], 3, Err(io::ErrorKind::InvalidData)),
        ] {
            let body = stream_of(chunks, length);
            assert_eq!(body.size_hint().exact(), Some(length));
            let read = body
                .collect()
                .await
                .map(http_body_util::Collected::to_bytes);
            match expected {
                Ok(text) => assert_eq!(read.unwrap(), text),
                Err(kind) => assert_eq!(read.unwrap_err().kind(), kind),
            }
        }
    }

    #[tokio::test]
    async fn a_failed_body_never_counts_as_complete() {
        let mut body = stream_of(&[], 1);
        assert!(body.frame().await.unwrap().is_err());
        assert!(!body.is_end_stream());
        assert!(body.frame().await.is_none());
    }

    #[test]
    fn sizes_are_exact() {
        assert_eq!(ResponseBody::empty().size_hint().exact(), Some(0));
        assert_eq!(ResponseBody::full("abc").size_hint().exact(), Some(3));
        assert!(ResponseBody::full(Bytes::new()).is_end_stream());
        let unknown = ResponseBody::unsized_stream(stream::empty());
        assert_eq!(unknown.size_hint().exact(), None);
        let file = ResponseBody::file(tempfile::tempfile().unwrap(), 0, 9);
        assert_eq!(file.size_hint().exact(), Some(9));
    }
}
