//! The application the tests serve: one path for each thing a server can be made to do.

use std::{
    fs::File,
    io::Write,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderValue, Request, Response, StatusCode, header::CONTENT_LENGTH};
use http_server::{
    AccessRecord, Application, ClientAddress, RequestBody, RequestBodyError, RequestId,
    ResponseBody, Scheme,
};
use tokio::sync::Semaphore;

/// Answers by path.
#[derive(Debug)]
pub(crate) struct TestApplication {
    /// A permit lets one request to `/wait` go on.
    pub(crate) gate: Arc<Semaphore>,
    /// A permit appears when a request to `/wait` has arrived.
    pub(crate) arrived: Arc<Semaphore>,
}

impl TestApplication {
    pub(crate) fn new() -> Self {
        Self {
            gate: Arc::new(Semaphore::new(0)),
            arrived: Arc::new(Semaphore::new(0)),
        }
    }
}

/// Bytes of a body to `/block` that say "arrived".
pub(crate) const ARRIVED: usize = 300 * 1024;
/// Bytes of a body to `/block` from which on its thread waits.
pub(crate) const BLOCKS: usize = 600 * 1024;

impl TestApplication {
    /// Takes a body in as an upload does that writes to a slow disk: in the middle of it, it holds
    /// its thread until the gate opens.
    async fn block(&self, body: RequestBody) -> Response<ResponseBody> {
        let mut stream = body.into_stream();
        let (mut before, mut count) = (0, 0);
        while let Some(chunk) = stream.next().await {
            count += chunk.unwrap().len();
            if (before..count).contains(&ARRIVED) {
                self.arrived.add_permits(1);
            }
            if (before..count).contains(&BLOCKS) && !self.hold_thread() {
                return status(StatusCode::GATEWAY_TIMEOUT);
            }
            before = count;
        }
        text(count.to_string())
    }

    /// Whether the gate opened.
    fn hold_thread(&self) -> bool {
        let patience = Instant::now() + Duration::from_secs(20);
        while Instant::now() < patience {
            if let Ok(permit) = self.gate.try_acquire() {
                permit.forget();
                return true;
            }
            thread::sleep(Duration::from_millis(1));
        }
        false
    }
}

/// `length` bytes in which neighbours and slices differ.
#[expect(
    clippy::cast_possible_truncation,
    reason = "only the low byte is wanted"
)]
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| (at % 251 + at / 65_536) as u8)
        .collect()
}

pub(crate) fn pattern_file(length: usize) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&pattern(length)).unwrap();
    file
}

#[async_trait]
impl Application for TestApplication {
    async fn respond(&self, request: Request<RequestBody>) -> Response<ResponseBody> {
        let (parts, body) = request.into_parts();
        let query = parts.uri.query().unwrap_or_default();
        let number = || query.parse::<usize>().unwrap();
        match parts.uri.path() {
            "/hello" => text("hello"),
            "/echo" => match body.collect_limited(1 << 20).await {
                Ok(bytes) => Response::new(ResponseBody::full(bytes)),
                Err(error) => refusal_of(&error),
            },
            "/count" => count(body).await,
            "/refuse" => status(StatusCode::FORBIDDEN),
            "/wait" => {
                self.arrived.add_permits(1);
                self.gate.acquire().await.unwrap().forget();
                text("waited")
            }
            "/block" => self.block(body).await,
            "/panic" => panic!("the kettle is empty"),
            "/origin" => origin(&parts.extensions),
            "/file" => file(number(), number()),
            "/zeros" => zeros(number()),
            "/truncated-file" => file(number() - 1, number()),
            "/stream" => Response::new(ResponseBody::unsized_stream(late_end())),
            "/short-stream" => Response::new(ResponseBody::stream(
                stream::iter([Ok(Bytes::from_static(b"ab"))]),
                3,
            )),
            "/length-only" => {
                let mut response = status(StatusCode::OK);
                response
                    .headers_mut()
                    .insert(CONTENT_LENGTH, HeaderValue::from_static("42"));
                response
            }
            "/record" => recorded(),
            "/no-content" => {
                let mut response = text("this must not be sent");
                *response.status_mut() = StatusCode::NO_CONTENT;
                response
            }
            _ => status(StatusCode::NOT_FOUND),
        }
    }
}

/// `abcd`, and only later the news that this was all.
fn late_end() -> impl Stream<Item = std::io::Result<Bytes>> {
    let chunks = stream::iter(["ab", "cd"]).map(|text| Ok(Bytes::from_static(text.as_bytes())));
    chunks.chain(stream::once(tokio::task::yield_now()).filter_map(async |()| None))
}

async fn count(body: RequestBody) -> Response<ResponseBody> {
    let mut stream = body.into_stream();
    let mut count = 0;
    while let Some(chunk) = stream.next().await {
        match chunk {
            Ok(chunk) => count += chunk.len(),
            Err(error) => return refusal_of(&error),
        }
    }
    text(count.to_string())
}

/// Says which error it was by the status.
fn refusal_of(error: &RequestBodyError) -> Response<ResponseBody> {
    status(match error {
        RequestBodyError::TooSlow => StatusCode::REQUEST_TIMEOUT,
        RequestBodyError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        RequestBodyError::Malformed(_) => StatusCode::BAD_REQUEST,
        RequestBodyError::Disconnected(_) => StatusCode::IM_A_TEAPOT,
    })
}

fn origin(extensions: &http::Extensions) -> Response<ResponseBody> {
    text(format!(
        "{} {} {}",
        extensions.get::<Scheme>().unwrap(),
        extensions.get::<ClientAddress>().unwrap(),
        extensions.get::<RequestId>().unwrap(),
    ))
}

fn file(actual: usize, promised: usize) -> Response<ResponseBody> {
    Response::new(ResponseBody::file(pattern_file(actual), 0, promised as u64))
}

/// A file of any length that takes no time to make.
fn zeros(length: usize) -> Response<ResponseBody> {
    let file = tempfile::tempfile().unwrap();
    file.set_len(length as u64).unwrap();
    Response::new(ResponseBody::file(file, 0, length as u64))
}

fn recorded() -> Response<ResponseBody> {
    let mut response = text("recorded");
    response.extensions_mut().insert(AccessRecord {
        route: Some("tag-get"),
        repository: Some("team/app".to_owned()),
        reference: Some("v1".to_owned()),
        digest: Some("sha256:00".to_owned()),
        upload_id: Some("u-1".to_owned()),
        database: Some(Duration::from_micros(1_250)),
        storage: Some(Duration::from_millis(2)),
        error_code: Some("NAME_UNKNOWN"),
    });
    response
}

fn text(text: impl Into<Bytes>) -> Response<ResponseBody> {
    Response::new(ResponseBody::full(text))
}

fn status(status: StatusCode) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::empty());
    *response.status_mut() = status;
    response
}
