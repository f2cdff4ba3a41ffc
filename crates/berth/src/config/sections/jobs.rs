//! Work in the background.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::values::Span;

/// Work in the background: abandoned uploads are ended, and what they or repeated pushes of the same blob left is
/// deleted from disk. The space of blobs that were deleted, or that no manifest names, is not given back yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct Jobs {
    /// The pause between two rounds.
    pub(crate) interval: Span,
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            interval: Span::seconds(60),
        }
    }
}
