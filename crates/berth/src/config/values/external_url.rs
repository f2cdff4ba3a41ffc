//! The URL under which clients reach the registry, when that is not the address it listens on.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use schemars::Schema;

use super::{Expected, text_schema, text_value};

/// `http://HOST[:PORT]` or `https://HOST[:PORT]`; written without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExternalUrl {
    scheme: &'static str,
    host: String,
}

impl ExternalUrl {
    /// Host and port, as they stand in the name of an image.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    fn schema() -> Schema {
        text_schema(
            "url",
            "^https?://[^/?#@]+/?$",
            &["https://registry.example.com"],
        )
    }
}

text_value!(ExternalUrl);

impl FromStr for ExternalUrl {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        parse(text).ok_or(Expected(
            "http:// or https:// with a host, a port if it is not the usual one, and no path: \
             the names of images start with the host, so there is no room for a path",
        ))
    }
}

fn parse(text: &str) -> Option<ExternalUrl> {
    let uri: Uri = text.parse().ok()?;
    let scheme = match uri.scheme_str()? {
        "http" => "http",
        "https" => "https",
        _ => return None,
    };
    let authority = uri.authority()?;
    let bare = uri.path() == "/" && uri.query().is_none() && !text.contains('#');
    let valid = bare && !authority.host().is_empty() && !authority.as_str().contains('@');
    valid.then(|| ExternalUrl {
        scheme,
        host: authority.as_str().to_ascii_lowercase(),
    })
}

impl fmt::Display for ExternalUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.scheme, self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read() {
        for (text, host) in [
            ("https://registry.example.com", "registry.example.com"),
            ("http://10.0.0.1:5000/", "10.0.0.1:5000"),
            (
                "https://Registry.Example.com:8443",
                "registry.example.com:8443",
            ),
        ] {
            assert_eq!(text.parse::<ExternalUrl>().unwrap().host(), host);
        }
        for text in [
            "",
            "registry.example.com",
            "ftp://a",
            "https://",
            "https://a/registry",
            "https://a/?x",
            "https://a/#x",
            "https://user@a",
        ] {
            assert!(text.parse::<ExternalUrl>().is_err(), "{text:?}");
        }
    }
}
