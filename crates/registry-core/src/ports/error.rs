//! How a metadata engine fails. Absence is never an error.

use thiserror::Error;

/// A fault of the metadata engine; the cause is for the log, never for a reply.
#[derive(Debug, Error)]
pub enum MetadataError {
    /// The engine could not be reached or was too busy; trying again may help.
    #[error("metadata store unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It answers, and takes no writes: it is being moved, or is read-only for another reason.
    #[error("metadata store takes no writes")]
    ReadOnly(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The disk or quota behind the engine is exhausted.
    #[error("metadata store out of space")]
    Full(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Anything else: corruption, a bug, a statement that failed.
    #[error("metadata store failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}
