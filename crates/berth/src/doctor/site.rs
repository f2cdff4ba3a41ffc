//! The registry as its clients see it: by which scheme, under which host, from where.

use std::net::IpAddr;

use http::Uri;

use crate::config::{Effective, is_loopback};

/// What clients see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Site {
    /// Whether they speak HTTPS, to the registry itself or to a proxy before it.
    pub(crate) https: bool,
    /// The host, without its port; nothing when it is known to this machine only.
    pub(crate) host: Option<String>,
    /// Whether other machines can reach it.
    pub(crate) public: bool,
}

impl Site {
    pub(crate) fn of(effective: &Effective) -> Self {
        let configuration = effective.configuration();
        let listens_on = configuration.listen.socket().ip();
        match &configuration.external_url {
            Some(url) => {
                let url = url.to_string();
                let host = host(&url);
                let local = host.as_deref().is_some_and(is_local);
                Self {
                    https: url.starts_with("https:"),
                    host: host.filter(|_| !local),
                    public: !local || !is_loopback(listens_on),
                }
            }
            None => Self {
                https: configuration.tls.certificate.is_some(),
                host: Some(listens_on)
                    .filter(|ip| !is_loopback(*ip) && !ip.is_unspecified())
                    .map(|ip| ip.to_string()),
                public: !is_loopback(listens_on),
            },
        }
    }
}

/// The host of a URL, without its port, and an IPv6 address without brackets.
pub(crate) fn host(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    Some(host.to_ascii_lowercase())
}

/// Whether a host is this machine, whoever asks.
fn is_local(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(is_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    fn site(options: &[(&'static str, &str)]) -> (bool, Option<String>, bool) {
        let options = options
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        let sources = Sources {
            options,
            ..Sources::default()
        };
        let Site {
            https,
            host,
            public,
        } = Site::of(&load(&sources).unwrap());
        (https, host, public)
    }

    #[test]
    fn what_clients_see_is_told_by_the_external_url_or_else_by_the_address() {
        let public = ("--anonymous", "pull");
        let host = |text: &str| Some(text.to_owned());
        assert_eq!(site(&[]), (false, None, false));
        assert_eq!(
            site(&[("--listen", "10.0.0.1:5000"), public]),
            (false, host("10.0.0.1"), true)
        );
        assert_eq!(
            site(&[("--listen", "0.0.0.0:5000"), public]),
            (false, None, true)
        );
        assert_eq!(
            site(&[("--external-url", "https://Registry.example.com:8443")]),
            (true, host("registry.example.com"), true)
        );
        assert_eq!(
            site(&[("--external-url", "http://localhost:5000")]),
            (false, None, false)
        );
    }

    #[test]
    fn hosts_are_read_without_ports_and_brackets() {
        for (url, expected) in [
            ("http://[2001:db8::1]:9000/bucket/", "2001:db8::1"),
            ("https://bucket.S3.example.com/", "bucket.s3.example.com"),
        ] {
            assert_eq!(host(url).as_deref(), Some(expected));
        }
    }
}
