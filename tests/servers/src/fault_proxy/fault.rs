//! What can go wrong with one request, and the answers that the proxy gives itself.

use std::{io, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio::time::sleep;

use super::exchange::Body;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: it is forwarded, and so is the answer.
    Pass,
    /// It is answered with 500 `InternalError` and not forwarded.
    Fail,
    /// It is answered with 503 `SlowDown` and not forwarded.
    SlowDown,
    /// It is forwarded, and what the server answers is replaced by 500 `InternalError`.
    LoseAnswer,
    /// It is answered with 200 and an error as the body, as S3 does for operations that take long, and not forwarded.
    ErrorInBody,
    /// It is forwarded twice, one after the other, as by a proxy that has lost the first answer. The client gets the
    /// second.
    Duplicate,
    /// It is forwarded after this time.
    Delay(Duration),
    /// It is forwarded, and the connection closed after so many bytes of the answer's body. An answer that is not
    /// longer comes whole.
    CutAnswer(usize),
    /// It is not forwarded, and the connection closed without an answer.
    Disconnect,
}

/// An S3 error with this status.
pub(super) fn error(status: StatusCode, code: &str) -> Response<Body> {
    let document = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Error><Code>{code}</Code><Message>a fault on purpose</Message><RequestId>0</RequestId></Error>"
    );
    let body = Full::new(Bytes::from(document)).map_err(|never| match never {});
    Response::builder()
        .status(status)
        .header("content-type", "application/xml")
        .header("x-amz-request-id", "0")
        .body(body.boxed())
        .expect("a valid answer")
}

/// The first bytes of a body, then an error, on which the connection is closed.
pub(super) fn cut(body: Incoming, after: usize) -> Body {
    let frames = stream::unfold((body, after), |(mut body, left)| async move {
        if left == 0 {
            // Until what was sent before has gone out.
            sleep(Duration::from_millis(50)).await;
            let cut = io::Error::new(io::ErrorKind::ConnectionAborted, "cut on purpose");
            return Some((Err(cut), (body, left)));
        }
        let frame = match body.frame().await? {
            Ok(frame) => frame,
            Err(error) => return Some((Err(io::Error::other(error)), (body, left))),
        };
        // Trailers come after the last byte and are not kept.
        let mut data = frame.into_data().ok()?;
        data.truncate(left);
        let left = left - data.len();
        Some((Ok(Frame::data(data)), (body, left)))
    });
    BodyExt::boxed(StreamBody::new(frames))
}
