//! A request's body on its way through a connection, with the limits it is under: size, pace, and
//! the client's presence. It reads nothing that was not asked for.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, SizeHint};
use hyper::body::Incoming;

use super::{RequestBodyError, pace::Pace};
use crate::{config::BodyPace, exchange::Exchange};

/// A body on its way through a connection, with the limits it is under.
pub(super) struct ConnectionBody {
    incoming: Incoming,
    exchange: Arc<Exchange>,
    maximum: Option<u64>,
    received: u64,
    pace: Pace,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Read to the end.
    Finished,
    /// Ended by an error.
    Failed,
}

impl ConnectionBody {
    pub(super) fn new(
        incoming: Incoming,
        exchange: Arc<Exchange>,
        maximum: Option<u64>,
        pace: BodyPace,
    ) -> Self {
        Self {
            incoming,
            exchange,
            maximum,
            received: 0,
            pace: Pace::new(pace),
            state: State::Open,
        }
    }

    /// What is left of the announced length.
    pub(super) fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }

    pub(super) fn is_finished(&self) -> bool {
        self.state == State::Finished || self.incoming.is_end_stream()
    }

    pub(super) fn poll_bytes(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, RequestBodyError>>> {
        if self.state != State::Open {
            return Poll::Ready(None);
        }
        let result = match ready!(self.poll_incoming(context)) {
            Some(Ok(bytes)) => self.admit(bytes),
            Some(Err(error)) => Err(error),
            None => {
                self.state = State::Finished;
                self.exchange.request_body_was_read();
                return Poll::Ready(None);
            }
        };
        if result.is_err() {
            self.state = State::Failed;
        } else if self.incoming.is_end_stream() {
            self.state = State::Finished;
            self.exchange.request_body_was_read();
        }
        Poll::Ready(Some(result))
    }

    /// The next data, from whichever side of the limits it is. Trailers say nothing here and are
    /// passed over.
    fn poll_incoming(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, RequestBodyError>>> {
        // An announced length over the limit is refused before a byte is read, so that a client
        // which waits for `100 Continue` never sends it.
        if let Some(limit) = self.maximum
            && self
                .incoming
                .size_hint()
                .lower()
                .saturating_add(self.received)
                > limit
        {
            return Poll::Ready(Some(Err(RequestBodyError::TooLarge { limit })));
        }
        loop {
            match Pin::new(&mut self.incoming).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(classify(error)))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => {
                    ready!(self.pace.poll_too_slow(context));
                    return Poll::Ready(Some(Err(RequestBodyError::TooSlow)));
                }
            }
        }
    }

    fn admit(&mut self, bytes: Bytes) -> Result<Bytes, RequestBodyError> {
        let length = bytes.len() as u64;
        self.received += length;
        self.pace.received(length);
        self.exchange.count_request_bytes(length);
        match self.maximum {
            Some(limit) if self.received > limit => Err(RequestBodyError::TooLarge { limit }),
            Some(_) | None => Ok(bytes),
        }
    }
}

/// Tells a client that left from one that speaks nonsense.
fn classify(error: hyper::Error) -> RequestBodyError {
    let malformed = std::error::Error::source(&error)
        .and_then(|source| source.downcast_ref::<io::Error>())
        .is_some_and(|source| {
            matches!(
                source.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
            )
        });
    if malformed {
        RequestBodyError::Malformed(io::Error::new(io::ErrorKind::InvalidData, error))
    } else {
        RequestBodyError::Disconnected(io::Error::new(io::ErrorKind::UnexpectedEof, error))
    }
}
