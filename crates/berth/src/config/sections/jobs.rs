//! Work in the background.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::values::Span;

/// Work in the background: abandoned uploads are ended, and what nobody can reach any more is deleted from disk.
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
