//! How faults of PostgreSQL become faults of the port. Nothing here decides what a fault means to a
//! client, and absence never comes this way.

use std::borrow::Cow;
use std::time::Duration;

use registry_core::ports::MetadataError;
use thiserror::Error;

/// What kind of fault an error is (<https://www.postgresql.org/docs/15/errcodes-appendix.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection is of no use any more; another may be.
    Broken,
    /// There is none to be had, or the database is too busy.
    Unavailable,
    /// The database takes no writes, and the connection is of no use for them: another may lead to where they are
    /// taken.
    ReadOnly,
    /// The disk of the database is full.
    Full,
    /// Other writes stood in the way, or changed what this one relied on: it did nothing, and can
    /// be tried again.
    Conflict,
    /// Anything else.
    Other,
}

impl Fault {
    pub(crate) fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
                Self::Broken
            }
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Tls(_) => {
                Self::Unavailable
            }
            sqlx::Error::Database(cause) => cause
                .code()
                .map_or(Self::Other, |code| Self::of_code(&code)),
            _ => Self::Other,
        }
    }

    fn of_code(code: &str) -> Self {
        match code {
            // Ended by an administrator, a crash, an idle timeout; or the server is just starting. What
            // was prepared on this connection is gone, or the schema was changed under it. This process
            // stood still in the middle of a transaction.
            "57P01" | "57P02" | "57P03" | "57P05" | "26000" | "0A000" | "25P03" | "25P04" => {
                Self::Broken
            }
            // It has become a standby, and another is the primary now; or it is being moved.
            "25006" => Self::ReadOnly,
            // A time-out of the statement or of a lock; no connection, no memory.
            "57014" | "55P03" | "53300" | "53200" => Self::Unavailable,
            "53100" => Self::Full,
            // Could not be serialised; a deadlock; a reference to what went away meanwhile.
            "40001" | "40P01" | "23503" => Self::Conflict,
            // A connection that failed, or one that was refused: a password may be about to change.
            code if code.starts_with("08") => Self::Broken,
            code if code.starts_with("28") => Self::Unavailable,
            _ => Self::Other,
        }
    }
}

/// Why a look-up or a write did not come to its end.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// No connection.
    #[error("connect to the database")]
    Connect(#[source] sqlx::Error),
    /// A statement failed.
    #[error("run the database statement {name}")]
    Statement {
        name: &'static str,
        #[source]
        cause: sqlx::Error,
    },
    /// The database, or the network before it, is silent.
    #[error("the database did not answer {name} within {within:?}")]
    Silent {
        name: &'static str,
        within: Duration,
    },
    /// Other writes came in between each time.
    #[error("other writes came in between too often")]
    Contended,
    /// The database answers, but takes no writes.
    #[error("the database takes no writes")]
    ReadOnly,
    #[error(transparent)]
    Foreign(#[from] ForeignValue),
}

impl Failure {
    pub(crate) fn fault(&self) -> Fault {
        match self {
            // There was nothing to break.
            Self::Connect(cause) => match Fault::of(cause) {
                Fault::Broken | Fault::Conflict => Fault::Unavailable,
                fault => fault,
            },
            Self::Statement { cause, .. } => Fault::of(cause),
            Self::Silent { .. } => Fault::Broken,
            Self::Contended | Self::ReadOnly => Fault::Unavailable,
            Self::Foreign(_) => Fault::Other,
        }
    }
}

impl From<Failure> for MetadataError {
    fn from(failure: Failure) -> Self {
        match failure.fault() {
            Fault::Broken | Fault::Unavailable | Fault::Conflict => {
                Self::Unavailable(Box::new(failure))
            }
            Fault::ReadOnly => Self::ReadOnly(Box::new(failure)),
            Fault::Full => Self::Full(Box::new(failure)),
            Fault::Other => Self::Failed(Box::new(failure)),
        }
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

/// The SQLSTATE of an error of the server.
pub(crate) fn code(error: &sqlx::Error) -> Option<Cow<'_, str>> {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn codes_tell_the_fault() {
        let fault = Fault::of_code;
        assert_eq!(fault("57P01"), Fault::Broken, "ended by an administrator");
        assert_eq!(fault("08006"), Fault::Broken, "connection failure");
        assert_eq!(fault("25P03"), Fault::Broken, "idle in a transaction");
        assert_eq!(fault("53300"), Fault::Unavailable, "too many connections");
        assert_eq!(fault("57014"), Fault::Unavailable, "statement timeout");
        assert_eq!(fault("53100"), Fault::Full);
        assert_eq!(fault("25006"), Fault::ReadOnly, "read-only transaction");
        assert_eq!(fault("40P01"), Fault::Conflict, "deadlock");
        assert_eq!(fault("23503"), Fault::Conflict, "foreign key");
        assert_eq!(fault("23505"), Fault::Other, "unique key");
        assert_eq!(fault("42P01"), Fault::Other, "no such table");
    }

    #[test]
    fn what_may_pass_is_unavailable() {
        let refused = || sqlx::Error::Io(io::Error::from(io::ErrorKind::ConnectionRefused));
        let name = "probe";
        for failure in [
            Failure::Connect(refused()),
            Failure::Connect(sqlx::Error::PoolTimedOut),
            Failure::Statement {
                name,
                cause: refused(),
            },
            Failure::Silent {
                name,
                within: Duration::from_secs(1),
            },
            Failure::Contended,
        ] {
            let error = MetadataError::from(failure);
            assert!(matches!(error, MetadataError::Unavailable(_)), "{error:?}");
        }
        let missing = Failure::Statement {
            name,
            cause: sqlx::Error::ColumnNotFound("x".to_owned()),
        };
        assert!(matches!(missing.into(), MetadataError::Failed(_)));
    }
}
