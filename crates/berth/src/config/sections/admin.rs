//! Probes and metrics, on a listener of their own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::values::ListenAddress;

/// Probes and metrics. They have a listener of their own, so that the registry can be public while they are not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct Admin {
    /// Address of `/livez`, `/readyz`, `/startupz` and `/metrics`. They tell nothing of what is stored; other
    /// machines may reach them, as probes in a cluster must.
    pub(crate) listen: ListenAddress,
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            listen: ListenAddress::loopback(5001),
        }
    }
}
