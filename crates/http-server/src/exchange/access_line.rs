//! The one line a request leaves in the access log, written when its response has ended.
//! It holds the path but never the query, and no header but the user agent: tokens and presigned
//! parameters must not reach a log.

use std::{net::SocketAddr, time::Duration};

use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version, header::USER_AGENT};
use tracing::{Level, enabled, info};

use super::{AccessRecord, Outcome};
use crate::request::RequestId;

/// The target of the access log, for filters.
pub const ACCESS_LOG_TARGET: &str = "access";

/// Whether anybody listens to the access log. Applications may leave out the fields of an
/// [`AccessRecord`] other than the route if not.
pub fn access_log_enabled() -> bool {
    enabled!(target: ACCESS_LOG_TARGET, Level::INFO)
}

/// What has to be kept of a request until its line is written.
#[derive(Debug)]
pub(super) struct AccessLine {
    uri: Uri,
    version: Version,
    user_agent: Option<HeaderValue>,
    client: SocketAddr,
}

/// What is known at the end only.
#[derive(Debug)]
pub(super) struct Ending<'a> {
    pub(super) request_id: &'a RequestId,
    pub(super) method: &'a Method,
    pub(super) status: StatusCode,
    pub(super) record: Option<&'a AccessRecord>,
    pub(super) outcome: Outcome,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    pub(super) duration: Duration,
    pub(super) time_to_first_byte: Option<Duration>,
}

impl AccessLine {
    pub(super) fn of<B>(request: &Request<B>, client: SocketAddr) -> Self {
        Self {
            uri: request.uri().clone(),
            version: request.version(),
            user_agent: user_agent(request.headers()),
            client,
        }
    }

    pub(super) fn write(&self, ending: &Ending<'_>) {
        let record = ending.record;
        let text = |field: fn(&AccessRecord) -> Option<&str>| record.and_then(field);
        info!(
            target: ACCESS_LOG_TARGET,
            method = ending.method.as_str(),
            path = self.uri.path(),
            route = text(|record| record.route),
            repository = text(|record| record.repository.as_deref()),
            reference = text(|record| record.reference.as_deref()),
            digest = text(|record| record.digest.as_deref()),
            status = ending.status.as_u16(),
            outcome = ending.outcome.as_str(),
            bytes_in = ending.bytes_in,
            bytes_out = ending.bytes_out,
            duration_ms = milliseconds(ending.duration),
            ttfb_ms = ending.time_to_first_byte.map(milliseconds),
            db_ms = record.and_then(|record| record.database).map(milliseconds),
            storage_ms = record.and_then(|record| record.storage).map(milliseconds),
            client = %self.client,
            user_agent = self.user_agent.as_ref().and_then(|value| value.to_str().ok()),
            protocol = protocol(self.version),
            request_id = ending.request_id.as_str(),
            upload_id = text(|record| record.upload_id.as_deref()),
            error_code = text(|record| record.error_code),
            "request"
        );
    }
}

/// The line of a request whose head hyper cannot read, and which it answers itself.
pub(crate) fn log_unreadable(client: SocketAddr, error: &hyper::Error) {
    info!(
        target: ACCESS_LOG_TARGET,
        status = refused_with(error).map(|status| status.as_u16()),
        outcome = "refused",
        client = %client,
        %error,
        "request"
    );
}

/// What hyper answers; nothing to HTTP/2 on a connection that is for HTTP/1.
fn refused_with(error: &hyper::Error) -> Option<StatusCode> {
    if error.is_parse_version_h2() {
        None
    } else if !error.is_parse_too_large() {
        Some(StatusCode::BAD_REQUEST)
    } else if error.to_string().contains("URI") {
        // It tells this from the other by the text alone.
        Some(StatusCode::URI_TOO_LONG)
    } else {
        Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
    }
}

fn user_agent(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(USER_AGENT).cloned()
}

/// Milliseconds to three places. A whole number of microseconds is divided once, so that the result
/// is the float nearest to those three places and is printed as them, without a tail.
#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds are exact in a float for 285 years"
)]
fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        _ => "HTTP/1.1",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::milliseconds;

    #[test]
    fn milliseconds_are_printed_with_three_places_at_most() {
        let long = [11_970, 1_000_001, 3_599_999_999, 86_400_000_001];
        for microseconds in (0..20_000).chain(long) {
            let places = format!("{}.{:03}", microseconds / 1000, microseconds % 1000);
            let expected = places.trim_end_matches('0').trim_end_matches('.');
            let duration = Duration::from_micros(microseconds) + Duration::from_nanos(999);
            assert_eq!(milliseconds(duration).to_string(), expected);
        }
    }
}
