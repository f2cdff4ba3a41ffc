//! The port between the server and what it serves.

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};

use crate::{request::RequestBody, response::ResponseBody};

/// An application behind the server.
///
/// The future may be dropped at any await point when the client leaves: work that must be
/// finished belongs to a task of the application.
#[async_trait]
pub trait Application: Send + Sync + 'static {
    /// Answers one request. The request's extensions hold [`RequestId`], [`ClientAddress`] and
    /// [`Scheme`]; the response's may hold an [`AccessRecord`].
    ///
    /// [`RequestId`]: crate::RequestId
    /// [`ClientAddress`]: crate::ClientAddress
    /// [`Scheme`]: crate::Scheme
    /// [`AccessRecord`]: crate::AccessRecord
    async fn respond(&self, request: Request<RequestBody>) -> Response<ResponseBody>;

    /// Words the answer to a request that never reached the application, or that broke it.
    /// The server sets the status itself.
    fn refuse(&self, refusal: Refusal) -> Response<ResponseBody> {
        let text = format!("{}\n", refusal.message());
        let mut response = Response::new(ResponseBody::full(Bytes::from(text)));
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        response
    }
}

/// Why the server answers in the application's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The request's target is longer than the server takes.
    UriTooLong,
    /// The request's headers are more, or longer, than the server takes.
    HeadersTooLarge,
    /// The application panicked.
    Panicked,
}

impl Refusal {
    /// The status of the answer.
    pub fn status(self) -> StatusCode {
        match self {
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// One sentence for the client.
    pub fn message(self) -> &'static str {
        match self {
            Self::UriTooLong => "the request's target is too long",
            Self::HeadersTooLarge => "the request's headers are too large",
            Self::Panicked => "the server failed to handle the request",
        }
    }
}
