//! Counts and times each request to S3, every attempt for itself.

use std::time::Instant;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::interceptors::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

/// From a HEAD on the next machine to putting an object of gigabytes together, in seconds.
const BUCKETS: [f64; 14] = [
    0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0,
];

/// Watches the requests of a client.
#[derive(Debug, Clone)]
pub(super) struct RequestMetrics {
    requests: IntCounterVec,
    seconds: HistogramVec,
}

/// When an attempt began.
#[derive(Debug)]
struct Begun(Instant);

impl Storable for Begun {
    type Storer = StoreReplace<Self>;
}

impl RequestMetrics {
    pub(super) fn new(metrics: &Registry) -> prometheus::Result<Self> {
        let requests = IntCounterVec::new(
            Opts::new(
                "registry_s3_requests_total",
                "Requests to S3, each attempt for itself, by the status of the answer.",
            ),
            &["operation", "code"],
        )?;
        let seconds = HistogramVec::new(
            HistogramOpts::new(
                "registry_s3_request_seconds",
                "Time until S3 answered a request, each attempt for itself.",
            )
            .buckets(BUCKETS.to_vec()),
            &["operation"],
        )?;
        metrics.register(Box::new(requests.clone()))?;
        metrics.register(Box::new(seconds.clone()))?;
        Ok(Self { requests, seconds })
    }
}

impl Intercept for RequestMetrics {
    fn name(&self) -> &'static str {
        "RequestMetrics"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config.interceptor_state().store_put(Begun(Instant::now()));
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // Nothing comes of a request that is only signed.
        let (Some(begun), Some(result)) = (config.load::<Begun>(), context.output_or_error())
        else {
            return Ok(());
        };
        let operation = config.load::<Metadata>().map_or("", Metadata::name);
        let seconds = begun.0.elapsed().as_secs_f64();
        let code = match context.response().map(HttpResponse::status) {
            // S3 says 200 before it knows whether it can put an object together.
            Some(status) if result.is_err() && status.is_success() => "error".to_owned(),
            Some(status) => status.as_u16().to_string(),
            None => "none".to_owned(),
        };
        self.requests.with_label_values(&[operation, &code]).inc();
        self.seconds
            .with_label_values(&[operation])
            .observe(seconds);
        Ok(())
    }
}
