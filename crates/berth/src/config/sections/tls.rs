//! HTTPS.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::values::{ListenAddress, Span};

/// HTTPS. With a certificate and its key, `listen` speaks HTTPS; without them, plain HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct Tls {
    /// PEM file with the certificate, followed by its intermediates.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "PathBuf", extend("x-default" = "none, plain HTTP", "format" = "path", "examples" = ["/etc/berth/tls.crt"]))]
    pub(crate) certificate: Option<PathBuf>,
    /// PEM file with the private key of that certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "PathBuf", extend("x-default" = "none, plain HTTP", "format" = "path", "examples" = ["/etc/berth/tls.key"]))]
    pub(crate) private_key: Option<PathBuf>,
    /// Address of a second, plain listener that sends clients to HTTPS.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ListenAddress", extend("x-default" = "none"))]
    pub(crate) redirect_listen: Option<ListenAddress>,
    /// How often the files are looked at for a renewed certificate. SIGHUP looks at once.
    pub(crate) reload_interval: Span,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            certificate: None,
            private_key: None,
            redirect_listen: None,
            reload_interval: Span::seconds(30),
        }
    }
}
