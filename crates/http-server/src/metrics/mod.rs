//! The HTTP metrics, under the names that dashboards of other registries already know.
//! Labels come from fixed sets only: no repository, tag, digest or user.

mod series;

use std::time::Duration;

use http::{Method, StatusCode};
use prometheus::{
    HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, exponential_buckets,
};

use series::{Key, MethodLabel, Series, SeriesTable};

/// The `handler` label of requests whose application did not name a route.
const NO_ROUTE: &str = "none";

const DURATION_BUCKETS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// The metrics of the HTTP server.
#[derive(Debug)]
pub struct HttpMetrics {
    requests: IntCounterVec,
    duration: HistogramVec,
    request_size: HistogramVec,
    response_size: HistogramVec,
    in_flight: IntGauge,
    connections: IntGauge,
    certificate_not_after: IntGauge,
    series: SeriesTable,
}

/// One request that has ended.
#[derive(Debug)]
pub(crate) struct Observed<'a> {
    pub(crate) handler: Option<&'static str>,
    pub(crate) method: &'a Method,
    pub(crate) status: StatusCode,
    pub(crate) duration: Duration,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
}

impl HttpMetrics {
    /// Makes the metrics and registers them.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Self {
            requests: IntCounterVec::new(
                Opts::new("registry_http_requests_total", "Requests answered."),
                &["handler", "method", "code"],
            )?,
            duration: histogram(
                "registry_http_request_duration_seconds",
                "Time from a request's head to the end of its response.",
                DURATION_BUCKETS.to_vec(),
            )?,
            request_size: histogram(
                "registry_http_request_size_bytes",
                "Bytes of request bodies.",
                size_buckets()?,
            )?,
            response_size: histogram(
                "registry_http_response_size_bytes",
                "Bytes of response bodies.",
                size_buckets()?,
            )?,
            in_flight: IntGauge::new(
                "registry_http_in_flight_requests",
                "Requests being answered.",
            )?,
            connections: IntGauge::new("registry_http_connections", "Open connections.")?,
            certificate_not_after: IntGauge::new(
                "tls_cert_not_after_seconds",
                "When the server's certificate expires, in seconds since 1970; 0 without TLS.",
            )?,
            series: SeriesTable::default(),
        };
        registry.register(Box::new(metrics.requests.clone()))?;
        for histogram in [
            &metrics.duration,
            &metrics.request_size,
            &metrics.response_size,
        ] {
            registry.register(Box::new(histogram.clone()))?;
        }
        for gauge in [
            &metrics.in_flight,
            &metrics.connections,
            &metrics.certificate_not_after,
        ] {
            registry.register(Box::new(gauge.clone()))?;
        }
        Ok(metrics)
    }

    pub(crate) fn request_began(&self) {
        self.in_flight.inc();
    }

    pub(crate) fn request_ended(&self, observed: &Observed<'_>) {
        self.in_flight.dec();
        let handler = observed.handler.unwrap_or(NO_ROUTE);
        let method = MethodLabel::of(observed.method);
        let key = Key::new(handler, method, observed.status);
        self.series.with(
            key,
            || self.series_of(handler, method, observed.status),
            |series| {
                series.requests.inc();
                series.duration.observe(observed.duration.as_secs_f64());
                series.request_size.observe(bytes(observed.bytes_in));
                series.response_size.observe(bytes(observed.bytes_out));
            },
        );
    }

    pub(crate) fn connection_opened(&self) {
        self.connections.inc();
    }

    pub(crate) fn connection_closed(&self) {
        self.connections.dec();
    }

    pub(crate) fn certificate_expires(&self, not_after: i64) {
        self.certificate_not_after.set(not_after);
    }

    fn series_of(&self, handler: &'static str, method: MethodLabel, status: StatusCode) -> Series {
        let labels = [handler, method.as_str()];
        Series {
            requests: self
                .requests
                .with_label_values(&[handler, method.as_str(), status.as_str()]),
            duration: self.duration.with_label_values(&labels),
            request_size: self.request_size.with_label_values(&labels),
            response_size: self.response_size.with_label_values(&labels),
        }
    }
}

fn histogram(name: &str, help: &str, buckets: Vec<f64>) -> prometheus::Result<HistogramVec> {
    HistogramVec::new(
        HistogramOpts::new(name, help).buckets(buckets),
        &["handler", "method"],
    )
}

/// From 1 KiB to 64 GiB, in steps of four.
fn size_buckets() -> prometheus::Result<Vec<f64>> {
    exponential_buckets(1024.0, 4.0, 14)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a histogram holds floats; beyond 2^53 bytes the last digits do not matter"
)]
fn bytes(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;
