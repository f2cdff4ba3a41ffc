//! How long unfinished and unused things stay.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::values::Span;

/// How long unfinished and unused things stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct Uploads {
    /// An upload session that nobody touches is given up after this long.
    pub(crate) idle_timeout: Span,
    /// A request that writes to an upload session, and is no longer heard of, holds it for this long.
    pub(crate) lease: Span,
    /// A finished session still answers a repeated request for this long.
    pub(crate) finished_lifetime: Span,
    /// A blob that no manifest names may be taken out of its repository after this long. Nothing does so yet.
    pub(crate) unreferenced_lifetime: Span,
    /// A client that was told a blob is there has at least this long to push the manifest that names it.
    pub(crate) unreferenced_promise: Span,
    /// What nobody can reach any more stays on disk for this long, so that late readers and writers can end.
    /// A deletion that fails is tried again after as long.
    pub(crate) deletion_delay: Span,
}

impl Default for Uploads {
    fn default() -> Self {
        Self {
            idle_timeout: Span::hours(24),
            lease: Span::seconds(10),
            finished_lifetime: Span::hours(1),
            unreferenced_lifetime: Span::days(7),
            unreferenced_promise: Span::hours(2),
            deletion_delay: Span::hours(1),
        }
    }
}
