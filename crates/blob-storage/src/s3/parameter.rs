//! The parameters of an S3 URL: their names, and what their values may be.

use std::fmt;

use super::url::S3UrlError;

const MIB: u64 = 1024 * 1024;
/// Smaller parts are refused by S3, unless they are the last.
pub(crate) const SMALLEST_PART: u64 = 5 * MIB;
/// Larger parts are refused by S3.
pub(crate) const LARGEST_PART: u64 = 5 * 1024 * MIB;

/// Which checksums are sent along with what is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Checksums {
    /// On AWS, and where there is no TLS, all that is supported; elsewhere those that the protocol demands.
    #[default]
    Auto,
    /// Those that the protocol demands, for servers that refuse others.
    Required,
    /// A checksum with every object and part, which the server verifies.
    Supported,
}

impl Checksums {
    /// As it stands in a URL; nothing for what goes without saying.
    pub(super) fn text(self) -> Option<String> {
        match self {
            Self::Auto => None,
            Self::Required => Some("required".to_owned()),
            Self::Supported => Some("supported".to_owned()),
        }
    }
}

/// How the server encrypts objects at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// With keys of S3.
    Aes256,
    /// With the key of this id in the key management service, or its default.
    Kms(Option<String>),
}

impl Encryption {
    pub(super) fn key(&self) -> Option<&String> {
        match self {
            Self::Aes256 => None,
            Self::Kms(key) => key.as_ref(),
        }
    }
}

impl fmt::Display for Encryption {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Aes256 => "AES256",
            Self::Kms(_) => "aws:kms",
        })
    }
}

/// A number of bytes, written with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

const UNITS: [(&str, u64); 4] = [("GiB", 1024 * MIB), ("MiB", MIB), ("KiB", 1024), ("B", 1)];

impl Size {
    fn parse(text: &str) -> Option<Self> {
        let (unit, bytes) = UNITS.into_iter().find(|(unit, _)| text.ends_with(unit))?;
        let number = text.strip_suffix(unit)?;
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number: u64 = digits.then(|| number.parse().ok()).flatten()?;
        number.checked_mul(bytes).map(Self)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = |(_, bytes): &(&str, u64)| self.0.is_multiple_of(*bytes);
        let (unit, bytes) = UNITS.into_iter().find(exact).unwrap_or(("B", 1));
        write!(formatter, "{}{unit}", self.0 / bytes)
    }
}

/// A parameter of an S3 URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parameter {
    Endpoint,
    PublicEndpoint,
    Region,
    PathStyle,
    UniformParts,
    Checksum,
    Sse,
    KmsKeyId,
    PartSize,
}

impl Parameter {
    const ALL: [Self; 9] = [
        Self::Endpoint,
        Self::PublicEndpoint,
        Self::Region,
        Self::PathStyle,
        Self::UniformParts,
        Self::Checksum,
        Self::Sse,
        Self::KmsKeyId,
        Self::PartSize,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint",
            Self::PublicEndpoint => "public_endpoint",
            Self::Region => "region",
            Self::PathStyle => "path_style",
            Self::UniformParts => "uniform_parts",
            Self::Checksum => "checksum",
            Self::Sse => "sse",
            Self::KmsKeyId => "kms_key_id",
            Self::PartSize => "part_size",
        }
    }

    pub(super) fn names() -> [&'static str; 9] {
        Self::ALL.map(Self::name)
    }

    pub(super) fn find(name: &str) -> Result<Self, S3UrlError> {
        let known = Self::ALL.into_iter().find(|known| known.name() == name);
        known.ok_or_else(|| S3UrlError::Unknown {
            name: name.to_owned(),
            nearest: nearest(name).map(str::to_owned),
        })
    }

    /// A scheme, a host and perhaps a port.
    pub(super) fn origin(self, value: &str) -> Result<String, S3UrlError> {
        let refused = || {
            self.refuse(
                value,
                "write http://HOST:PORT or https://HOST, without a path",
            )
        };
        // First of all: every other refusal repeats what was written.
        if value.contains('@') {
            return Err(S3UrlError::Secret(self.name()));
        }
        let (scheme, authority) = value.split_once("://").ok_or_else(refused)?;
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:[]".contains(&byte);
        if !["http", "https"].contains(&scheme)
            || authority.is_empty()
            || !authority.bytes().all(sound)
        {
            return Err(refused());
        }
        // As clients write it into `Host`, which is signed.
        let known = if scheme == "https" { ":443" } else { ":80" };
        let authority = authority.strip_suffix(known).unwrap_or(authority);
        if authority.is_empty() {
            return Err(refused());
        }
        Ok(format!("{scheme}://{}", authority.to_ascii_lowercase()))
    }

    pub(super) fn word(self, value: &str) -> Result<String, S3UrlError> {
        if value.is_empty() || value.chars().any(char::is_control) {
            return Err(self.refuse(value, "it must not be empty"));
        }
        Ok(value.to_owned())
    }

    pub(super) fn flag(self, value: &str) -> Result<bool, S3UrlError> {
        value
            .parse()
            .map_err(|_| self.refuse(value, "it is `true` or `false`"))
    }

    pub(super) fn checksums(self, value: &str) -> Result<Checksums, S3UrlError> {
        match value {
            "auto" => Ok(Checksums::Auto),
            "required" => Ok(Checksums::Required),
            "supported" => Ok(Checksums::Supported),
            _ => Err(self.refuse(value, "it is `auto`, `required` or `supported`")),
        }
    }

    pub(super) fn encryption(self, value: &str) -> Result<Encryption, S3UrlError> {
        match value {
            "AES256" => Ok(Encryption::Aes256),
            "aws:kms" => Ok(Encryption::Kms(None)),
            _ => Err(self.refuse(value, "it is `AES256` or `aws:kms`")),
        }
    }

    pub(super) fn part_size(self, value: &str) -> Result<Size, S3UrlError> {
        Size::parse(value)
            .filter(|size| (SMALLEST_PART..=LARGEST_PART).contains(&size.0))
            .ok_or_else(|| self.refuse(value, "it is a size from 5MiB to 5GiB, such as 8MiB"))
    }

    fn refuse(self, value: &str, rule: &'static str) -> S3UrlError {
        S3UrlError::Value {
            name: self.name(),
            value: value.to_owned(),
            rule,
        }
    }
}

/// The parameter that a word is most likely a slip of, if any comes near.
fn nearest(word: &str) -> Option<&'static str> {
    const NEAR: f64 = 0.8;
    Parameter::names()
        .into_iter()
        .map(|name| (strsim::jaro_winkler(word, name), name))
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .filter(|(similarity, _)| *similarity >= NEAR)
        .map(|(_, name)| name)
}
