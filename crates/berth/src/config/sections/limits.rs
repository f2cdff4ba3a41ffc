//! The most that one client, one request or all of them may take.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::values::ByteSize;

/// The most that clients may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct Limits {
    /// Connections served at once. When all are taken, new ones wait.
    pub(crate) connections: NonZeroU32,
    /// Names and values of a request's headers together; more is answered with 431.
    pub(crate) header_size: ByteSize,
    /// Headers of a request; more is answered with 431.
    pub(crate) headers: u32,
    /// Path and query of a request; more is answered with 414.
    pub(crate) uri_size: ByteSize,
    /// Request bodies held in memory at once, all together: half a MiB for each upload that is running, the whole of
    /// each manifest that is coming in. What finds no room waits 5 seconds and is answered with 429.
    pub(crate) buffers: ByteSize,
    /// The largest manifest; more is answered with 413.
    pub(crate) manifest_size: ByteSize,
    /// The largest blob; more is answered with 413.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ByteSize", extend("x-default" = "no limit"))]
    pub(crate) blob_size: Option<ByteSize>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: NonZeroU32::MIN.saturating_add(9_999),
            header_size: ByteSize::kib(64),
            headers: 100,
            uri_size: ByteSize::kib(16),
            buffers: ByteSize::mib(128),
            manifest_size: ByteSize::mib(4),
            blob_size: None,
        }
    }
}
