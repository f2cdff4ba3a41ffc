//! What a browser sees at `/`: what this is, and the lines to paste.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

use crate::reply::Reply;

/// The page at `/`.
#[derive(Debug, Clone)]
pub struct Welcome(Bytes);

impl Welcome {
    /// A page for a registry that clients know as `host`, as in `localhost:5000`.
    pub fn new(host: &str, version: &str) -> Self {
        let page = include_str!("welcome.html");
        Self(
            page.replace("{host}", &escape(host))
                .replace("{version}", &escape(version))
                .into(),
        )
    }

    pub(crate) fn reply(&self) -> Reply {
        let value = HeaderValue::from_static;
        Reply::new(StatusCode::OK)
            .header(CONTENT_TYPE, value("text/html; charset=utf-8"))
            .header(
                CONTENT_SECURITY_POLICY,
                value("default-src 'none'; style-src 'unsafe-inline'"),
            )
            .header(CACHE_CONTROL, value("no-cache"))
            .bytes(self.0.clone())
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
