//! Requests that a store never makes: whether a bucket is there, what time it is on its server, and what somebody
//! without credentials gets by a presigned URL.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_s3::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
    BeforeTransmitInterceptorContextRef,
};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use bytes::Bytes;
use registry_core::ports::Clock;

use super::super::error::S3Error;
use super::S3Client;

const FETCH: &str = "GET of a presigned URL";
/// `Date` names a second: on average it is half over.
const HALF_A_SECOND: i64 = 500;

impl S3Client {
    /// Sees whether the bucket is there, without a request that could make it. Also says how many milliseconds the
    /// clock of the server is ahead of this one, if the server says what time it is.
    pub(in crate::s3) async fn look(
        &self,
        prefix: &str,
        clock: Arc<dyn Clock>,
    ) -> (Result<(), S3Error>, Option<i64>) {
        let watch = Watch::new(clock);
        let answer = self
            .client
            .list_objects_v2()
            .bucket(&*self.bucket)
            .prefix(prefix)
            .max_keys(1)
            .customize()
            .interceptor(watch.clone())
            .send()
            .await;
        let looked = answer.map_err(|error| S3Error::new("ListObjectsV2", &error));
        (looked.map(|_| ()), watch.ahead())
    }

    /// What a URL leads to, asked for as any HTTP client would: with nothing but the URL.
    pub(in crate::s3) async fn fetch(&self, url: String) -> Result<Bytes, S3Error> {
        let answer = self
            .client
            .get_object()
            .bucket(&*self.bucket)
            .key("replaced")
            .customize()
            .interceptor(Bare { url })
            .send()
            .await
            .map_err(|error| S3Error::new(FETCH, &error))?;
        let body = answer.body.collect().await;
        let body = body.map_err(|_| S3Error::strange(FETCH, "it breaks off"))?;
        Ok(body.into_bytes())
    }
}

/// Makes a request one that carries nothing but a URL.
#[derive(Debug)]
struct Bare {
    url: String,
}

impl Intercept for Bare {
    fn name(&self) -> &'static str {
        "Bare"
    }

    // The last place before it is sent, behind the signature.
    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        request.set_uri(self.url.as_str())?;
        let names: Vec<String> = request
            .headers()
            .iter()
            .map(|(name, _)| name.to_owned())
            .collect();
        for name in names {
            request.headers_mut().remove(name);
        }
        Ok(())
    }
}

/// Compares the clock of a server with this one's.
#[derive(Debug, Clone)]
struct Watch {
    clock: Arc<dyn Clock>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    sent: Option<i64>,
    ahead: Option<i64>,
}

impl Watch {
    fn new(clock: Arc<dyn Clock>) -> Self {
        let seen = Arc::default();
        Self { clock, seen }
    }

    fn ahead(&self) -> Option<i64> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.ahead
    }
}

impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "Watch"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.sent = Some(self.clock.now().0);
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(date), Some(sent)) = (date, seen.sent) {
            let there = date
                .secs()
                .saturating_mul(1_000)
                .saturating_add(HALF_A_SECOND);
            seen.ahead = Some(ahead(there, sent, self.clock.now().0));
        }
        Ok(())
    }
}

/// How far a clock is ahead that showed `there` somewhere between two moments of this one.
fn ahead(there: i64, sent: i64, answered: i64) -> i64 {
    there.saturating_sub(sent.midpoint(answered))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_compared_with_the_middle_of_the_request() {
        assert_eq!(ahead(10_500, 10_400, 10_600), 0);
        assert_eq!(ahead(70_500, 10_400, 10_600), 60_000);
        assert_eq!(ahead(500, 10_400, 10_600), -10_000);
    }
}
