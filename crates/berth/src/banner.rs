//! What a person sees when the registry has started: where it listens, what to paste, who can get in. The last line
//! is for scripts that wait for it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::config::{Anonymous, Effective, is_loopback, redacted};
use crate::version::VERSION;

/// How the registry is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl fmt::Display for Scheme {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

/// The greeting. Displayed, it ends with the line `ready registry=URL admin=URL`.
#[derive(Debug, Clone)]
pub(crate) struct Banner {
    scheme: Scheme,
    registry: SocketAddr,
    admin: SocketAddr,
    redirect: Option<SocketAddr>,
    host: String,
    url: String,
    anonymous: Anonymous,
    data: Vec<(&'static str, String)>,
}

impl Banner {
    /// The greeting of a registry that listens on these addresses.
    pub(crate) fn new(
        effective: &Effective,
        scheme: Scheme,
        registry: SocketAddr,
        admin: SocketAddr,
    ) -> Self {
        let anonymous = effective.anonymous();
        let host = host(effective, registry);
        let external = effective.configuration().external_url.as_ref();
        Self {
            scheme,
            registry,
            admin,
            redirect: None,
            url: external.map_or_else(|| format!("{scheme}://{host}"), ToString::to_string),
            host,
            anonymous,
            data: data(effective),
        }
    }

    /// Also names the listener that sends clients to HTTPS.
    #[must_use]
    pub(crate) fn with_redirect(mut self, redirect: Option<SocketAddr>) -> Self {
        self.redirect = redirect;
        self
    }

    /// What clients call the registry, as in `localhost:5000`.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The URL under which they reach it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Who can do what, as a sentence.
    fn access(&self) -> &'static str {
        match (is_loopback(self.registry.ip()), self.anonymous) {
            (true, Anonymous::Push) => {
                "open to this machine only: anyone on it can pull, push and delete"
            }
            (true, Anonymous::Pull) => {
                "open to this machine only: anyone on it can pull, nobody can push"
            }
            (false, Anonymous::Push) => {
                "open: anyone who reaches this address can pull, push and delete"
            }
            (false, Anonymous::Pull) => {
                "open for pulling to anyone who reaches this address; nobody can push"
            }
            (_, Anonymous::None) => {
                "closed: nobody can pull or push until authentication is configured"
            }
        }
    }

    fn write_lines_to_paste(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = &self.host;
        match self.anonymous {
            Anonymous::None => return Ok(()),
            Anonymous::Pull => {}
            Anonymous::Push => {
                writeln!(formatter, "Push an image:\n")?;
                writeln!(formatter, "  docker pull hello-world")?;
                writeln!(formatter, "  docker tag hello-world {host}/hello-world")?;
                writeln!(formatter, "  docker push {host}/hello-world\n")?;
            }
        }
        writeln!(formatter, "Pull it, and see what is here:\n")?;
        writeln!(formatter, "  docker pull {host}/hello-world")?;
        writeln!(formatter, "  curl {}/v2/_catalog\n", self.url)
    }
}

impl fmt::Display for Banner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            scheme,
            registry,
            admin,
            ..
        } = self;
        writeln!(formatter, "\nBerth {VERSION}\n")?;
        writeln!(formatter, "  Registry  {scheme}://{registry}")?;
        writeln!(formatter, "  Admin     http://{admin}  (/readyz, /metrics)")?;
        if let Some(redirect) = self.redirect {
            writeln!(
                formatter,
                "  Redirect  http://{redirect}  (sends clients to HTTPS)"
            )?;
        }
        for (name, place) in &self.data {
            writeln!(formatter, "  {name:<9} {place}")?;
        }
        writeln!(formatter, "  Access    {}\n", self.access())?;
        self.write_lines_to_paste(formatter)?;
        writeln!(
            formatter,
            "ready registry={scheme}://{registry} admin=http://{admin}"
        )
    }
}

