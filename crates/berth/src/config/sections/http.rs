//! How patient the server is with its clients.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::values::{ByteSize, Span};

/// How patient the server is, and how it stops.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct Http {
    /// How long a client may take to send the head of a request. A TLS handshake gets the same time again.
    pub(crate) header_timeout: Span,
    /// How long a connection may wait for its next request.
    pub(crate) idle_timeout: Span,
    /// The slowest upload that is put up with, in bytes a second, on average over `upload_rate_window`.
    pub(crate) minimum_upload_rate: ByteSize,
    /// The time over which `minimum_upload_rate` is taken.
    pub(crate) upload_rate_window: Span,
    /// How long a client may go without taking a byte of a response that waits for it; on HTTP/2, 64 KiB of it.
    pub(crate) response_stall_timeout: Span,
    /// How long after SIGTERM new connections are still accepted while `/readyz` already says 503, so that a load
    /// balancer has time to look elsewhere.
    pub(crate) drain_delay: Span,
    /// How long after SIGTERM requests in flight may take to finish.
    pub(crate) drain_timeout: Span,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            header_timeout: Span::seconds(10),
            idle_timeout: Span::seconds(75),
            minimum_upload_rate: ByteSize::kib(1),
            upload_rate_window: Span::seconds(30),
            response_stall_timeout: Span::seconds(300),
            drain_delay: Span::ZERO,
            drain_timeout: Span::seconds(300),
        }
    }
}
