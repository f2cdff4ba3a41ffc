//! Where names, tags and manifests are kept.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use schemars::Schema;

use super::{Expected, PostgresUrl, text_schema, text_value};

/// A metadata engine and where it keeps its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MetadataUrl {
    /// `sqlite:PATH`: a file on this machine.
    Sqlite(PathBuf),
    /// `postgres://…`: a database that any number of pods share.
    Postgres(PostgresUrl),
}

impl MetadataUrl {
    /// What it is when nobody says otherwise.
    pub(crate) fn inside(data_dir: &Path) -> Self {
        Self::Sqlite(data_dir.join("metadata.db"))
    }

    fn schema() -> Schema {
        text_schema(
            "metadata-url",
            "^(sqlite:.+|postgres(ql)?://.+)$",
            &[
                "sqlite:/var/lib/berth/metadata.db",
                "postgres://berth@db.example.com/berth?sslmode=verify-full",
            ],
        )
    }
}

text_value!(MetadataUrl);

impl FromStr for MetadataUrl {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        if let Ok(url) = text.parse() {
            return Ok(Self::Postgres(url));
        }
        match text.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() && !path.starts_with("//") => {
                Ok(Self::Sqlite(path.into()))
            }
            _ => Err(Expected(
                "sqlite:PATH, such as sqlite:/var/lib/berth/metadata.db, or \
                 postgres://USER@HOST/DATABASE",
            )),
        }
    }
}

impl fmt::Display for MetadataUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(formatter, "sqlite:{}", path.display()),
            Self::Postgres(url) => url.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_with_a_path_and_postgres_with_a_host_are_known() {
        for text in [
            "sqlite:metadata.db",
            "sqlite:/var/lib/berth/metadata.db",
            "postgres://berth@db/berth",
        ] {
            assert_eq!(text.parse::<MetadataUrl>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "sqlite:",
            "sqlite",
            "/var/lib/berth",
            "sqlite://metadata.db",
            "mysql:x",
            "postgres:",
        ] {
            assert!(text.parse::<MetadataUrl>().is_err(), "{text:?}");
        }
    }
}
