//! Where blobs are kept, and how clients get them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::values::{Agents, ByteSize, Repositories, Span, StorageUrl};

/// Where blobs are kept: in a directory of this machine, or in a bucket that speaks the S3 protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct Storage {
    /// The blob store: `file:DIR` or `s3://BUCKET/PREFIX?endpoint=…&region=…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "StorageUrl", extend("x-default" = "file:<data_dir>/storage"))]
    pub(crate) url: Option<StorageUrl>,
    /// S3: memory for parts of uploads on their way to the bucket, all uploads together. What finds no room waits. Parts
    /// grow to a quarter of it, and there are 10,000 of a blob at most: with 64 MiB a blob may have 140 GiB.
    pub(crate) part_buffers: ByteSize,
    /// S3: whether clients fetch blobs from the bucket themselves.
    pub(crate) redirect: Redirect,
    /// S3: how long the URL of a redirect is valid, at least.
    pub(crate) redirect_lifetime: Span,
    /// S3: blobs up to this size are served by the registry all the same, which saves clients a connection.
    pub(crate) inline_size: ByteSize,
    /// S3: clients who cannot follow redirects, by how their `User-Agent` begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Agents", extend("x-default" = "none"))]
    pub(crate) proxied_agents: Option<Agents>,
    /// S3: repositories whose blobs are always served by the registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Repositories", extend("x-default" = "none"))]
    pub(crate) proxied_repositories: Option<Repositories>,
}

/// How blobs leave the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum Redirect {
    /// clients are sent to the bucket with a signed URL
    On,
    /// everything goes through the registry
    Off,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            url: None,
            part_buffers: ByteSize::mib(64),
            redirect: Redirect::On,
            redirect_lifetime: Span::minutes(10),
            inline_size: ByteSize::mib(1),
            proxied_agents: None,
            proxied_repositories: None,
        }
    }
}
