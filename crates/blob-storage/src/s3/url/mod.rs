//! `s3://BUCKET/PREFIX?…`: a bucket and how to talk to its server, as an operator writes it.
//!
//! No secret has a place here: credentials come from the standard chain of AWS. `Display` writes what
//! `FromStr` reads.

use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use thiserror::Error;

use super::parameter::{Checksums, Encryption, Parameter, Size};

/// The name of a bucket and of a prefix in it may have these, because no server, proxy or tool
/// treats them in its own way.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)
}

/// What would end a value, or be read as something else.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%').add(b'&').add(b'#').add(b'+').add(b' ');

/// A bucket, a prefix in it and how to talk to its server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Url {
    /// The bucket.
    pub bucket: String,
    /// What the key of every object begins with; without slashes at its ends, and possibly empty.
    pub prefix: String,
    /// Where the server is, if it is not the one of AWS in the region.
    pub endpoint: Option<String>,
    /// The same server as clients see it, for the URLs they are given.
    pub public_endpoint: Option<String>,
    /// The region; if it is not given, the environment says it.
    pub region: Option<String>,
    /// Whether the bucket stands in the path and not in the host name. Unless given it does on every
    /// server but that of AWS.
    pub path_style: Option<bool>,
    /// Whether all parts of an upload but the last must have one size (Cloudflare R2).
    pub uniform_parts: bool,
    /// Which checksums are sent along.
    pub checksum: Checksums,
    /// How objects are encrypted at rest, if not as the bucket says.
    pub encryption: Option<Encryption>,
    /// The size of the parts of an upload, to begin with.
    pub part_size: Option<Size>,
}

/// Why a text is not an [`S3Url`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum S3UrlError {
    /// Nothing, or something else, where the bucket should be.
    #[error(
        "`s3:` needs a bucket, whose name has letters, digits, `.`, `-` and `_` only: \
         s3://BUCKET/PREFIX"
    )]
    Bucket,
    /// A prefix that some server would not keep as it is.
    #[error(
        "the prefix behind the bucket may have letters, digits, `.`, `-` and `_`, \
         and single slashes between them: s3://BUCKET/PREFIX"
    )]
    Prefix,
    /// A parameter nobody knows.
    #[error("`{name}` is no parameter of s3://{}", hint(.nearest.as_deref()))]
    Unknown {
        /// As it was written.
        name: String,
        /// What may have been meant.
        nearest: Option<String>,
    },
    /// A parameter twice.
    #[error("`{0}` is given twice: name it once")]
    Twice(&'static str),
    /// A parameter with a value it cannot have.
    #[error("`{name}={value}`: {rule}")]
    Value {
        /// The parameter.
        name: &'static str,
        /// As it was written.
        value: String,
        /// What it may be.
        rule: &'static str,
    },
    /// An endpoint with a user or a password in it.
    #[error(
        "`{0}` must not carry credentials: give them in the environment, such as AWS_ACCESS_KEY_ID \
         and AWS_SECRET_ACCESS_KEY"
    )]
    Secret(&'static str),
    /// A key that nothing would use.
    #[error("`kms_key_id` is for sse=aws:kms only")]
    KeyWithoutKms,
}

fn hint(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!(": did you mean `{nearest}`?"),
        None => format!("; those are {}", Parameter::names().join(", ")),
    }
}

impl FromStr for S3Url {
    type Err = S3UrlError;

    fn from_str(text: &str) -> Result<Self, S3UrlError> {
        let rest = text.strip_prefix("s3://").ok_or(S3UrlError::Bucket)?;
        let (place, query) = match rest.split_once('?') {
            Some((place, query)) => (place, query),
            None => (rest, ""),
        };
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let mut url = Self::plain(bucket, prefix)?;
        let mut seen = Vec::new();
        let mut kms_key_id = None;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let parameter = Parameter::find(name)?;
            if seen.contains(&parameter) {
                return Err(S3UrlError::Twice(parameter.name()));
            }
            seen.push(parameter);
            let value = percent_decode_str(value).decode_utf8_lossy();
            url.set(parameter, &value, &mut kms_key_id)?;
        }
        url.set_key(kms_key_id)?;
        Ok(url)
    }
}