/// What clients call the registry. docker speaks plain HTTP to `localhost` and to no name of another kind.
fn host(effective: &Effective, address: SocketAddr) -> String {
    if let Some(url) = &effective.configuration().external_url {
        return url.host().to_owned();
    }
    let local = match address.ip() {
        IpAddr::V4(ip) => ip == Ipv4Addr::LOCALHOST || ip.is_unspecified(),
        IpAddr::V6(ip) => ip == Ipv6Addr::LOCALHOST || ip.is_unspecified(),
    };
    if local {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    }
}

/// Where things are kept: in one line when it is one directory.
fn data(effective: &Effective) -> Vec<(&'static str, String)> {
    let configuration = effective.configuration();
    if configuration.metadata.url.is_none() && configuration.storage.url.is_none() {
        return vec![(
            "Data",
            absolute(&configuration.data_dir).display().to_string(),
        )];
    }
    vec![
        ("Metadata", redacted(&effective.metadata_url().to_string())),
        ("Blobs", redacted(&effective.storage_url().to_string())),
    ]
}

/// Where a path is, seen from everywhere.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path)
        .unwrap_or_else(|_| path.to_owned())
        .components()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    fn banner(options: &[(&'static str, &str)], scheme: Scheme) -> String {
        let options = options
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        let effective = load(&Sources {
            options,
            ..Sources::default()
        })
        .unwrap();
        let address = effective.configuration().listen.socket();
        Banner::new(
            &effective,
            scheme,
            address,
            "127.0.0.1:5001".parse().unwrap(),
        )
        .to_string()
    }

    #[test]
    fn the_default_greeting() {
        let expected = format!(
            "
Berth {VERSION}

  Registry  http://127.0.0.1:5000
  Admin     http://127.0.0.1:5001  (/readyz, /metrics)
  Data      /srv/berth
  Access    open to this machine only: anyone on it can pull, push and delete

Push an image:

  docker pull hello-world
  docker tag hello-world localhost:5000/hello-world
  docker push localhost:5000/hello-world

Pull it, and see what is here:

  docker pull localhost:5000/hello-world
  curl http://localhost:5000/v2/_catalog

ready registry=http://127.0.0.1:5000 admin=http://127.0.0.1:5001
"
        );
        assert_eq!(
            banner(&[("--data-dir", "/srv/berth/./")], Scheme::Http),
            expected
        );
    }

    #[test]
    fn a_public_registry_for_pulling() {
        let options = [
            ("--listen", "0.0.0.0:443"),
            ("--anonymous", "pull"),
            ("--external-url", "https://registry.example.com"),
            ("--storage-url", "file:/blobs"),
        ];
        let banner = banner(&options, Scheme::Https);
        assert!(!banner.contains("docker push"), "{banner}");
        for line in [
            "  Registry  https://0.0.0.0:443\n",
            "  Metadata  sqlite:./berth-data/metadata.db\n  Blobs     file:/blobs\n",
            "  Access    open for pulling to anyone who reaches this address; nobody can push\n",
            "  docker pull registry.example.com/hello-world\n  curl https://registry.example.com/v2/_catalog\n",
        ] {
            assert!(banner.contains(line), "{line} is missing in {banner}");
        }
        assert!(
            banner.ends_with("\nready registry=https://0.0.0.0:443 admin=http://127.0.0.1:5001\n"),
            "{banner}"
        );
    }

    #[test]
    fn a_closed_registry_says_so() {
        let banner = banner(&[("--anonymous", "none")], Scheme::Http);
        assert!(
            banner.contains("closed: nobody can pull or push until authentication is configured\n"),
            "{banner}"
        );
        assert!(!banner.contains("docker"), "{banner}");
    }

    #[test]
    fn clients_are_told_a_name_they_reach() {
        for (listen, host) in [
            ("127.0.0.1:5000", "localhost:5000"),
            ("[::1]:5000", "localhost:5000"),
            ("127.0.0.2:5000", "127.0.0.2:5000"),
            ("0.0.0.0:80", "localhost:80"),
            ("10.1.2.3:5000", "10.1.2.3:5000"),
        ] {
            let banner = banner(
                &[("--listen", listen), ("--anonymous", "push")],
                Scheme::Http,
            );
            assert!(
                banner.contains(&format!("docker push {host}/hello-world\n")),
                "{listen}: {banner}"
            );
        }
    }
}
