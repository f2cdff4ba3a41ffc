//! A small HTTP/1.1 client of one server. It follows nothing unless told to, retries nothing and decodes nothing, so
//! that a suite sees what was sent.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};

use crate::Response;

/// Long enough for any request on a busy machine: only a hang reaches it.
const LIMIT: Duration = Duration::from_mins(2);

/// A client of one server, which keeps its connections.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    connections: legacy::Client<HttpConnector, Full<Bytes>>,
}

impl Client {
    /// A client of the server at this address.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            connections: legacy::Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// The address that requests go to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A request to a path with its query, or to a URL that the server gave.
    pub fn request(&self, method: Method, target: &str) -> RequestBuilder {
        RequestBuilder {
            client: self.clone(),
            request: Request::builder().method(method).uri(self.uri(target)),
            body: Bytes::new(),
        }
    }

    /// A GET request.
    pub fn get(&self, target: &str) -> RequestBuilder {
        self.request(Method::GET, target)
    }

    /// A HEAD request.
    pub fn head(&self, target: &str) -> RequestBuilder {
        self.request(Method::HEAD, target)
    }

    /// A POST request.
    pub fn post(&self, target: &str) -> RequestBuilder {
        self.request(Method::POST, target)
    }

    /// A PUT request.
    pub fn put(&self, target: &str) -> RequestBuilder {
        self.request(Method::PUT, target)
    }

    /// A PATCH request.
    pub fn patch(&self, target: &str) -> RequestBuilder {
        self.request(Method::PATCH, target)
    }

    /// A DELETE request.
    pub fn delete(&self, target: &str) -> RequestBuilder {
        self.request(Method::DELETE, target)
    }

    /// Asks again and again until the answer has this status.
    pub async fn wait_for(&self, target: &str, status: u16, limit: Duration) {
        let deadline = Instant::now() + limit;
        loop {
            let answer = self.get(target).try_send().await;
            if answer
                .as_ref()
                .is_ok_and(|response| response.status() == status)
            {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{target} did not answer {status} within {limit:?}: {answer:?}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn uri(&self, target: &str) -> Uri {
        let path = path_of(target);
        format!("http://{}{path}", self.address)
            .parse()
            .unwrap_or_else(|error| panic!("{target:?} is no target: {error}"))
    }
}

/// The path and query of a URL, or of a path as it stands.
pub fn path_of(target: &str) -> &str {
    match target.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |start| &rest[start..]),
        None => target,
    }
}

/// Adds a parameter to a target that may have some already, as upload locations do.
pub fn with_query(target: &str, parameter: &str) -> String {
    let separator = if target.contains('?') { '&' } else { '?' };
    format!("{target}{separator}{parameter}")
}

/// A request that is not sent yet.
#[derive(Debug)]
pub struct RequestBuilder {
    client: Client,
    request: http::request::Builder,
    body: Bytes,
}

impl RequestBuilder {
    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        let name: HeaderName = name.as_ref().parse().expect("a header name");
        let value: HeaderValue = value.as_ref().parse().expect("a header value");
        self.request = self.request.header(name, value);
        self
    }

    /// Sets the body; its length is sent with it.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it and reads the whole answer.
    pub async fn send(self) -> Response {
        self.try_send()
            .await
            .unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Sends it, and goes where it is sent to once, as clients do for blobs.
    pub async fn send_following(self) -> Response {
        self.try_send_following()
            .await
            .unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// The same; a connection that fails is an answer too.
    ///
    /// # Errors
    /// When a server cannot be reached, or ends the connection before its answer is complete.
    pub async fn try_send_following(self) -> anyhow::Result<Response> {
        let (client, headers) = (self.client.clone(), self.request.headers_ref().cloned());
        let response = self.try_send().await?;
        if response.status() != 307 {
            return Ok(response);
        }
        let location = response.required_header("location").to_owned();
        let mut request = Request::builder().method(Method::GET).uri(location);
        if let Some(theirs) = request.headers_mut() {
            theirs.extend(headers.unwrap_or_default());
        }
        let body = Bytes::new();
        let elsewhere = RequestBuilder {
            client,
            request,
            body,
        };
        elsewhere.try_send().await
    }

    /// Sends it and asserts the status.
    pub async fn expect(self, status: u16) -> Response {
        let response = self.send().await;
        response.expect_status(status);
        response
    }

    /// Sends it and asserts an error as the specification writes it.
    pub async fn refused(self, status: u16, code: &str) -> Response {
        let response = self.send().await;
        response.expect_error(status, code);
        response
    }

    /// Sends it; a connection that fails is an answer too.
    ///
    /// # Errors
    /// When the server cannot be reached, or ends the connection before its answer is complete.
    pub async fn try_send(self) -> anyhow::Result<Response> {
        let request = self.request.body(Full::new(self.body))?;
        let name = format!("{} {}", request.method(), request.uri());
        let exchange = async {
            let (head, body) = self.client.connections.request(request).await?.into_parts();
            anyhow::Ok(Response::new(
                &name,
                head.status.as_u16(),
                head.headers,
                body.collect().await?.to_bytes(),
            ))
        };
        match tokio::time::timeout(LIMIT, exchange).await {
            Ok(answer) => answer.map_err(|error| error.context(name.clone())),
            Err(_) => anyhow::bail!("{name}: no answer within {LIMIT:?}"),
        }
    }
}
