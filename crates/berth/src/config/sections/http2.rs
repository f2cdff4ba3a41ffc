//! What is particular to HTTP/2.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::values::{ByteSize, Span};

/// What is particular to HTTP/2. docker and containerd speak HTTP/1.1, crane and curl speak this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct Http2 {
    /// Requests at once on one connection.
    pub(crate) concurrent_streams: u32,
    /// How much a client may send on one stream ahead of the server. An upload runs at most at this much per round
    /// trip: 4MiB allow 40 MiB/s at 100 ms.
    pub(crate) stream_window: ByteSize,
    /// The same for all streams of a connection together.
    pub(crate) connection_window: ByteSize,
    /// The largest frame a client may send.
    pub(crate) frame_size: ByteSize,
    /// How often a quiet connection is asked whether the client is still there.
    pub(crate) ping_interval: Span,
    /// How long the client may take to answer that.
    pub(crate) ping_timeout: Span,
}

impl Default for Http2 {
    fn default() -> Self {
        Self {
            concurrent_streams: 250,
            stream_window: ByteSize::mib(4),
            connection_window: ByteSize::mib(16),
            frame_size: ByteSize::kib(64),
            ping_interval: Span::seconds(30),
            ping_timeout: Span::seconds(20),
        }
    }
}
