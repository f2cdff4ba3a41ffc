//! Why a database cannot be examined, in sentences for its operator.

use std::borrow::Cow;
use std::io;

use thiserror::Error;

use crate::error::code;
use crate::open::OpenError;

/// A server that has no connection left for this user says this.
const NO_ROOM: &str = "53300";

/// Why a database cannot be examined, or a step failed. `database` is its name and place, without a password.
#[derive(Debug, Error)]
pub enum ExamineError {
    /// As it would when the database is opened.
    #[error(transparent)]
    Open(OpenError),
    /// It was reached and said nothing more.
    #[error(
        "the metadata database {database} does not answer within 5 s: check its load and locks, and the network between"
    )]
    Silent {
        /// Which one.
        database: String,
    },
    /// No encrypted connection comes about.
    #[error(
        "the TLS handshake with the metadata database {database} fails: check `sslmode` and `sslrootcert` in its URL, \
         and the server's certificate"
    )]
    Handshake {
        /// Which one.
        database: String,
        /// What was wrong.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// All connections are taken.
    #[error(
        "the metadata database {database} has no connection left: raise its max_connections, or lower metadata.connections"
    )]
    NoRoom {
        /// Which one.
        database: String,
        /// What it said.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A statement failed.
    #[error("the metadata database {database} does not do what is asked of it: see its log")]
    Failed {
        /// Which one.
        database: String,
        /// What it said.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The error for a connection that did not come about.
pub(super) fn unconnected(database: String, cause: sqlx::Error) -> ExamineError {
    let said = code(&cause).map(Cow::into_owned);
    match (said.as_deref(), &cause) {
        (_, sqlx::Error::Tls(_)) => handshake(database, cause),
        // What TLS says of a certificate comes as what was read.
        (_, sqlx::Error::Io(said)) if said.kind() == io::ErrorKind::InvalidData => {
            handshake(database, cause)
        }
        (Some(NO_ROOM), _) => ExamineError::NoRoom {
            database,
            cause: cause.into(),
        },
        (Some("3D000"), _) => ExamineError::Open(OpenError::NoDatabase {
            database,
            cause: cause.into(),
        }),
        (Some(code), _) if code.starts_with("28") => ExamineError::Open(OpenError::Denied {
            database,
            cause: cause.into(),
        }),
        (Some("57P03"), _) | (None, sqlx::Error::Io(_) | sqlx::Error::Protocol(_)) => {
            ExamineError::Open(OpenError::Unreachable {
                database,
                cause: cause.into(),
            })
        }
        _ => failed(&database, cause),
    }
}

fn handshake(database: String, cause: sqlx::Error) -> ExamineError {
    ExamineError::Handshake {
        database,
        cause: cause.into(),
    }
}

/// The error for a statement that failed.
pub(super) fn failed(database: &str, cause: sqlx::Error) -> ExamineError {
    ExamineError::Failed {
        database: database.to_owned(),
        cause: cause.into(),
    }
}
