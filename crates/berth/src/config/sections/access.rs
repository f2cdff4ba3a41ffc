//! The choices of the settings at the top level.

use registry_core::access::AnonymousAccess;
use registry_core::ports;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a client without credentials may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum Anonymous {
    /// nothing
    None,
    /// pull and list
    Pull,
    /// pull, push and delete
    Push,
}

impl From<Anonymous> for AnonymousAccess {
    fn from(anonymous: Anonymous) -> Self {
        match anonymous {
            Anonymous::None => Self::None,
            Anonymous::Pull => Self::Pull,
            Anonymous::Push => Self::Push,
        }
    }
}

/// What happens to a manifest that names layers which were not pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum MissingReferences {
    /// it is refused
    Refuse,
    /// it is stored, and its layers may come later or never
    Accept,
}

impl From<MissingReferences> for ports::MissingReferences {
    fn from(missing: MissingReferences) -> Self {
        match missing {
            MissingReferences::Refuse => Self::Refuse,
            MissingReferences::Accept => Self::Accept,
        }
    }
}

/// Whether this is the only pod on a shared database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(crate) enum SinglePod {
    /// there may be others: blobs must lie where all of them reach them
    #[serde(rename = "false")]
    No,
    /// there is no other, so blobs may lie in a directory of this machine
    #[serde(rename = "true")]
    Yes,
}
