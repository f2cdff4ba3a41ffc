//! Requests to one bucket. Nothing outside of this folder speaks to the SDK.
//!
//! A method is one request: it is tried again as the SDK sees fit, it says what S3 said, and it knows
//! nothing of sessions. Where its size decides how long a request may take, its time limit does so,
//! too: a body may come as slowly as [`SLOWEST`] bytes a second.

mod body;
mod connect;
mod examine;
mod objects;
mod parts;
mod removal;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::types::ServerSideEncryption;
use prometheus::Registry;

use super::options::S3Options;
use super::parameter::{Checksums, Encryption};
use super::url::S3Url;

pub(super) use body::length;
pub(super) use connect::{ConnectError, Connected};

pub(super) use parts::{Target, etag};

/// Of everything that is stored.
const CONTENT_TYPE: &str = "application/octet-stream";
/// How slowly a body may go, in bytes a second; several share a line.
const SLOWEST: u64 = 128 * 1024;
/// How long the answer to a body may take once it is there.
const ANSWER: Duration = Duration::from_mins(1);
/// How long S3 may take to copy a part or to put an object together.
const LONG: Duration = Duration::from_mins(15);

/// Requests to one bucket.
#[derive(Clone)]
pub(super) struct S3Client {
    client: Client,
    bucket: Arc<str>,
    encryption: Option<Encryption>,
    /// Whether checksums are sent that the protocol does not demand.
    checksums: bool,
}

impl fmt::Debug for S3Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "S3Client({})", self.bucket)
    }
}

impl S3Client {
    /// A client that has sent nothing yet, and what else is known about the server.
    pub(super) async fn connect(
        url: &S3Url,
        options: &S3Options,
        metrics: &Registry,
    ) -> Result<(Self, Connected), ConnectError> {
        let (client, connected) = connect::connect(url, options, metrics).await?;
        let checksums = match url.checksum {
            // Without TLS nothing else guards the bytes on their way.
            Checksums::Auto => connected.endpoint.as_deref().is_none_or(is_plain),
            Checksums::Required => false,
            Checksums::Supported => true,
        };
        let client = Self {
            client,
            bucket: url.bucket.as_str().into(),
            encryption: url.encryption.clone(),
            checksums,
        };
        Ok((client, connected))
    }

    /// For uploads that parts are copied into: servers differ in what they make of the checksums of
    /// copies.
    pub(super) fn without_checksums(self) -> Self {
        Self {
            checksums: false,
            ..self
        }
    }

    fn encryption(&self) -> Option<ServerSideEncryption> {
        Some(match self.encryption.as_ref()? {
            Encryption::Aes256 => ServerSideEncryption::Aes256,
            Encryption::Kms(_) => ServerSideEncryption::AwsKms,
        })
    }

    fn encryption_key(&self) -> Option<String> {
        self.encryption.as_ref()?.key().cloned()
    }
}

fn is_plain(endpoint: &str) -> bool {
    endpoint.starts_with("http://")
}

/// The time limit of an attempt to send this many bytes.
fn patient(size: u64) -> aws_sdk_s3::config::Builder {
    limited(ANSWER + Duration::from_secs(size / SLOWEST))
}

fn limited(limit: Duration) -> aws_sdk_s3::config::Builder {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(limit);
    aws_sdk_s3::config::Builder::new().timeout_config(timeouts.build())
}