impl S3Url {
    /// A bucket and prefix of AWS, everything else as the environment says.
    pub fn plain(bucket: &str, prefix: &str) -> Result<Self, S3UrlError> {
        if bucket.is_empty() || !bucket.bytes().all(is_plain) {
            return Err(S3UrlError::Bucket);
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            prefix: checked_prefix(prefix)?,
            endpoint: None,
            public_endpoint: None,
            region: None,
            path_style: None,
            uniform_parts: false,
            checksum: Checksums::Auto,
            encryption: None,
            part_size: None,
        })
    }

    fn set(
        &mut self,
        parameter: Parameter,
        value: &str,
        kms_key_id: &mut Option<String>,
    ) -> Result<(), S3UrlError> {
        match parameter {
            Parameter::Endpoint => self.endpoint = Some(parameter.origin(value)?),
            Parameter::PublicEndpoint => self.public_endpoint = Some(parameter.origin(value)?),
            Parameter::Region => self.region = Some(parameter.word(value)?),
            Parameter::PathStyle => self.path_style = Some(parameter.flag(value)?),
            Parameter::UniformParts => self.uniform_parts = parameter.flag(value)?,
            Parameter::Checksum => self.checksum = parameter.checksums(value)?,
            Parameter::Sse => self.encryption = Some(parameter.encryption(value)?),
            Parameter::KmsKeyId => *kms_key_id = Some(parameter.word(value)?),
            Parameter::PartSize => self.part_size = Some(parameter.part_size(value)?),
        }
        Ok(())
    }

    fn set_key(&mut self, id: Option<String>) -> Result<(), S3UrlError> {
        match (&mut self.encryption, id) {
            (Some(Encryption::Kms(key)), id) => *key = id,
            (_, None) => {}
            (_, Some(_)) => return Err(S3UrlError::KeyWithoutKms),
        }
        Ok(())
    }

    /// Whether the bucket stands in the path; `named` tells whether a server is named, here or by the
    /// environment.
    pub(crate) fn uses_path_style(&self, named: bool) -> bool {
        self.path_style.unwrap_or(named)
    }

    fn parameters(&self) -> Vec<(Parameter, String)> {
        let flag = |set: bool| set.then(|| "true".to_owned());
        let (sse, key) = match &self.encryption {
            None => (None, None),
            Some(encryption) => (Some(encryption.to_string()), encryption.key().cloned()),
        };
        let all = [
            (Parameter::Endpoint, self.endpoint.clone()),
            (Parameter::PublicEndpoint, self.public_endpoint.clone()),
            (Parameter::Region, self.region.clone()),
            (
                Parameter::PathStyle,
                self.path_style.map(|style| style.to_string()),
            ),
            (Parameter::UniformParts, flag(self.uniform_parts)),
            (Parameter::Checksum, self.checksum.text()),
            (Parameter::Sse, sse),
            (Parameter::KmsKeyId, key),
            (
                Parameter::PartSize,
                self.part_size.map(|size| size.to_string()),
            ),
        ];
        let given = all.into_iter();
        given
            .filter_map(|(parameter, value)| Some((parameter, value?)))
            .collect()
    }
}

fn checked_prefix(prefix: &str) -> Result<String, S3UrlError> {
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    let sound = |segment: &str| {
        !segment.is_empty() && segment.bytes().all(is_plain) && ![".", ".."].contains(&segment)
    };
    if prefix.is_empty() || prefix.split('/').all(sound) {
        Ok(prefix.to_owned())
    } else {
        Err(S3UrlError::Prefix)
    }
}

impl fmt::Display for S3Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "s3://{}", self.bucket)?;
        if !self.prefix.is_empty() {
            write!(formatter, "/{}", self.prefix)?;
        }
        for (number, (parameter, value)) in self.parameters().into_iter().enumerate() {
            let separator = if number == 0 { '?' } else { '&' };
            let value = utf8_percent_encode(&value, ENCODED);
            write!(formatter, "{separator}{}={value}", parameter.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
