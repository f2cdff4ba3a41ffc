//! The settings of a server: every limit and every time-out has its place and its default here.
//! Nothing in this module reads files or the environment; the binary composes and fills it.

mod human_duration;

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Limits and time-outs of one HTTP server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Connections served at once. When they are all taken, new ones wait in the kernel's queue.
    pub max_connections: NonZeroUsize,
    /// How long a client may take to send a request's head, counted from its first byte, and on
    /// a new connection from its start. A TLS handshake gets the same time again.
    #[serde(with = "human_duration")]
    #[schemars(with = "String")]
    pub header_timeout: Duration,
    /// How long a connection may wait for its next request.
    #[serde(with = "human_duration")]
    #[schemars(with = "String")]
    pub idle_timeout: Duration,
    /// The slowest request body that is put up with.
    pub body_pace: BodyPace,
    /// How long a client may go without taking a single byte of a response that waits for it.
    /// On HTTP/2 each stream is held to it, for every 64 KiB, and is reset without the others.
    #[serde(with = "human_duration")]
    #[schemars(with = "String")]
    pub response_stall_timeout: Duration,
    /// Bytes of names and values of a request's headers; more is answered with 431.
    pub max_header_bytes: usize,
    /// Number of headers of a request; more is answered with 431.
    pub max_headers: usize,
    /// Bytes of a request's target; more is answered with 414.
    pub max_uri_bytes: usize,
    /// Bytes of a request's body; reading past them fails. Unlimited unless set.
    pub max_body_bytes: Option<u64>,
    /// What is particular to HTTP/2.
    pub http2: Http2Config,
    /// How long after the shutdown signal connections are still accepted, so that a load balancer
    /// sees the readiness probe fail before the port is closed.
    #[serde(with = "human_duration")]
    #[schemars(with = "String")]
    pub drain_delay: Duration,
    /// How long requests in flight may take to finish after the port is closed.
    #[serde(with = "human_duration")]
    #[schemars(with = "String")]
    pub drain_timeout: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            max_connections: NonZeroUsize::MIN.saturating_add(9_999),
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            body_pace: BodyPace::default(),
            response_stall_timeout: Duration::from_mins(5),
            max_header_bytes: 64 * 1024,
            max_headers: 100,
            max_uri_bytes: 16 * 1024,
            max_body_bytes: None,
            http2: Http2Config::default(),
            drain_delay: Duration::ZERO,
            drain_timeout: Duration::from_mins(5),
        }
    }
}

/// The slowest request body that is put up with: fewer bytes than these in a window end it.
///
/// Only time spent waiting for the client counts; a server that is busy is not the client's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BodyPace {
    /// Bytes a second, on average over the window.
    pub bytes_per_second: u64,
    /// The time over which the average is taken.
    #[serde(with = "human_duration")]
    #[schemars(with = "String")]
    pub window: Duration,
}

impl Default for BodyPace {
    fn default() -> Self {
        Self {
            bytes_per_second: 1024,
            window: Duration::from_secs(30),
        }
    }
}

/// What is particular to HTTP/2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Http2Config {
    /// Requests at once on one connection.
    pub max_concurrent_streams: u32,
    /// Bytes a client may send on one stream before the server has read them. An upload runs at
    /// most at window / round trip: 4 MiB keep 400 MiB/s flowing at 10 ms and 40 MiB/s at 100 ms,
    /// where the protocol's default of 64 KiB would stop at 0.6 MiB/s.
    pub stream_window_bytes: u32,
    /// The same for all streams of a connection together: four uploads at full window, and the
    /// most that one connection can make the server hold.
    pub connection_window_bytes: u32,
    /// The largest frame a client may send. Larger frames than the protocol's 16 KiB make an
    /// upload cheaper, smaller ones let other streams in sooner.
    pub max_frame_bytes: u32,
    /// How often a quiet connection is asked whether the client is still there.
    #[serde(with = "human_duration")]
    #[schemars(with = "String")]
    pub ping_interval: Duration,
    /// How long the client may take to answer that.
    #[serde(with = "human_duration")]
    #[schemars(with = "String")]
    pub ping_timeout: Duration,
}

impl Default for Http2Config {
    fn default() -> Self {
        Self {
            max_concurrent_streams: 250,
            stream_window_bytes: 4 * 1024 * 1024,
            connection_window_bytes: 16 * 1024 * 1024,
            max_frame_bytes: 64 * 1024,
            ping_interval: Duration::from_secs(30),
            ping_timeout: Duration::from_secs(20),
        }
    }
}

/// Where the certificate lies, and what else belongs to HTTPS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM file with the server's certificate, followed by its intermediates.
    pub certificate: PathBuf,
    /// PEM file with the private key of that certificate.
    pub private_key: PathBuf,
    /// Address of a second, plain listener that sends browsers and clients to HTTPS.
    #[serde(default)]
    pub redirect_listen: Option<std::net::SocketAddr>,
    /// How often the two files are looked at for a renewed certificate.
    #[serde(default = "default_reload_interval", with = "human_duration")]
    #[schemars(with = "String")]
    pub reload_interval: Duration,
}

fn default_reload_interval() -> Duration {
    Duration::from_secs(30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_configuration_is_the_default() {
        let read: ServerConfig = serde_json::from_str("{}").unwrap();
        assert_eq!(read, ServerConfig::default());
    }

    #[test]
    fn a_configuration_survives_writing_and_reading() {
        let config = ServerConfig {
            drain_delay: Duration::from_millis(250),
            max_body_bytes: Some(7),
            ..ServerConfig::default()
        };
        let written = serde_json::to_string(&config).unwrap();
        assert!(written.contains(r#""drain_delay":"250ms""#), "{written}");
        assert_eq!(
            serde_json::from_str::<ServerConfig>(&written).unwrap(),
            config
        );
    }

    #[test]
    fn unknown_keys_are_refused() {
        for text in [
            r#"{"idle_timout":"1s"}"#,
            r#"{"http2":{"pings":1}}"#,
            r#"{"max_connections":0}"#,
            r#"{"idle_timeout":30}"#,
        ] {
            assert!(
                serde_json::from_str::<ServerConfig>(text).is_err(),
                "{text}"
            );
        }
    }

    #[test]
    fn tls_needs_both_files_and_nothing_else() {
        let tls: TlsConfig =
            serde_json::from_str(r#"{"certificate":"a.pem","private_key":"b.pem"}"#).unwrap();
        assert_eq!(tls.redirect_listen, None);
        assert_eq!(tls.reload_interval, Duration::from_secs(30));
        assert!(serde_json::from_str::<TlsConfig>(r#"{"certificate":"a.pem"}"#).is_err());
    }
}
