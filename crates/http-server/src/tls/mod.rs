//! TLS by rustls, with the provider named and not left to whoever installs one first.

mod certificates;
mod error;
mod validity;

pub use certificates::{Certificates, Reload};
pub use error::TlsError;
