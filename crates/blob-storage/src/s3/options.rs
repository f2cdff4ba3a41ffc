//! What a store on S3 can be told besides its URL.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use registry_core::ports::Clock;

/// The budget of [`S3Options::buffer_bytes`] unless it is set.
const BUFFERS: u64 = 64 * 1024 * 1024;
/// How long a presigned URL is valid unless it is set.
const LIFETIME: Duration = Duration::from_mins(10);

/// What a store on S3 can be told besides its URL.
#[derive(Debug, Clone)]
pub struct S3Options {
    /// Tells for which moment a URL is signed.
    pub clock: Arc<dyn Clock>,
    /// Whose name it acts in.
    pub credentials: S3Credentials,
    /// How many bytes of uploads may be in memory at once, on their way to S3; parts do not grow to more than a
    /// quarter of it.
    pub buffer_bytes: u64,
    /// How long a presigned URL is valid, at least.
    pub url_lifetime: Duration,
}

impl S3Options {
    /// What goes without saying.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            credentials: S3Credentials::Chain,
            buffer_bytes: BUFFERS,
            url_lifetime: LIFETIME,
        }
    }
}

/// Where credentials come from.
#[derive(Clone)]
pub enum S3Credentials {
    /// The standard chain of AWS: environment, profile, web identity, container, instance.
    Chain,
    /// These.
    Fixed {
        /// The access key's name.
        access_key_id: String,
        /// The access key.
        secret_access_key: String,
    },
}

impl fmt::Debug for S3Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chain => formatter.write_str("Chain"),
            Self::Fixed { access_key_id, .. } => write!(formatter, "Fixed({access_key_id})"),
        }
    }
}
