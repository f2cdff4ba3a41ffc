//! What a browser sees at `/`: what this is, and the lines to paste.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

use crate::reply::Reply;

/// The page at `/`.
#[derive(Debug, Clone)]
pub struct Welcome {
    host: String,
    page: Bytes,
}

impl Welcome {
    /// A page for a registry that clients know as `host`, as in `localhost:5000`, and reach at `url`.
    pub fn new(url: &str, host: &str, version: &str) -> Self {
        let page = include_str!("welcome.html")
            .replace("{url}", &escape(url))
            .replace("{host}", &escape(host))
            .replace("{version}", &escape(version));
        Self {
            host: host.to_owned(),
            page: page.into(),
        }
    }

    /// The name clients know the registry by.
    pub(crate) fn host(&self) -> &str {
        &self.host
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
            .bytes(self.page.clone())
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
