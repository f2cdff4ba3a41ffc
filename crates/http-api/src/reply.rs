//! An answer on its way out: status, headers, body, and what the access log should know.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderName};
use http::{HeaderValue, Response, StatusCode};
use http_server::{AccessRecord, ResponseBody};

use crate::headers::DOCKER_API_VERSION;

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    response: Response<ResponseBody>,
    digest: Option<String>,
    upload_id: Option<String>,
    error_code: Option<&'static str>,
}

impl Reply {
    /// An answer without a body.
    pub(crate) fn new(status: StatusCode) -> Self {
        let mut response = Response::new(ResponseBody::empty());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(DOCKER_API_VERSION, HeaderValue::from_static("registry/2.0"));
        Self {
            response,
            digest: None,
            upload_id: None,
            error_code: None,
        }
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.response.headers_mut().append(name, value);
        self
    }

    /// A header of a text that consists of visible ASCII by its type: a digest, a name, a number.
    /// One that does not is left out.
    pub(crate) fn text(self, name: HeaderName, value: impl Into<String>) -> Self {
        match HeaderValue::try_from(value.into()) {
            Ok(value) => self.header(name, value),
            Err(_) => self,
        }
    }

    /// The same for what must not be shown by whoever prints headers, nor kept by HTTP/2.
    pub(crate) fn secret(self, name: HeaderName, value: impl Into<String>) -> Self {
        match HeaderValue::try_from(value.into()) {
            Ok(mut value) => {
                value.set_sensitive(true);
                self.header(name, value)
            }
            Err(_) => self,
        }
    }

    pub(crate) fn body(mut self, body: ResponseBody) -> Self {
        *self.response.body_mut() = body;
        self
    }

    pub(crate) fn bytes(self, bytes: Bytes) -> Self {
        let length = bytes.len() as u64;
        self.length(length).body(ResponseBody::full(bytes))
    }

    /// `Content-Length`, also where a HEAD request leaves the body out.
    pub(crate) fn length(mut self, length: u64) -> Self {
        self.response
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from(length));
        self
    }

    pub(crate) fn json(self, value: &impl serde::Serialize, media_type: &'static str) -> Self {
        let bytes = serde_json::to_vec(value).unwrap_or_default();
        self.header(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static(media_type),
        )
        .bytes(bytes.into())
    }

    /// Tells the access log which content it was, where the route does not.
    pub(crate) fn about_digest(mut self, digest: String) -> Self {
        self.digest = Some(digest);
        self
    }

    /// Tells the access log which session it was, where the route does not.
    pub(crate) fn about_upload(mut self, id: String) -> Self {
        self.upload_id = Some(id);
        self
    }

    pub(crate) fn about_error(mut self, code: &'static str) -> Self {
        self.error_code = Some(code);
        self
    }

    pub(crate) fn into_response(self, mut record: AccessRecord) -> Response<ResponseBody> {
        record.digest = self.digest.or(record.digest);
        record.upload_id = self.upload_id.or(record.upload_id);
        record.error_code = self.error_code;
        let mut response = self.response;
        response.extensions_mut().insert(record);
        response
    }
}
