//! Where names, tags and manifests are kept.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::values::{ByteSize, MetadataUrl};

/// Where names, tags and manifests are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct Metadata {
    /// The metadata engine: `sqlite:PATH`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "MetadataUrl", extend("x-default" = "sqlite:<data_dir>/metadata.db"))]
    pub(crate) url: Option<MetadataUrl>,
    /// Memory for manifests and blob records that are read often; `0B` turns the cache off. Answers are the same with
    /// and without it.
    pub(crate) cache_size: ByteSize,
    /// Database connections for reading. Writes have one of their own.
    pub(crate) reader_connections: NonZeroU32,
}

impl Default for Metadata {
    fn default() -> Self {
        Self {
            url: None,
            cache_size: ByteSize::mib(64),
            reader_connections: NonZeroU32::MIN.saturating_add(3),
        }
    }
}
