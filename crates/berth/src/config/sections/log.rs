//! What is written to standard error, and how.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Logs. They go to standard error; standard output only carries the greeting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct Log {
    /// How a line looks.
    pub(crate) format: LogFormat,
    /// The least serious messages that are written.
    pub(crate) level: LogLevel,
    /// One line for each request, when it has ended.
    pub(crate) access: AccessLog,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Auto,
            level: LogLevel::Info,
            access: AccessLog::On,
        }
    }
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum LogFormat {
    /// `human` on a terminal, `json` elsewhere
    Auto,
    /// for people
    Human,
    /// one JSON object a line
    Json,
}

/// How serious a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum LogLevel {
    /// something failed that should not
    Error,
    /// something needs attention soon
    Warn,
    /// what the server does
    Info,
    /// also what clients did wrong
    Debug,
    /// everything
    Trace,
}

/// Whether requests are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum AccessLog {
    // Templates write a bare `on` back as `true`.
    /// written
    #[serde(alias = "true")]
    On,
    /// not written
    #[serde(alias = "false")]
    Off,
}
