//! The certificate the server shows, and its renewal while the server runs. A renewed certificate
//! that cannot be used is reported and the old one stays: an expired key file must not take the
//! registry down before the certificate in use expires.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use rustls::{
    Error, InconsistentKeys, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{TlsError, validity::not_after};
use crate::{config::TlsConfig, metrics::HttpMetrics};

/// The certificate in use.
#[derive(Debug)]
pub struct Certificates {
    certificate: PathBuf,
    private_key: PathBuf,
    reload_interval: Duration,
    resolver: Arc<Resolver>,
    tls: Arc<ServerConfig>,
}

/// What a look at the files came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// The files are those in use.
    Unchanged,
    /// New connections see the new certificate.
    Replaced,
}

/// Gives every handshake the certificate of its moment.
#[derive(Debug)]
struct Resolver(ArcSwap<Loaded>);

#[derive(Debug)]
struct Loaded {
    files: Files,
    key: Arc<CertifiedKey>,
}

/// The two files as they were read. Compared whole: modification times lie when a volume is
/// swapped by a symbolic link.
#[derive(PartialEq, Eq)]
struct Files {
    certificate: Vec<u8>,
    private_key: Vec<u8>,
}

impl std::fmt::Debug for Files {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Files(..)")
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.load().key))
    }
}

impl Certificates {
    /// Loads the certificate; refuses one that could not be used.
    pub async fn load(config: &TlsConfig) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let files = read_files(&config.certificate, &config.private_key).await?;
        let key = certified_key(&files, config, &provider)?;
        let resolver = Arc::new(Resolver(ArcSwap::from_pointee(Loaded { files, key })));
        let tls = server_config(Arc::clone(&resolver), provider).map_err(|source| {
            TlsError::Unusable {
                path: config.certificate.clone(),
                source,
            }
        })?;
        Ok(Self {
            certificate: config.certificate.clone(),
            private_key: config.private_key.clone(),
            reload_interval: config.reload_interval,
            resolver,
            tls: Arc::new(tls),
        })
    }

    /// Looks at the files, and uses them if they have changed. On an error the certificate in
    /// use stays.
    pub async fn reload(&self) -> Result<Reload, TlsError> {
        let files = read_files(&self.certificate, &self.private_key).await?;
        if files == self.resolver.0.load().files {
            return Ok(Reload::Unchanged);
        }
        let config = TlsConfig {
            certificate: self.certificate.clone(),
            private_key: self.private_key.clone(),
            redirect_listen: None,
            reload_interval: self.reload_interval,
        };
        let key = certified_key(&files, &config, self.tls.crypto_provider())?;
        self.resolver.0.store(Arc::new(Loaded { files, key }));
        Ok(Reload::Replaced)
    }

    /// When the certificate in use expires, in seconds since 1970.
    pub fn not_after(&self) -> Option<i64> {
        not_after(self.resolver.0.load().key.end_entity_cert().ok()?)
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.tls))
    }

    /// Looks at the files again and again until `closed`.
    pub(crate) async fn watch(
        self: Arc<Self>,
        metrics: Option<Arc<HttpMetrics>>,
        closed: CancellationToken,
    ) {
        let watching = async {
            // A file that stays broken is reported once, not at every look.
            let mut reported = None;
            loop {
                if let (Some(metrics), Some(not_after)) = (&metrics, self.not_after()) {
                    metrics.certificate_expires(not_after);
                }
                tokio::time::sleep(self.reload_interval).await;
                let outcome = self.reload().await;
                reported = report(outcome, reported.as_deref());
            }
        };
        closed.run_until_cancelled(watching).await;
    }
}

/// Logs what is new, and returns what is still wrong.
fn report(outcome: Result<Reload, TlsError>, reported: Option<&str>) -> Option<String> {
    match outcome {
        Ok(Reload::Replaced) => tracing::info!("replace certificate"),
        Ok(Reload::Unchanged) => {}
        Err(error) => {
            let message = error.to_string();
            if reported != Some(message.as_str()) {
                let source = std::error::Error::source(&error).map(tracing::field::display);
                tracing::error!(
                    error = message,
                    source,
                    "reload certificate; the old one stays"
                );
            }
            return Some(message);
        }
    }
    None
}

async fn read_files(certificate: &Path, private_key: &Path) -> Result<Files, TlsError> {
    let read = async |path: &Path| {
        tokio::fs::read(path)
            .await
            .map_err(|source| TlsError::Read {
                path: path.to_owned(),
                source,
            })
    };
    Ok(Files {
        certificate: read(certificate).await?,
        private_key: read(private_key).await?,
    })
}

fn certified_key(
    files: &Files,
    config: &TlsConfig,
    provider: &CryptoProvider,
) -> Result<Arc<CertifiedKey>, TlsError> {
    let no_certificate = |source| TlsError::NoCertificate {
        path: config.certificate.clone(),
        source,
    };
    let chain = CertificateDer::pem_slice_iter(&files.certificate)
        .collect::<Result<Vec<_>, _>>()
        .map_err(no_certificate)?;
    if chain.is_empty() {
        return Err(no_certificate(rustls::pki_types::pem::Error::NoItemsFound));
    }
    let key =
        PrivateKeyDer::from_pem_slice(&files.private_key).map_err(|source| TlsError::NoKey {
            path: config.private_key.clone(),
            source,
        })?;
    CertifiedKey::from_der(chain, key, provider)
        .map(Arc::new)
        .map_err(|source| match source {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::Mismatch {
                certificate: config.certificate.clone(),
                private_key: config.private_key.clone(),
            },
            source => TlsError::Unusable {
                path: config.certificate.clone(),
                source,
            },
        })
}

fn server_config(
    resolver: Arc<Resolver>,
    provider: Arc<CryptoProvider>,
) -> Result<ServerConfig, Error> {
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
