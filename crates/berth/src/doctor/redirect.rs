//! Where clients are sent for blobs: whether they can go there.

use std::net::IpAddr;

use super::finding::Finding;
use super::site::{Site, host};
use crate::config::Redirect;

const CHECK: &str = "redirect";

/// Judges where the URL of each object leads.
pub(crate) fn findings(url: &str, redirect: Redirect, site: &Site) -> Vec<Finding> {
    let target = match redirect {
        Redirect::Off => {
            return vec![Finding::ok(CHECK, "off: all blobs go through the registry")];
        }
        Redirect::On => host(url),
    };
    let Some(target) = target else {
        return vec![Finding::warn(
            CHECK,
            format!("no host can be read in {url}, so all blobs go through the registry"),
            "name one in `public_endpoint` of the storage URL",
        )];
    };
    let concerns = [
        beneath(&target, site),
        private(&target, site),
        plain(url, site),
    ];
    let concerns: Vec<Finding> = concerns.into_iter().flatten().collect();
    if concerns.is_empty() {
        return vec![Finding::ok(
            CHECK,
            format!("clients fetch blobs from {url}"),
        )];
    }
    concerns
}

/// Go's client sends credentials along to the same host and to hosts below it, and S3 refuses a signed URL that comes
/// with them.
fn beneath(target: &str, site: &Site) -> Option<Finding> {
    let host = site.host.as_deref()?;
    let below = target
        .strip_suffix(host)
        .is_some_and(|above| above.is_empty() || above.ends_with('.'));
    below.then(|| {
        Finding::warn(
            CHECK,
            format!(
                "{target} is at or below the registry's own host {host}: clients that send credentials are served \
                 through the registry instead"
            ),
            "give the bucket a name elsewhere, with `public_endpoint` in the storage URL",
        )
    })
}

/// Clients that guard against being sent into a network of theirs.
fn private(target: &str, site: &Site) -> Option<Finding> {
    let ip: IpAddr = target.parse().ok()?;
    let own = site.host.as_deref() == Some(target);
    (is_private(ip.to_canonical()) && !own).then(|| {
        Finding::warn(
            CHECK,
            format!("{target} is a private address: crane and others refuse to be sent there, and machines elsewhere cannot reach it"),
            "name a host in `public_endpoint` of the storage URL, or set storage.redirect to off",
        )
    })
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified()
        }
        IpAddr::V6(ip) => {
            ip.is_loopback()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
                || ip.is_unspecified()
        }
    }
}

fn plain(url: &str, site: &Site) -> Option<Finding> {
    (site.https && url.starts_with("http:")).then(|| {
        Finding::warn(
            CHECK,
            format!("clients speak HTTPS to the registry and are sent to {url}, which is plain HTTP: some refuse that"),
            "let the bucket be reached by HTTPS, with `public_endpoint=https://…` in the storage URL",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Status;

    fn concerns(url: &str, host: Option<&str>, https: bool) -> usize {
        let site = Site {
            https,
            host: host.map(str::to_owned),
            public: true,
        };
        let findings = findings(url, Redirect::On, &site);
        let warned = |finding: &&Finding| finding.status == Status::Warn;
        findings.iter().filter(warned).count()
    }

    #[test]
    fn a_host_at_or_below_the_registrys_own_is_a_concern() {
        let registry = Some("example.com");
        for (url, expected) in [
            ("https://example.com:9000/bucket/", 1),
            ("https://bucket.s3.example.com/", 1),
            ("https://s3-example.com/bucket/", 0),
            ("https://s3.example.net/bucket/", 0),
        ] {
            assert_eq!(concerns(url, registry, true), expected, "{url}");
        }
        let registry = Some("registry.example.com");
        assert_eq!(concerns("https://s3.example.com/b/", registry, true), 0);
    }

    #[test]
    fn an_address_of_a_private_network_is_a_concern() {
        for (url, expected) in [
            ("http://127.0.0.1:9000/bucket/", 1),
            ("http://10.0.0.1:9000/bucket/", 1),
            ("http://[fd00::1]:9000/bucket/", 1),
            ("http://[::ffff:10.0.0.1]:9000/bucket/", 1),
            ("http://192.0.2.1:9000/bucket/", 0),
            ("http://localhost:9000/bucket/", 0),
        ] {
            assert_eq!(concerns(url, None, false), expected, "{url}");
        }
        // The same host is followed, and is the other concern.
        assert_eq!(
            concerns("http://10.0.0.1:9000/b/", Some("10.0.0.1"), false),
            1
        );
    }

    #[test]
    fn plain_http_behind_https_is_a_concern() {
        assert_eq!(concerns("http://s3.example.net/b/", None, true), 1);
        assert_eq!(concerns("http://s3.example.net/b/", None, false), 0);
    }

    #[test]
    fn nobody_is_sent_anywhere_when_it_is_off() {
        let site = Site {
            https: true,
            host: None,
            public: true,
        };
        let findings = findings("http://127.0.0.1/", Redirect::Off, &site);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].status, Status::Ok);
    }
}
