//! A response's body on its way out. To an HTTP/2 stream it goes in pieces, and is not over before
//! the last one is out: what hyper was given with the end of the stream is out of reach, and a
//! client that keeps its window closed could make the server hold it for ever. It notes whose turn
//! it is and knows no time-outs.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::oneshot::{self, error::TryRecvError};

use super::ResponseBody;
use crate::connection::{client_has_bytes, server_at_work};

/// The most that is handed over at once. A client has the time-out for each piece, so that slow
/// ones are told from those that take nothing.
const PIECE: usize = 64 * 1024;

/// The longest body that is handed over for good, with the end of the stream: one frame of the
/// size that all clients take. Of these a connection can hold no more than it may have streams,
/// and no longer than it may be idle.
const SHORT: usize = 16 * 1024;

/// What a response goes out on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    /// The whole connection, as on HTTP/1: whether the client takes bytes shows at the socket.
    Connection,
    /// One of its streams.
    Stream,
}

/// A response's body on its way out.
#[derive(Debug)]
pub(crate) struct Outgoing {
    body: ResponseBody,
    channel: Channel,
    /// What the body has given and the channel has not taken.
    rest: Bytes,
    /// Of the pieces that were handed to a stream and may still lie there, the oldest first.
    receipts: VecDeque<Receipt>,
    progress: Progress,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Giving,
    /// Everything is handed over, and the last piece may still lie there.
    Given,
}

/// Resolves, to nothing, when a piece is out or thrown away.
type Receipt = oneshot::Receiver<Infallible>;

/// A piece that tells by its end that it is not needed any more.
struct Tracked {
    bytes: Bytes,
    _receipt: oneshot::Sender<Infallible>,
}

impl AsRef<[u8]> for Tracked {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Outgoing {
    pub(crate) fn new(body: ResponseBody, channel: Channel) -> Self {
        Self {
            body,
            channel,
            rest: Bytes::new(),
            receipts: VecDeque::new(),
            progress: Progress::Giving,
        }
    }

    fn next_piece(&mut self) -> Bytes {
        if self.channel == Channel::Connection {
            return std::mem::take(&mut self.rest);
        }
        let piece = self.rest.split_to(self.rest.len().min(PIECE));
        client_has_bytes();
        while let Some(Err(TryRecvError::Closed)) = self.receipts.front_mut().map(Receipt::try_recv)
        {
            self.receipts.pop_front();
        }
        if self.receipts.is_empty() && piece.len() <= SHORT && self.is_end_stream() {
            return piece;
        }
        let (sender, receipt) = oneshot::channel();
        self.receipts.push_back(receipt);
        Bytes::from_owner(Tracked {
            bytes: piece,
            _receipt: sender,
        })
    }

    /// Ready when nothing lies at a stream any more.
    fn poll_taken(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while let Some(receipt) = self.receipts.front_mut() {
            // Closed and never sent: that the piece is gone is all there is to tell.
            let _ = ready!(Pin::new(receipt).poll(context));
            self.receipts.pop_front();
            client_has_bytes();
        }
        Poll::Ready(())
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        while this.rest.is_empty() {
            if this.progress == Progress::Given {
                return this.poll_taken(context).map(|()| None);
            }
            match Pin::new(&mut this.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => this.rest = frame.into_data().unwrap_or_default(),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => {
                    this.progress = Progress::Given;
                    client_has_bytes();
                }
                Poll::Pending => {
                    server_at_work();
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Some(Ok(Frame::data(this.next_piece()))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.receipts.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        self.body
            .size_hint()
            .exact()
            .map_or_else(SizeHint::default, |left| SizeHint::with_exact(left + rest))
    }
}
