//! How faults of SQLite become faults of the port. Nothing here decides what a fault means to a
//! client, and absence never comes this way.

use std::io;
use std::sync::Arc;

use registry_core::ports::MetadataError;
use thiserror::Error;

/// Primary result codes of SQLite (<https://www.sqlite.org/rescode.html>): the low byte of the
/// extended code.
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANNOT_OPEN: i32 = 14;
const NOT_A_DATABASE: i32 = 26;
/// The file that processes share beside the log could not grow: in practice, a full disk.
const IO_SHARED_MEMORY_SIZE: i32 = 4874;

/// What kind of fault an error of SQLite is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Unavailable,
    Full,
    Corrupt,
    NotADatabase,
    CannotOpen,
    Other,
}

impl Fault {
    /// The fault a job ended with.
    pub(crate) fn of_job(error: &MetadataError) -> Self {
        match error {
            MetadataError::Unavailable(_) | MetadataError::ReadOnly(_) => Self::Unavailable,
            MetadataError::Full(_) => Self::Full,
            MetadataError::Failed(_) => Self::Other,
        }
    }

    pub(crate) fn of(error: &rusqlite::Error) -> Self {
        match error.sqlite_error() {
            Some(cause) => Self::of_code(cause.extended_code),
            None => Self::Other,
        }
    }

    /// The same of what the migrations are run with.
    pub(crate) fn of_migration(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(cause) if cause.kind() == io::ErrorKind::StorageFull => Self::Full,
            sqlx::Error::Database(cause) => {
                let code = cause.code().and_then(|code| code.parse().ok());
                code.map_or(Self::Other, Self::of_code)
            }
            _ => Self::Other,
        }
    }

    fn of_code(code: i32) -> Self {
        if code == IO_SHARED_MEMORY_SIZE {
            return Self::Full;
        }
        match code & 0xff {
            BUSY | LOCKED => Self::Unavailable,
            FULL => Self::Full,
            CORRUPT => Self::Corrupt,
            CANNOT_OPEN => Self::CannotOpen,
            NOT_A_DATABASE => Self::NotADatabase,
            _ => Self::Other,
        }
    }
}

/// A fault of one statement.
pub(crate) fn failed(error: rusqlite::Error) -> MetadataError {
    let fault = Fault::of(&error);
    metadata_error(fault, Box::new(error))
}

/// A fault that ended every job of a batch.
#[derive(Debug, Clone, Error)]
#[error("{action}")]
pub(crate) struct BatchError {
    action: &'static str,
    fault: Fault,
    #[source]
    cause: Arc<rusqlite::Error>,
}

impl BatchError {
    pub(crate) fn new(action: &'static str, cause: rusqlite::Error) -> Self {
        Self {
            action,
            fault: Fault::of(&cause),
            cause: Arc::new(cause),
        }
    }

    /// The same, where another fault than `cause` itself is the reason.
    pub(crate) fn because_of(fault: Fault, action: &'static str, cause: rusqlite::Error) -> Self {
        Self {
            action,
            fault,
            cause: Arc::new(cause),
        }
    }
}

impl From<BatchError> for MetadataError {
    fn from(error: BatchError) -> Self {
        metadata_error(error.fault, Box::new(error))
    }
}

/// The writer takes no more jobs, or none in time.
#[derive(Debug, Clone, Copy, Error)]
pub(crate) enum WriterError {
    #[error("the writer of the database has ended")]
    Gone,
    #[error("the writer of the database is too far behind")]
    Behind,
    #[error("a job of the writer panicked")]
    Panicked,
    #[error("a job of the writer was never run")]
    NotRun,
}

impl From<WriterError> for MetadataError {
    fn from(error: WriterError) -> Self {
        match error {
            WriterError::Gone | WriterError::Behind => Self::Unavailable(Box::new(error)),
            WriterError::Panicked | WriterError::NotRun => Self::Failed(Box::new(error)),
        }
    }
}

/// The readers take no more look-ups, or none in time.
#[derive(Debug, Clone, Copy, Error)]
pub(crate) enum ReadersError {
    #[error("the readers of the database have ended")]
    Gone,
    #[error("the readers of the database are too far behind")]
    Busy,
}

impl From<ReadersError> for MetadataError {
    fn from(error: ReadersError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

/// The database holds something this engine did not put there.
#[derive(Debug, Error)]
#[error("column {column} of a row of the database is not what was written there")]
pub(crate) struct ForeignValue {
    pub(crate) column: usize,
    #[source]
    pub(crate) cause: Box<dyn std::error::Error + Send + Sync>,
}

impl From<ForeignValue> for MetadataError {
    fn from(error: ForeignValue) -> Self {
        Self::Failed(Box::new(error))
    }
}

fn metadata_error(fault: Fault, cause: Box<dyn std::error::Error + Send + Sync>) -> MetadataError {
    match fault {
        Fault::Unavailable => MetadataError::Unavailable(cause),
        Fault::Full => MetadataError::Full(cause),
        Fault::Corrupt | Fault::NotADatabase | Fault::CannotOpen | Fault::Other => {
            MetadataError::Failed(cause)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_low_byte_of_a_code_tells_the_fault() {
        let fault = Fault::of_code;
        assert_eq!(fault(5), Fault::Unavailable);
        assert_eq!(fault(517), Fault::Unavailable, "SQLITE_BUSY_SNAPSHOT");
        assert_eq!(fault(13), Fault::Full);
        assert_eq!(fault(4874), Fault::Full, "SQLITE_IOERR_SHMSIZE");
        assert_eq!(fault(26), Fault::NotADatabase);
        assert_eq!(fault(787), Fault::Other, "SQLITE_CONSTRAINT_FOREIGNKEY");
    }

    #[test]
    fn a_full_disk_is_full_while_migrating_too() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(Fault::of_migration(&sqlx::Error::Io(full)), Fault::Full);
    }
}
