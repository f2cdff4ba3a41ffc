//! Where blobs are kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::values::StorageUrl;

/// Where blobs are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct Storage {
    /// The blob store: `file:DIR`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "StorageUrl", extend("x-default" = "file:<data_dir>/storage"))]
    pub(crate) url: Option<StorageUrl>,
}
