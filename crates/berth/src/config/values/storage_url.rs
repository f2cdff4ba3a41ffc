//! Where blobs are kept, as the blob store itself reads it.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use blob_storage::StorageUrlError;
use schemars::Schema;

use super::{text_schema, text_value};

/// A blob store and where it keeps its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StorageUrl(pub(crate) blob_storage::StorageUrl);

impl StorageUrl {
    /// What it is when nobody says otherwise.
    pub(crate) fn inside(data_dir: &Path) -> Self {
        Self(blob_storage::StorageUrl::File(data_dir.join("storage")))
    }

    fn schema() -> Schema {
        text_schema(
            "storage-url",
            "^(file:.+|s3://.+)$",
            &[
                "file:/var/lib/berth/storage",
                "s3://registry/berth?endpoint=https://s3.example.com&region=eu-west-1",
            ],
        )
    }
}

text_value!(StorageUrl);

impl FromStr for StorageUrl {
    type Err = StorageUrlError;

    fn from_str(text: &str) -> Result<Self, StorageUrlError> {
        text.parse().map(Self)
    }
}

impl fmt::Display for StorageUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
