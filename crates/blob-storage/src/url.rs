//! Where blobs are kept, as an operator writes it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

use crate::s3::{S3Url, S3UrlError};

/// A blob store and where it keeps its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageUrl {
    /// `file:DIR`: a directory on this machine, absolute or relative to where the process started.
    File(PathBuf),
    /// `s3://BUCKET/PREFIX?…`: a bucket on S3 or on a server that speaks its protocol.
    S3(Box<S3Url>),
}

/// Why a text is not a [`StorageUrl`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StorageUrlError {
    /// `file:` with nothing behind it.
    #[error("`file:` needs a directory behind it, such as file:/var/lib/berth/storage")]
    NoDirectory,
    /// `file://…`, which people read in two ways.
    #[error("write file:DIR without slashes before the path, such as file:/var/lib/berth/storage")]
    Slashes,
    /// A scheme of another store.
    #[error(
        "storage `{0}:` is not supported: use file:DIR, such as file:/var/lib/berth/storage, \
         or s3://BUCKET/PREFIX"
    )]
    UnknownScheme(String),
    /// A path, perhaps, but nothing that says what it is.
    #[error(
        "a storage URL is file:DIR, such as file:/var/lib/berth/storage, or s3://BUCKET/PREFIX"
    )]
    NoScheme,
    /// A bucket that cannot be, or a parameter.
    #[error(transparent)]
    S3(#[from] S3UrlError),
}

impl FromStr for StorageUrl {
    type Err = StorageUrlError;

    fn from_str(text: &str) -> Result<Self, StorageUrlError> {
        match text.split_once(':') {
            Some(("file", "")) => Err(StorageUrlError::NoDirectory),
            Some(("file", path)) if path.starts_with("//") => Err(StorageUrlError::Slashes),
            Some(("file", path)) => Ok(Self::File(path.into())),
            Some(("s3", _)) => Ok(Self::S3(Box::new(text.parse()?))),
            Some((scheme, _)) if is_scheme(scheme) => {
                Err(StorageUrlError::UnknownScheme(scheme.to_owned()))
            }
            _ => Err(StorageUrlError::NoScheme),
        }
    }
}

/// RFC 3986, section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

impl fmt::Display for StorageUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(directory) => write!(formatter, "file:{}", directory.display()),
            Self::S3(url) => url.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_round_trips() {
        for text in [
            "file:storage",
            "file:/var/lib/berth/storage",
            "file:../a b:c",
        ] {
            assert_eq!(text.parse::<StorageUrl>().unwrap().to_string(), text);
        }
        assert_eq!("file:/srv".parse(), Ok(StorageUrl::File("/srv".into())));
    }

    #[test]
    fn a_bucket_round_trips() {
        let text = "s3://bucket/prefix?endpoint=http://127.0.0.1:9000&region=eu-west-1";
        let url: StorageUrl = text.parse().unwrap();
        assert!(matches!(&url, StorageUrl::S3(s3) if s3.bucket == "bucket"));
        assert_eq!(url.to_string(), text);
        let error = "s3://".parse::<StorageUrl>().unwrap_err();
        assert_eq!(error, StorageUrlError::S3(S3UrlError::Bucket));
        assert!(error.to_string().contains("s3://BUCKET/PREFIX"), "{error}");
    }

    #[test]
    fn everything_else_is_refused_with_what_to_write() {
        use StorageUrlError::{NoDirectory, NoScheme, Slashes, UnknownScheme};
        let cases = [
            ("file:", NoDirectory),
            ("file:///srv", Slashes),
            ("file://srv", Slashes),
            ("gs://bucket", UnknownScheme("gs".to_owned())),
            ("FILE:/srv", UnknownScheme("FILE".to_owned())),
            ("/srv", NoScheme),
            ("/srv:x", NoScheme),
            ("", NoScheme),
        ];
        for (text, error) in cases {
            assert!(error.to_string().contains("file:/var/lib"), "{error}");
            assert_eq!(text.parse::<StorageUrl>(), Err(error), "{text:?}");
        }
    }
}
