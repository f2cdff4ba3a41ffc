//! Judges the `urls` of descriptors, which clients may fetch: `http` and `https` only, and no
//! literal address inside the client's own network.
//!
//! Names are never resolved. What URL parsers read differently (user information, backslashes,
//! abbreviated IPv4 addresses, escaped or non-ASCII hosts) is refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

/// Why a URL is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UrlError {
    /// Neither `http:` nor `https:`.
    #[error("a URL of a descriptor must begin with `https://` or `http://`")]
    Scheme,
    /// No proper host, or characters that parsers disagree about.
    #[error(
        "a URL of a descriptor must have a plain host (a name in ASCII, four decimal numbers, or \
         an IPv6 address in brackets), no user and no blanks, control characters or backslashes"
    )]
    Malformed,
    /// A literal address in a network that is not public.
    #[error("a URL of a descriptor must not point at the address {0}, which is not public")]
    NotPublic(IpAddr),
}

/// Checks one URL.
pub(super) fn check(url: &str) -> Result<(), UrlError> {
    let (scheme, rest) = url.split_once(':').ok_or(UrlError::Scheme)?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(UrlError::Scheme);
    }
    let is_disputed = |byte: u8| byte <= b' ' || byte == b'\\' || byte == 0x7f;
    if rest.bytes().any(is_disputed) {
        return Err(UrlError::Malformed);
    }
    let rest = rest.strip_prefix("//").ok_or(UrlError::Malformed)?;
    let authority = rest
        .split(['/', '?', '#'])
        .next()
        .ok_or(UrlError::Malformed)?;
    match literal_address(authority)? {
        Some(address) if !is_public(address) => Err(UrlError::NotPublic(address)),
        Some(_) | None => Ok(()),
    }
}

/// The address an authority names literally; `None` if it is a host name.
fn literal_address(authority: &str) -> Result<Option<IpAddr>, UrlError> {
    if let Some(bracketed) = authority.strip_prefix('[') {
        let (host, port) = bracketed.split_once(']').ok_or(UrlError::Malformed)?;
        check_port(port)?;
        return host
            .parse()
            .map(|host| Some(IpAddr::V6(host)))
            .map_err(|_| UrlError::Malformed);
    }
    let port_at = authority.find(':').unwrap_or(authority.len());
    let (host, port) = authority.split_at(port_at);
    check_port(port)?;
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if host.is_empty() || !host.bytes().all(is_host) {
        return Err(UrlError::Malformed);
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or(host);
    // A host whose last label is a number is an IPv4 address to browsers and curl: `127.1`,
    // `0x7f000001`, `2130706433`. Only the usual form is let through.
    if last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with(['0']) {
        return host
            .parse()
            .map(|host| Some(IpAddr::V4(host)))
            .map_err(|_| UrlError::Malformed);
    }
    Ok(None)
}

/// Nothing, or a colon and a number.
fn check_port(port: &str) -> Result<(), UrlError> {
    let digits = if port.is_empty() {
        Some("")
    } else {
        port.strip_prefix(':')
    };
    match digits {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(()),
        Some(_) | None => Err(UrlError::Malformed),
    }
}

/// Whether an address lies outside loopback, private, shared, link-local and unspecified space.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match embedded_v4(address) {
            Some(embedded) => is_public_v4(embedded),
            None => !address.is_unicast_link_local() && !address.is_unique_local(),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let is_local = address.is_loopback() || address.is_private() || address.is_link_local();
    // 0.0.0.0/8 means "this host" (RFC 1122); 100.64.0.0/10 lies behind carriers' translators
    // and holds metadata services (RFC 6598).
    let is_reserved = matches!(address.octets(), [0, ..] | [100, 64..=127, ..]);
    !is_local && !is_reserved
}

/// The IPv4 address inside `::ffff:0:0/96`, `::/96` (with `::` and `::1`) and `64:ff9b::/96`.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{UrlError, check};

    #[test]
    fn lets_public_hosts_through() {
        for url in [
            "https://example.com/layer.tar.gz",
            "HTTP://example.com",
            "https://example.com:8443/a?b=c#d",
            "https://mcr.example.net./v2/x",
            "http://8.8.8.8/x",
            "http://8.8.8.8:/x",
            "http://[2606:4700::1111]:80/x",
            "https://localhost.example/x",
            "https://1.example.com/@/127.0.0.1",
            "https://172.32.0.1/",
        ] {
            assert_eq!(check(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn refuses_other_schemes() {
        for url in [
            "file:///etc/passwd",
            "ftp://example.com/x",
            "",
            "example.com/x",
            "data:,x",
        ] {
            assert_eq!(check(url), Err(UrlError::Scheme), "{url}");
        }
    }

    #[test]
    fn refuses_literal_addresses_that_are_not_public() {
        for host in [
            "127.0.0.1",
            "127.0.0.1.",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "0.1.2.3",
            "100.100.100.200",
            "[::]",
            "[::1]",
            "[fe80::1]",
            "[fd00::1]",
            "[fc00::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "[::127.0.0.1]",
            "[64:ff9b::10.0.0.1]",
        ] {
            for url in [format!("http://{host}"), format!("https://{host}:8080/x?y")] {
                assert!(matches!(check(&url), Err(UrlError::NotPublic(_))), "{url}");
            }
        }
    }

    #[test]
    fn refuses_what_parsers_read_differently() {
        for url in [
            "http:/example.com",
            "http:example.com",
            "http://",
            "http:///x",
            "http://:80/x",
            "http://user@example.com/",
            "http://a:b@127.0.0.1/",
            "http://example.com\\@127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0x7f.0.0.0x1/",
            "http://127.0.0.01/",
            "http://0177.0.0.1/",
            "http://1.2.3.4.5/",
            "http://1..2/",
            "http://%31%32%37.0.0.1/",
            "http://１２７.0.0.1/",
            "http://ex\tample.com/",
            "http://example.com/a b",
            "http://example.com/\n",
            "http://example.com/a\\b",
            "http://[::1",
            "http://[::1]x/",
            "http://[fe80::1%25eth0]/",
            "http://example.com:80:80/",
            "http://example.com:x/",
        ] {
            assert_eq!(check(url), Err(UrlError::Malformed), "{url}");
        }
    }
}
