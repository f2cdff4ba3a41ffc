//! Why a certificate cannot be used, in sentences for whoever configured it.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Why a certificate cannot be used.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The certificate file is not PEM, or holds no certificate.
    #[error("{} holds no certificate in PEM form", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        source: rustls::pki_types::pem::Error,
    },
    /// The key file is not PEM, or holds no private key.
    #[error("{} holds no unencrypted private key in PEM form", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        source: rustls::pki_types::pem::Error,
    },
    /// Certificate and key belong to different pairs.
    #[error(
        "the private key in {} does not belong to the certificate in {}",
        private_key.display(),
        certificate.display()
    )]
    Mismatch {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        private_key: PathBuf,
    },
    /// Certificate or key are of a kind that is not supported, or damaged.
    #[error("use the certificate in {}", path.display())]
    Unusable {
        /// The certificate file.
        path: PathBuf,
        /// What rustls said.
        source: rustls::Error,
    },
}
