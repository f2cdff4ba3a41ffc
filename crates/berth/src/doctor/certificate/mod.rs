//! The certificate that clients are shown: that it can be used, for how long, in which order its chain stands, and for
//! which names it is.
//!
//! What is read here is only reported. Whether a key fits is left to the server's own code, and nothing is trusted.

mod chain;
mod der;
mod pem;

use std::path::Path;

use http_server::{Certificates, TlsConfig, TlsError};
use registry_core::ports::Clock;
use tokio::time::timeout;

use self::chain::{Certificate, Moment};
use super::finding::Finding;
use super::patience::{PATIENCE, blocking};
use super::site::Site;
use crate::clock::SystemClock;
use crate::config::Configuration;

const DAY: i64 = 24 * 60 * 60;
/// Renewals are due by then.
const SOON: i64 = 14 * DAY;
const RENEW: &str = "renew it; a running registry takes the new files within tls.reload_interval, or at once on SIGHUP";

/// Looks at the certificate, if HTTPS is served.
pub(crate) async fn findings(configuration: &Configuration, site: &Site) -> Vec<Finding> {
    const CHECK: &str = "certificate";
    let tls = &configuration.tls;
    let (Some(certificate), Some(private_key)) = (&tls.certificate, &tls.private_key) else {
        return vec![Finding::ok(CHECK, "none: HTTPS, if any, is a proxy's")];
    };
    let config = TlsConfig {
        certificate: certificate.clone(),
        private_key: private_key.clone(),
        redirect_listen: None,
        reload_interval: tls.reload_interval.duration(),
    };
    match timeout(PATIENCE, Certificates::load(&config)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => return vec![Finding::error(CHECK, &error, advice(&error))],
        Err(_silence) => {
            return vec![Finding::fail(
                CHECK,
                format!("{} is not read within 5 s", certificate.display()),
                "look at the disk or the network file system it is on",
            )];
        }
    }
    let path = certificate.clone();
    let chain = blocking(move || read(&path)).await.flatten();
    let Some(chain) = chain.filter(|chain| !chain.is_empty()) else {
        return vec![Finding::warn(
            CHECK,
            format!(
                "{} cannot be understood, and is served as it is",
                certificate.display()
            ),
            "see with `openssl x509 -text` what it holds",
        )];
    };
    let mut findings = vec![Finding::ok(
        CHECK,
        format!(
            "{} can be used, and its key belongs to it",
            certificate.display()
        ),
    )];
    let now = SystemClock.now().0 / 1_000;
    findings.push(validity(&chain, now));
    findings.push(order(&chain));
    findings.push(names(&chain[0], site.host.as_deref()));
    findings
}

fn advice(error: &TlsError) -> &'static str {
    match error {
        TlsError::Read { .. } => "let this user read the file, or correct its path in tls",
        TlsError::NoCertificate { .. } | TlsError::Unusable { .. } => {
            "name a PEM file in tls.certificate that begins with the registry's own certificate"
        }
        TlsError::NoKey { .. } => {
            "name a PEM file in tls.private_key with an unencrypted private key"
        }
        TlsError::Mismatch { .. } => {
            "name two files of one pair; the registry's own certificate stands first in its file"
        }
    }
}

fn read(path: &Path) -> Option<Vec<Certificate>> {
    let text = std::fs::read_to_string(path).ok()?;
    let blocks = pem::blocks(&text, "CERTIFICATE")?;
    blocks.iter().map(|der| Certificate::parse(der)).collect()
}

/// When the first of the chain to end does so.
fn validity(chain: &[Certificate], now: i64) -> Finding {
    const CHECK: &str = "validity";
    if let Some(early) = chain.iter().find(|one| one.not_before.seconds > now) {
        return Finding::fail(
            CHECK,
            format!("it is valid from {} on only", early.not_before),
            "set the clock of this machine right, or wait",
        );
    }
    let ends: Option<&Moment> = chain
        .iter()
        .map(|one| &one.not_after)
        .min_by_key(|moment| moment.seconds);
    let Some(ends) = ends else {
        return Finding::warn(CHECK, "it does not say until when it is valid", RENEW);
    };
    let left = ends.seconds.saturating_sub(now);
    let days = left.div_euclid(DAY);
    if left <= 0 {
        Finding::fail(CHECK, format!("it has ended, on {ends}"), RENEW)
    } else if left < SOON {
        Finding::warn(CHECK, format!("it ends on {ends}, in {days} days"), RENEW)
    } else {
        Finding::ok(CHECK, format!("until {ends}, {days} days more"))
    }
}

/// Each is to be signed by the next.
fn order(chain: &[Certificate]) -> Finding {
    const CHECK: &str = "chain";
    let pairs = chain.iter().zip(chain.iter().skip(1));
    let wrong = pairs
        .enumerate()
        .find(|(_, (one, next))| one.issuer != next.subject);
    match (wrong, chain) {
        (Some((index, _)), _) => Finding::warn(
            CHECK,
            format!(
                "certificate {} of the file is not issued by the one after it: clients that do not sort them refuse it",
                index + 1
            ),
            "put the registry's own certificate first, and after each the one of its issuer",
        ),
        (None, [only]) if only.issuer == only.subject => Finding::ok(
            CHECK,
            "it is its own issuer: clients must be told to trust it",
        ),
        (None, [_only]) => Finding::ok(
            CHECK,
            "one certificate: right if clients trust its issuer itself, else its intermediates are missing",
        ),
        (None, _) => Finding::ok(CHECK, format!("{} certificates, in order", chain.len())),
    }
}

/// Clients accept it for the names in it only.
fn names(own: &Certificate, host: Option<&str>) -> Finding {
    const CHECK: &str = "names";
    let all = own.names();
    match host {
        None => Finding::ok(
            CHECK,
            format!("it is for {all}; external_url names no host to compare with"),
        ),
        Some(host) if own.covers(host) => Finding::ok(CHECK, format!("it is for {host}")),
        Some(host) => Finding::fail(
            CHECK,
            format!("it is for {all}, and not for {host}, by which clients know the registry"),
            "get one with that name (subjectAltName), or correct external_url",
        ),
    }
}

#[cfg(test)]
mod tests;
