//! Sends whoever comes over plain HTTP to HTTPS, with the method and the body kept (308).
//! It answers nothing else, so that no token is ever taken over plain HTTP.

use async_trait::async_trait;
use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, StatusCode, Uri,
    header::{CONTENT_TYPE, HOST, LOCATION},
    uri::{Authority, PathAndQuery, Scheme},
};

use crate::{
    application::Application, exchange::AccessRecord, request::RequestBody, response::ResponseBody,
};

const HTTPS_PORT: u16 = 443;

/// The application of the redirecting listener.
#[derive(Debug)]
pub(crate) struct Redirect {
    port: u16,
}

impl Redirect {
    /// Redirects to HTTPS on this port of the host that was asked for.
    pub(crate) fn to_port(port: u16) -> Self {
        Self { port }
    }

    fn target<B>(&self, request: &Request<B>) -> Option<HeaderValue> {
        let asked = match request.uri().authority() {
            Some(authority) => authority.clone(),
            None => request.headers().get(HOST)?.as_bytes().try_into().ok()?,
        };
        let host = asked.host();
        let authority: Authority = if self.port == HTTPS_PORT {
            host.parse().ok()?
        } else {
            format!("{host}:{}", self.port).parse().ok()?
        };
        let path = request
            .uri()
            .path_and_query()
            .cloned()
            .unwrap_or_else(|| PathAndQuery::from_static("/"));
        let target = Uri::builder()
            .scheme(Scheme::HTTPS)
            .authority(authority)
            .path_and_query(path)
            .build()
            .ok()?;
        HeaderValue::from_str(&target.to_string()).ok()
    }
}

#[async_trait]
impl Application for Redirect {
    async fn respond(&self, request: Request<RequestBody>) -> Response<ResponseBody> {
        let (status, text) = match self.target(&request) {
            Some(target) => (StatusCode::PERMANENT_REDIRECT, Ok(target)),
            None => (StatusCode::BAD_REQUEST, Err("this request names no host\n")),
        };
        let mut response = Response::new(ResponseBody::empty());
        *response.status_mut() = status;
        response
            .extensions_mut()
            .insert(AccessRecord::of_route("redirect-to-https"));
        match text {
            Ok(target) => {
                response.headers_mut().insert(LOCATION, target);
            }
            Err(text) => {
                let plain = HeaderValue::from_static("text/plain; charset=utf-8");
                response.headers_mut().insert(CONTENT_TYPE, plain);
                *response.body_mut() = ResponseBody::full(Bytes::from_static(text.as_bytes()));
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_keeps_host_path_and_query() {
        for (port, host, path, expected) in [
            (
                443,
                "registry.example",
                "/",
                Some("https://registry.example/"),
            ),
            (
                443,
                "registry.example:80",
                "/v2/?a=b",
                Some("https://registry.example/v2/?a=b"),
            ),
            (
                8443,
                "registry.example:8080",
                "/v2/",
                Some("https://registry.example:8443/v2/"),
            ),
            (8443, "[::1]:8080", "/x", Some("https://[::1]:8443/x")),
            (443, "bad host", "/", None),
            (443, "", "/", None),
        ] {
            let request = Request::get(path).header(HOST, host).body(()).unwrap();
            let target = Redirect::to_port(port).target(&request);
            let target = target.as_ref().map(|target| target.to_str().unwrap());
            assert_eq!(target, expected, "{host}");
        }
        let nameless = Request::get("/").body(()).unwrap();
        assert_eq!(Redirect::to_port(443).target(&nameless), None);
    }
}
