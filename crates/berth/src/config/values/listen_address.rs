//! The address of a listener: an IP address and a port. Names are not resolved, because a name
//! can mean another address tomorrow, and whether it is this machine only must be certain.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use schemars::Schema;

use super::{Expected, text_schema, text_value};

/// Where a listener listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListenAddress(SocketAddr);

impl ListenAddress {
    /// A port of this machine, not reachable from others.
    pub(crate) const fn loopback(port: u16) -> Self {
        Self(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
    }

    pub(crate) const fn socket(self) -> SocketAddr {
        self.0
    }

    fn schema() -> Schema {
        text_schema(
            "address",
            r"^(\[[0-9A-Fa-f:.]+\]|[0-9.]+):[0-9]{1,5}$",
            &["127.0.0.1:5000", "[::]:5000"],
        )
    }
}

text_value!(ListenAddress);

impl FromStr for ListenAddress {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        let expected =
            "an IP address and a port, such as 127.0.0.1:5000, 0.0.0.0:5000 or [::1]:5000";
        text.parse().map(Self).map_err(|_| Expected(expected))
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Whether only this machine can reach an address.
pub(crate) fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for text in ["127.0.0.1:5000", "0.0.0.0:0", "[::1]:5000", "[::]:65535"] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "5000",
            ":5000",
            "localhost:5000",
            "127.0.0.1",
            "127.0.0.1:65536",
            "::1:5000",
        ] {
            assert!(text.parse::<ListenAddress>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn loopback_is_told_from_the_rest() {
        for (text, expected) in [
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("0.0.0.0", false),
            ("::", false),
            ("192.168.1.1", false),
        ] {
            assert_eq!(is_loopback(text.parse().unwrap()), expected, "{text}");
        }
    }
}
