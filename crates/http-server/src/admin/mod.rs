//! The operator's listener: `/livez`, `/readyz`, `/startupz` and `/metrics`, on a port of its own
//! that no client of the registry needs to reach. It leaves no lines in the access log and is not
//! counted in the metrics it shows.

mod health;

use std::{fmt::Write, net::SocketAddr, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE},
};
use prometheus::{Registry, TEXT_FORMAT, TextEncoder};
use tokio_util::sync::CancellationToken;

use crate::{
    application::Application,
    config::ServerConfig,
    request::RequestBody,
    response::ResponseBody,
    server::{DrainReport, Server, ServerError},
};
use health::{CheckResult, Outcome};
pub use health::{Health, ReadinessCheck};

/// The operator's listener, bound and not yet accepting.
#[derive(Debug)]
pub struct AdminServer {
    server: Server,
    probes: Arc<Probes>,
}

impl AdminServer {
    /// Binds to an address; with port 0 the system chooses one.
    ///
    /// The configuration is the listener's own: what protects the registry's clients from each
    /// other, such as the number of connections, must not lock the operator out.
    pub async fn bind(
        address: SocketAddr,
        config: ServerConfig,
        health: Arc<Health>,
        registry: Registry,
    ) -> Result<Self, ServerError> {
        let server = Server::bind(address, config).await?.without_access_log();
        Ok(Self {
            server,
            probes: Arc::new(Probes { health, registry }),
        })
    }

    /// The address it is bound to, with the port the system chose.
    pub fn local_address(&self) -> SocketAddr {
        self.server.local_address()
    }

    /// Serves until `shutdown`. Shut it down after the registry's own server, so that probes see
    /// the draining.
    pub async fn serve(self, shutdown: CancellationToken) -> DrainReport {
        self.server.serve(self.probes, shutdown).await
    }
}

#[derive(Debug)]
struct Probes {
    health: Arc<Health>,
    registry: Registry,
}

#[async_trait]
impl Application for Probes {
    async fn respond(&self, request: Request<RequestBody>) -> Response<ResponseBody> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
            let allowed = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(ALLOW, allowed);
            return response;
        }
        match request.uri().path() {
            "/livez" => text(StatusCode::OK, "ok\n"),
            "/readyz" => self.readiness(is_verbose(request.uri().query())).await,
            "/startupz" if self.health.is_started() => text(StatusCode::OK, "ok\n"),
            "/startupz" => text(StatusCode::SERVICE_UNAVAILABLE, "still starting\n"),
            "/metrics" => self.metrics(),
            _ => text(
                StatusCode::NOT_FOUND,
                "here are /livez, /readyz, /startupz and /metrics\n",
            ),
        }
    }
}

impl Probes {
    async fn readiness(&self, verbose: bool) -> Response<ResponseBody> {
        let results = self.health.readiness().await;
        let any =
            |wanted: fn(&Outcome) -> bool| results.iter().any(|result| wanted(&result.outcome));
        let (status, summary) = if any(|outcome| matches!(outcome, Outcome::Failed(_))) {
            (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
        } else if any(|outcome| matches!(outcome, Outcome::Degraded(_))) {
            (StatusCode::OK, "degraded\n")
        } else {
            (StatusCode::OK, "ok\n")
        };
        // A failing probe says why without being asked: that is what ends up in the events.
        if verbose || summary != "ok\n" {
            text(status, describe(&results) + summary)
        } else {
            text(status, summary)
        }
    }

    fn metrics(&self) -> Response<ResponseBody> {
        match TextEncoder::new().encode_to_string(&self.registry.gather()) {
            Ok(metrics) => {
                let mut response = text(StatusCode::OK, metrics);
                let format = HeaderValue::from_static(TEXT_FORMAT);
                response.headers_mut().insert(CONTENT_TYPE, format);
                response
            }
            Err(error) => {
                tracing::error!(%error, "encode metrics");
                text(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the metrics cannot be shown\n",
                )
            }
        }
    }
}

fn is_verbose(query: Option<&str>) -> bool {
    query
        .unwrap_or_default()
        .split('&')
        .any(|part| part == "verbose" || part.starts_with("verbose="))
}

fn describe(results: &[CheckResult]) -> String {
    results.iter().fold(String::new(), |mut lines, result| {
        // Writing to a string cannot fail.
        let _ = match &result.outcome {
            Outcome::Ok => writeln!(lines, "[+] {} ok", result.name),
            Outcome::Degraded(reason) => writeln!(lines, "[!] {} failed: {reason}", result.name),
            Outcome::Failed(reason) => writeln!(lines, "[-] {} failed: {reason}", result.name),
        };
        lines
    })
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::full(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
