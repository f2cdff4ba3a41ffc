//! Opening a bucket: whether it is there and may be used, and what an operator does if not.

mod examine;

use prometheus::Registry;
use thiserror::Error;

use super::S3BlobStore;
use super::bucket::Bucket;
use super::budget::Budget;
use super::client::{ConnectError, S3Client};
use super::error::{Fault, S3Error};
use super::key::Keys;
use super::options::S3Options;
use super::parameter::Size;
use super::presign::Presigner;
use super::probe::{Probe, write};
use super::sizes::{SMALLEST_PART, Sizes};
use super::url::S3Url;

pub use examine::{S3Action, S3Examination, S3Step, S3StepError, examine};

/// Why a bucket cannot be used, and what to do about it.
#[derive(Debug, Error)]
pub enum S3OpenError {
    /// Nothing in the chain has credentials.
    #[error(
        "there are no credentials for S3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give \
         this process a role"
    )]
    NoCredentials(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Neither the URL nor the environment names one.
    #[error("the region of the bucket is not known: add region=… to the URL, or set AWS_REGION")]
    NoRegion,
    /// It is not there.
    #[error("there is no bucket {bucket} at {server}: create it, or name another one")]
    NoBucket {
        /// The bucket.
        bucket: String,
        /// Where it was looked for.
        server: String,
    },
    /// The server knows the credentials, or not, and does not let them in.
    #[error(
        "bucket {bucket} at {server} may not be used ({code}): check the credentials, and allow them \
         s3:PutObject, s3:GetObject, s3:DeleteObject, s3:AbortMultipartUpload, \
         s3:ListMultipartUploadParts, s3:ListBucket and s3:ListBucketMultipartUploads"
    )]
    Denied {
        /// The bucket.
        bucket: String,
        /// The server.
        server: String,
        /// S3's name for the error.
        code: String,
        /// The whole answer.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nobody answers.
    #[error(
        "{server} cannot be reached: check `endpoint`, and whether the network lets this machine through"
    )]
    Unreachable {
        /// The server.
        server: String,
        /// What happened.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Signatures carry the time.
    #[error("the clocks of this machine and of {server} differ too much: set this one right")]
    Clock {
        /// The server.
        server: String,
    },
    /// The bucket is elsewhere.
    #[error("bucket {bucket} is not in region {region}: say region={} in the URL", .right.as_deref().unwrap_or("…"))]
    Region {
        /// The bucket.
        bucket: String,
        /// Where it was looked for.
        region: String,
        /// Where it is, if the server says so.
        right: Option<String>,
    },
    /// No room for a single part.
    #[error("the memory for uploads has no room for a part of {0}: give it more")]
    Buffers(Size),
    /// Anything else.
    #[error("bucket {bucket} at {server} cannot be used")]
    Failed {
        /// The bucket.
        bucket: String,
        /// The server.
        server: String,
        /// What happened.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The metrics are registered already.
    #[error("the metrics of the storage cannot be registered")]
    Metrics(#[from] prometheus::Error),
}

/// Opens the bucket and sees whether it can be written.
pub(super) async fn open(
    url: &S3Url,
    options: &S3Options,
    metrics: &Registry,
) -> Result<S3BlobStore, S3OpenError> {
    let part = url.part_size.map(|size| size.0);
    let least = part.unwrap_or(SMALLEST_PART);
    if options.buffer_bytes < least {
        return Err(S3OpenError::Buffers(Size(least)));
    }
    let budget = Budget::new(options.buffer_bytes, metrics)?;
    let server = url.endpoint.clone().unwrap_or_else(|| "AWS".to_owned());
    let connected = S3Client::connect(url, options, metrics).await;
    let (client, connected) = connected.map_err(|error| unconnected(url, &server, error))?;
    let bucket = Bucket {
        client,
        keys: Keys::new(&url.prefix),
        sizes: Sizes::new(part, url.uniform_parts, options.buffer_bytes),
        budget,
        runtime: tokio::runtime::Handle::current(),
    };
    let server = connected.endpoint.clone().unwrap_or(server);
    let written = write(&bucket).await;
    written.map_err(|error| explain(url, server, &connected.region, error))?;
    let clock = std::sync::Arc::clone(&options.clock);
    Ok(S3BlobStore {
        bucket: bucket.into(),
        probe: Probe::default(),
        presigner: Presigner::new(&connected, options.url_lifetime, clock),
    })
}

fn unconnected(url: &S3Url, server: &str, error: ConnectError) -> S3OpenError {
    match error {
        ConnectError::Credentials(source) => S3OpenError::NoCredentials(source),
        ConnectError::Region => S3OpenError::NoRegion,
        ConnectError::Metrics(error) => S3OpenError::Metrics(error),
        ConnectError::Url(_) => S3OpenError::Failed {
            bucket: url.bucket.clone(),
            server: server.to_owned(),
            source: error.into(),
        },
    }
}

/// The sentence for what came of the first request.
fn explain(url: &S3Url, server: String, region: &str, error: S3Error) -> S3OpenError {
    let bucket = url.bucket.clone();
    let source = |error: S3Error| Box::new(error);
    let Fault::Refused {
        status,
        code,
        region: right,
        ..
    } = &error.fault
    else {
        return match error.fault {
            Fault::Unreachable(_) | Fault::TimedOut => S3OpenError::Unreachable {
                server,
                source: source(error),
            },
            _ => S3OpenError::Failed {
                bucket,
                server,
                source: source(error),
            },
        };
    };
    let denied = error.is_denial();
    let right = right.clone().filter(|right| right != region);
    match (code.as_str(), status) {
        ("NoSuchBucket", _) => S3OpenError::NoBucket { bucket, server },
        ("RequestTimeTooSkewed", _) => S3OpenError::Clock { server },
        ("PermanentRedirect" | "IllegalLocationConstraintException", _) | (_, 301) => {
            S3OpenError::Region {
                bucket,
                region: region.to_owned(),
                right,
            }
        }
        ("AuthorizationHeaderMalformed", _) if right.is_some() => S3OpenError::Region {
            bucket,
            region: region.to_owned(),
            right,
        },
        _ if denied => S3OpenError::Denied {
            bucket,
            server,
            code: code.clone(),
            source: source(error),
        },
        _ => S3OpenError::Failed {
            bucket,
            server,
            source: source(error),
        },
    }
}

#[cfg(test)]
mod tests;
