//! The two ports. Both are bound before anything is opened, so that a second process on the same port changes
//! nothing, and is told so.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;

use anyhow::anyhow;
use http_server::{
    AdminServer, BodyPace, Health, Http2Config, HttpMetrics, Server, ServerConfig, ServerError,
    TlsConfig,
};
use prometheus::Registry;

use crate::banner::Scheme;
use crate::config::{ByteSize, Configuration, ListenAddress};

/// The bound ports.
#[derive(Debug)]
pub(crate) struct Listeners {
    pub(crate) registry: Server,
    pub(crate) admin: AdminServer,
    pub(crate) scheme: Scheme,
}

impl Listeners {
    /// Binds both.
    pub(crate) async fn bind(
        configuration: &Configuration,
        health: &Arc<Health>,
        metrics: &Registry,
    ) -> anyhow::Result<Self> {
        let (listen, admin) = (
            configuration.listen.socket(),
            configuration.admin.listen.socket(),
        );
        let server = Server::bind(listen, server_config(configuration)).await;
        let server = server.map_err(|error| sentence(error, "--listen", listen.port()))?;
        let (server, scheme) = match tls_config(configuration) {
            Some(tls) => {
                let redirect = tls.redirect_listen.map_or(0, |address| address.port());
                let server = server.with_tls(&tls).await;
                (
                    server.map_err(|error| sentence(error, "tls.redirect_listen", redirect))?,
                    Scheme::Https,
                )
            }
            None => (server, Scheme::Http),
        };
        let admin_server = AdminServer::bind(
            admin,
            ServerConfig::default(),
            Arc::clone(health),
            metrics.clone(),
        )
        .await;
        let admin =
            admin_server.map_err(|error| sentence(error, "--admin-listen", admin.port()))?;
        let http_metrics = Arc::new(HttpMetrics::register(metrics)?);
        let registry = server
            .with_metrics(http_metrics)
            .with_health(Arc::clone(health));
        Ok(Self {
            registry,
            admin,
            scheme,
        })
    }
}

/// What to do about a port that cannot be had. `setting` is the option that asked for it.
fn sentence(error: ServerError, setting: &str, port: u16) -> anyhow::Error {
    let (address, source) = match error {
        ServerError::Listen { address, source } => (address, source),
        ServerError::Tls(error) => {
            return anyhow::Error::new(error).context("HTTPS cannot be served");
        }
    };
    let other = SocketAddr::new(address.ip(), port.checked_add(50).unwrap_or(5050));
    match source.kind() {
        io::ErrorKind::AddrInUse => anyhow!(
            "address {address} is already in use: another process listens there. Stop it, or take another address, \
             such as {setting} {other}"
        ),
        io::ErrorKind::PermissionDenied => anyhow!(
            "address {address} may not be used by this user: ports below 1024 are for root. Take a higher port with \
             {setting}, or grant the capability CAP_NET_BIND_SERVICE"
        ),
        io::ErrorKind::AddrNotAvailable => {
            anyhow!(
                "address {address} is not one of this machine. Take one that is, or 0.0.0.0 for all, with {setting}"
            )
        }
        _ => anyhow::Error::new(source).context(format!(
            "address {address} ({setting}) cannot be listened on"
        )),
    }
}

/// The server's settings. Every field is named, so that a new one cannot be forgotten here.
fn server_config(configuration: &Configuration) -> ServerConfig {
    let Configuration {
        http,
        http2,
        limits,
        ..
    } = configuration;
    ServerConfig {
        max_connections: NonZeroUsize::try_from(limits.connections).unwrap_or(NonZeroUsize::MAX),
        header_timeout: http.header_timeout.duration(),
        idle_timeout: http.idle_timeout.duration(),
        body_pace: BodyPace {
            bytes_per_second: http.minimum_upload_rate.bytes(),
            window: http.upload_rate_window.duration(),
        },
        response_stall_timeout: http.response_stall_timeout.duration(),
        max_header_bytes: memory(limits.header_size),
        max_headers: usize::try_from(limits.headers).unwrap_or(usize::MAX),
        max_uri_bytes: memory(limits.uri_size),
        // The use cases know whether a body is a manifest or a blob, and refuse what is too large for it.
        max_body_bytes: None,
        http2: Http2Config {
            max_concurrent_streams: http2.concurrent_streams,
            stream_window_bytes: window(http2.stream_window),
            connection_window_bytes: window(http2.connection_window),
            max_frame_bytes: window(http2.frame_size),
            ping_interval: http2.ping_interval.duration(),
            ping_timeout: http2.ping_timeout.duration(),
        },
        drain_delay: http.drain_delay.duration(),
        drain_timeout: http.drain_timeout.duration(),
    }
}

fn tls_config(configuration: &Configuration) -> Option<TlsConfig> {
    let tls = &configuration.tls;
    Some(TlsConfig {
        certificate: tls.certificate.clone()?,
        private_key: tls.private_key.clone()?,
        redirect_listen: tls.redirect_listen.map(ListenAddress::socket),
        reload_interval: tls.reload_interval.duration(),
    })
}

// The rules of the configuration keep these sizes in range.
fn memory(size: ByteSize) -> usize {
    usize::try_from(size.bytes()).unwrap_or(usize::MAX)
}

fn window(size: ByteSize) -> u32 {
    u32::try_from(size.bytes()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_the_configuration_are_those_of_the_server() {
        assert_eq!(
            server_config(&Configuration::default()),
            ServerConfig::default()
        );
    }

    #[test]
    fn a_taken_port_is_told_with_the_option_that_helps() {
        let error = |kind: io::ErrorKind| {
            let listen = ServerError::Listen {
                address: "127.0.0.1:5000".parse().unwrap(),
                source: kind.into(),
            };
            sentence(listen, "--listen", 5000).to_string()
        };
        assert_eq!(
            error(io::ErrorKind::AddrInUse),
            "address 127.0.0.1:5000 is already in use: another process listens there. Stop it, or take another \
             address, such as --listen 127.0.0.1:5050"
        );
        assert!(error(io::ErrorKind::PermissionDenied).contains("ports below 1024"));
        assert!(error(io::ErrorKind::AddrNotAvailable).contains("not one of this machine"));
    }
}
