//! From a URL and options to a client: credentials, region, time limits, checksums.
//!
//! Credentials are those of the standard chain of AWS, which finds them in the environment, a
//! profile, a web identity (as Kubernetes gives to a service account), a container or an instance.
//!
//! A download that stands still for a while is given up and an upload is not: what it sends lies in
//! memory as a whole, and a slow line is no fault. Its time limit is the only one.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::{AppName, BehaviorVersion, ConfigLoader, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Builder, Credentials, ProvideCredentials, Region, RequestChecksumCalculation,
    ResponseChecksumValidation, SharedCredentialsProvider, StalledStreamProtectionConfig,
};
use aws_sdk_s3::presigning::PresigningConfig;
use prometheus::Registry;
use thiserror::Error;

use super::super::metrics::RequestMetrics;
use super::super::options::{S3Credentials, S3Options};
use super::super::url::S3Url;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer to a request without a body may take.
const ANSWER: Duration = Duration::from_secs(30);
/// How long a download may stand still.
const STANDSTILL: Duration = Duration::from_secs(20);
/// How often a request is sent at most.
const ATTEMPTS: u32 = 3;
/// The region of servers that know none.
const ANY_REGION: &str = "us-east-1";

/// What is known about the server.
#[derive(Debug)]
pub(in crate::s3) struct Connected {
    /// Where it is, if it is not the one of AWS.
    pub(in crate::s3) endpoint: Option<String>,
    /// The region requests are signed for.
    pub(in crate::s3) region: String,
    /// Where credentials come from.
    pub(in crate::s3) credentials: SharedCredentialsProvider,
    /// What the URL of each object begins with, for clients.
    pub(in crate::s3) base: String,
}

/// Why there is no client.
#[derive(Debug, Error)]
pub(in crate::s3) enum ConnectError {
    #[error("no credentials: {0}")]
    Credentials(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("no region")]
    Region,
    #[error("no URL can be made: {0}")]
    Url(String),
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
}

pub(super) async fn connect(
    url: &S3Url,
    options: &S3Options,
    metrics: &Registry,
) -> Result<(Client, Connected), ConnectError> {
    let metrics = RequestMetrics::new(metrics)?;
    let shared = load(url, options).await;
    let region = shared.region().ok_or(ConnectError::Region)?.to_string();
    let credentials = shared
        .credentials_provider()
        .ok_or_else(|| ConnectError::Credentials("there is no provider".into()))?;
    let found = credentials.provide_credentials().await;
    found.map_err(|error| ConnectError::Credentials(error.into()))?;

    let configured = Builder::from(&shared).interceptor(metrics);
    let at = |endpoint: Option<&String>, path_style: bool| {
        let mut configured = configured.clone().force_path_style(path_style);
        // Set here and not in what is shared: the token service is not at this endpoint.
        if let Some(endpoint) = endpoint {
            configured = configured.endpoint_url(endpoint);
        }
        Client::from_conf(configured.build())
    };
    let place = url.endpoint.as_ref();
    // The environment may name a server, too.
    let named = base(&at(place, true), &url.bucket).await?;
    let endpoint = elsewhere(place.unwrap_or(&named));
    let path_style = url.uses_path_style(place.or(endpoint.as_ref()).is_some());
    let client = at(place, path_style);
    let seen = at(url.public_endpoint.as_ref().or(place), path_style);
    let base = base(&seen, &url.bucket).await?;
    let connected = Connected {
        endpoint,
        region,
        credentials,
        base,
    };
    Ok((client, connected))
}

async fn load(url: &S3Url, options: &S3Options) -> SdkConfig {
    let protection = StalledStreamProtectionConfig::enabled()
        .upload_enabled(false)
        .grace_period(STANDSTILL);
    let limits = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ANSWER);
    // Checksums that the protocol does not demand are set where they are wanted: those that the SDK
    // adds go behind the body, which many servers do not understand.
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(limits.build())
        .stalled_stream_protection(protection.build())
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    if let Ok(name) = AppName::new("berth") {
        loader = loader.app_name(name);
    }
    with_region(with_credentials(loader, options), url)
        .load()
        .await
}

