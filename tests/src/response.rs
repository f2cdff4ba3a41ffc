//! A complete answer, with the expectations that suites have of one. Each failure shows the request, the answer's
//! headers and its body.

use std::fmt;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

/// How many characters of a body a failed expectation shows.
const SHOWN: usize = 2000;

/// A complete answer of the server.
#[derive(Clone)]
pub struct Response {
    request: String,
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Response {
    /// Keeps an answer together with the name of its request.
    pub fn new(request: &str, status: u16, headers: HeaderMap, body: Bytes) -> Self {
        Self {
            request: request.to_owned(),
            status,
            headers,
            body,
        }
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body as text.
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_else(|_| panic!("the body is not text: {self:?}"))
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("the body is not JSON: {error}: {self:?}"))
    }

    /// A header, where the answer has it.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// All values of a header that may be repeated or hold a list, split at the commas.
    pub fn header_list(&self, name: &str) -> Vec<&str> {
        let values = self
            .headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok());
        values
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|value| !value.is_empty())
            .collect()
    }

    /// A header that the answer must have.
    #[track_caller]
    pub fn required_header(&self, name: &str) -> &str {
        self.header(name)
            .unwrap_or_else(|| panic!("no header {name}: {self:?}"))
    }

    /// Where the answer points to.
    #[track_caller]
    pub fn location(&self) -> String {
        crate::client::path_of(self.required_header("location")).to_owned()
    }

    /// The OCI code of an error body, where there is one.
    pub fn error_code(&self) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        Some(
            body.get("errors")?
                .get(0)?
                .get("code")?
                .as_str()?
                .to_owned(),
        )
    }

    /// Asserts the status.
    #[track_caller]
    pub fn expect_status(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "unexpected status: {self:?}");
        self
    }

    /// Asserts a header's value.
    #[track_caller]
    pub fn expect_header(&self, name: &str, value: impl AsRef<str>) -> &Self {
        assert_eq!(
            self.header(name),
            Some(value.as_ref()),
            "unexpected header {name}: {self:?}"
        );
        self
    }

    /// Asserts that a header is absent.
    #[track_caller]
    pub fn expect_no_header(&self, name: &str) -> &Self {
        assert_eq!(
            self.header(name),
            None,
            "unexpected header {name}: {self:?}"
        );
        self
    }

    /// Asserts an error as the specification writes it: status, JSON body, code, and a message that says something.
    /// See <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes>.
    #[track_caller]
    pub fn expect_error(&self, status: u16, code: &str) -> &Self {
        self.expect_status(status);
        let kind = self.required_header("content-type");
        assert!(
            kind.starts_with("application/json"),
            "an error is JSON, not {kind}: {self:?}"
        );
        let body = self.json();
        let error = &body["errors"][0];
        assert_eq!(error["code"], code, "unexpected code: {self:?}");
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "no message: {self:?}"
        );
        self
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}\n{}", self.request, self.status)?;
        for (name, value) in &self.headers {
            writeln!(
                formatter,
                "{name}: {}",
                String::from_utf8_lossy(value.as_bytes())
            )?;
        }
        match std::str::from_utf8(&self.body) {
            Ok(text) => write!(
                formatter,
                "\n{}",
                text.chars().take(SHOWN).collect::<String>()
            ),
            Err(_) => write!(formatter, "\n({} bytes that are no text)", self.body.len()),
        }
    }
}
