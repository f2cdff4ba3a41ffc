//! The path of one request: what is added and checked before the application, what is added and
//! corrected after it. The order matters and is told here; what it means to the registry is not
//! known here.

use std::{any::Any, convert::Infallible, panic::AssertUnwindSafe, sync::Arc, time::Instant};

use futures_util::FutureExt;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{CONNECTION, CONTENT_LENGTH, X_CONTENT_TYPE_OPTIONS},
};
use http_body::Body;
use hyper::body::Incoming;

use super::ConnectionContext;
use crate::{
    application::Refusal,
    config::ServerConfig,
    exchange::{AccessRecord, Observation, ObservedBody},
    request::{ClientAddress, REQUEST_ID, RequestBody, RequestId},
    response::{Channel, Outgoing, ResponseBody},
};

/// Answers one request of a connection.
pub(super) async fn respond(
    connection: Arc<ConnectionContext>,
    request: Request<Incoming>,
) -> Result<Response<ObservedBody>, Infallible> {
    let started = Instant::now();
    let server = connection.server();
    // First the id, so that everything after can name the request.
    let request_id = RequestId::from_headers(request.headers())
        .unwrap_or_else(|| server.request_ids().next(started));
    // Then the observation: whatever happens from here on, the request leaves its line.
    let mut observation = Observation::begin(
        Arc::clone(&connection),
        &request,
        request_id.clone(),
        started,
    );
    let is_head = request.method() == Method::HEAD;
    let version = request.version();
    let response = match find_fault(&request, server.config()) {
        Some(refusal) => {
            note_unread(request.body(), &mut observation);
            refuse(&connection, refusal)
        }
        None => ask_application(&connection, request, &request_id, &mut observation).await,
    };
    Ok(complete(
        response,
        observation,
        is_head,
        version,
        &request_id,
    ))
}

/// Limits on the head are checked here and not left to hyper alone, so that both protocols have
/// the same ones and their answers carry an id and a body.
fn find_fault<B>(request: &Request<B>, config: &ServerConfig) -> Option<Refusal> {
    let uri = request.uri();
    let target = uri
        .path_and_query()
        .map_or(0, |path_and_query| path_and_query.as_str().len());
    if target > config.max_uri_bytes {
        return Some(Refusal::UriTooLong);
    }
    let headers = request.headers();
    if headers.len() > config.max_headers || header_bytes(headers) > config.max_header_bytes {
        return Some(Refusal::HeadersTooLarge);
    }
    None
}

fn header_bytes(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum()
}

fn note_unread(body: &Incoming, observation: &mut Observation) {
    if !body.is_end_stream() {
        observation.exchange();
    }
}

fn refuse(connection: &ConnectionContext, refusal: Refusal) -> Response<ResponseBody> {
    let mut response = connection.server().application().refuse(refusal);
    *response.status_mut() = refusal.status();
    response
}

async fn ask_application(
    connection: &ConnectionContext,
    request: Request<Incoming>,
    request_id: &RequestId,
    observation: &mut Observation,
) -> Response<ResponseBody> {
    let server = connection.server();
    let (mut parts, incoming) = request.into_parts();
    parts.extensions.insert(request_id.clone());
    parts.extensions.insert(ClientAddress(connection.client()));
    parts.extensions.insert(connection.scheme());
    let body = if incoming.is_end_stream() {
        RequestBody::empty()
    } else {
        let config = server.config();
        RequestBody::from_connection(
            incoming,
            observation.exchange(),
            config.max_body_bytes,
            config.body_pace,
        )
    };
    let answer = server
        .application()
        .respond(Request::from_parts(parts, body));
    // One broken request must not take its connection, and the others on it, along. The
    // application's own state is behind locks that poison or transactions that roll back.
    match AssertUnwindSafe(answer).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => {
            let message = panic_message(&*panic);
            tracing::error!(
                request_id = request_id.as_str(),
                message,
                "application panicked"
            );
            refuse(connection, Refusal::Panicked)
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    if let Some(message) = panic.downcast_ref::<&'static str>() {
        message
    } else if let Some(message) = panic.downcast_ref::<String>() {
        message
    } else {
        "no message"
    }
}

/// Makes the response what HTTP wants of it, whatever the application thought of.
fn complete(
    mut response: Response<ResponseBody>,
    mut observation: Observation,
    is_head: bool,
    version: Version,
    request_id: &RequestId,
) -> Response<ObservedBody> {
    let record = response.extensions_mut().remove::<AccessRecord>();
    observation.answered(response.status(), record);
    if is_head || has_no_body(response.status()) {
        drop_body(&mut response);
    }
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, request_id.header_value());
    // No browser shall take a blob for a page because of what is in it.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // What is left of the request's body stands between this response and the next request.
    // Reading it may take for ever, so the connection ends, and the client is told.
    if version < Version::HTTP_2 && observation.left_body_unread() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let channel = if version < Version::HTTP_2 {
        Channel::Connection
    } else {
        Channel::Stream
    };
    response.map(|body| ObservedBody::new(Outgoing::new(body, channel), observation))
}

fn has_no_body(status: StatusCode) -> bool {
    status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED
}

/// Leaves of the body what the headers say of it: a `Content-Length` that the application set is
/// kept, else a HEAD shows the length a GET would have had (RFC 9110 section 8.6).
fn drop_body(response: &mut Response<ResponseBody>) {
    let body = std::mem::take(response.body_mut());
    if body.is_end_stream() || has_no_body(response.status()) {
        return;
    }
    if let Some(length) = body.size_hint().exact() {
        response
            .headers_mut()
            .entry(CONTENT_LENGTH)
            .or_insert_with(|| HeaderValue::from(length));
    }
}