fn with_credentials(loader: ConfigLoader, options: &S3Options) -> ConfigLoader {
    match &options.credentials {
        S3Credentials::Chain => loader,
        S3Credentials::Fixed {
            access_key_id,
            secret_access_key,
        } => loader.credentials_provider(Credentials::new(
            access_key_id,
            secret_access_key,
            None,
            None,
            "configuration",
        )),
    }
}

fn with_region(loader: ConfigLoader, url: &S3Url) -> ConfigLoader {
    match (&url.region, &url.endpoint) {
        (Some(region), _) => loader.region(Region::new(region.clone())),
        (None, None) => loader,
        // The chain would ask the instance, and wait for it where there is none.
        (None, Some(_)) => loader.region(
            RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
                .or_else(ANY_REGION),
        ),
    }
}

/// The server that a URL leads to, if it is not that of AWS.
fn elsewhere(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split('/').next()?;
    let aws = [".amazonaws.com", ".amazonaws.com.cn"];
    let known = aws.iter().any(|domain| host.ends_with(domain));
    (!known).then(|| format!("{scheme}://{host}"))
}

/// What the URLs of all objects begin with, as the SDK sees it.
async fn base(client: &Client, bucket: &str) -> Result<String, ConnectError> {
    const NAME: &str = "name";
    let unknown = |error: String| ConnectError::Url(error);
    let moment = PresigningConfig::expires_in(Duration::from_secs(1));
    let request = client.get_object().bucket(bucket).key(NAME);
    let signed = request
        .presigned(moment.map_err(|error| unknown(error.to_string()))?)
        .await
        .map_err(|error| unknown(error.to_string()))?;
    let (place, _) = signed.uri().split_once('?').unwrap_or((signed.uri(), ""));
    let base = place.strip_suffix(NAME);
    base.map(str::to_owned)
        .ok_or_else(|| unknown(place.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use registry_core::testing::TestClock;

    use super::*;

    async fn connected(url: &str) -> Connected {
        let options = S3Options {
            credentials: S3Credentials::Fixed {
                access_key_id: "key".to_owned(),
                secret_access_key: "secret".to_owned(),
            },
            ..S3Options::new(Arc::new(TestClock::new()))
        };
        let url = url.parse().unwrap();
        let connected = connect(&url, &options, &Registry::new()).await;
        connected.unwrap().1
    }

    #[tokio::test]
    async fn objects_have_the_urls_that_the_server_expects() {
        for (url, base) in [
            (
                "s3://bucket?region=eu-west-1",
                "https://bucket.s3.eu-west-1.amazonaws.com/",
            ),
            (
                "s3://bucket?region=cn-north-1",
                "https://bucket.s3.cn-north-1.amazonaws.com.cn/",
            ),
            (
                "s3://bucket?region=eu-west-1&path_style=true",
                "https://s3.eu-west-1.amazonaws.com/bucket/",
            ),
            ("s3://b?endpoint=http://h:9000&region=r", "http://h:9000/b/"),
            (
                "s3://bucket?endpoint=http://h:9000&region=r&path_style=false",
                "http://bucket.h:9000/",
            ),
            (
                "s3://b?endpoint=http://h:9000&region=r&public_endpoint=https://cdn.example.com",
                "https://cdn.example.com/b/",
            ),
        ] {
            assert_eq!(connected(url).await.base, base, "{url}");
        }
    }

    #[tokio::test]
    async fn other_servers_need_no_region() {
        let connected = connected("s3://b?endpoint=http://h").await;
        assert_eq!(connected.base, "http://h/b/");
    }

    #[tokio::test]
    async fn aws_is_known_by_its_name() {
        for (url, endpoint) in [
            ("s3://bucket?region=eu-west-1", None),
            ("s3://bucket?region=cn-north-1&path_style=true", None),
            (
                "s3://b?endpoint=https://s3.eu-west-1.amazonaws.com&region=eu-west-1",
                None,
            ),
            (
                "s3://b?endpoint=http://h:9000&region=r",
                Some("http://h:9000"),
            ),
        ] {
            assert_eq!(connected(url).await.endpoint.as_deref(), endpoint);
        }
        let named = elsewhere("http://b.s3.example.com:9000/");
        assert_eq!(named.as_deref(), Some("http://b.s3.example.com:9000"));
    }
}
