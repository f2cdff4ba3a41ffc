//! Why others cannot be kept from writing, in sentences for an operator.

use thiserror::Error;

/// What the database or the system said.
pub(super) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a database cannot be made read-only, in sentences for its operator.
#[derive(Debug, Error)]
pub enum FreezeError {
    /// The URL says nothing, or nobody answers there.
    #[error("the metadata database {database} cannot be reached")]
    Unreachable {
        /// Which one.
        database: String,
        /// What the system said.
        #[source]
        cause: Cause,
    },
    /// Another process moves the same registry.
    #[error(
        "another `berth move` works on the metadata database {database}: one is enough, wait for it or stop it"
    )]
    Held {
        /// Which one.
        database: String,
    },
    /// The user may not change the database's settings.
    #[error(
        "the user for the metadata database {database} may not pause the writes of other pods, because it does not own \
         the database: run ALTER DATABASE … OWNER TO this user, or set metadata.migrations_url to a URL with the owner"
    )]
    NotOwner {
        /// Which one.
        database: String,
    },
    /// Sessions of other pods cannot be ended.
    #[error(
        "the user for the metadata database {database} may not see and end the sessions of {users}, as the last step has \
         to: GRANT {users} TO this user"
    )]
    MayNotEnd {
        /// Which one.
        database: String,
        /// Whose sessions.
        users: String,
    },
    /// Old sessions are there again and again.
    #[error("sessions that write to the metadata database {database} do not end")]
    Lively {
        /// Which one.
        database: String,
    },
    /// What is said of a session would hold for others, or not for long.
    #[error(
        "a connection pooler before the metadata database {database} hands connections on after each transaction: \
         writes cannot be paused through it; give this command metadata.url and metadata.migrations_url that lead to the \
         server itself"
    )]
    Pooler {
        /// Which one.
        database: String,
    },
    /// Some would write on.
    #[error(
        "sessions of {users} would write to the metadata database {database} in the last step, because these have a \
         setting of their own: ALTER ROLE … RESET default_transaction_read_only"
    )]
    Exempt {
        /// Which one.
        database: String,
        /// Whose.
        users: String,
    },
    /// Whoever paused writes is not connected any more, and others may be let in.
    #[error("the connection that pauses writes to the metadata database {database} broke")]
    Lost {
        /// Which one.
        database: String,
    },
    /// No answer.
    #[error("the metadata database {database} is silent")]
    Silent {
        /// Which one.
        database: String,
    },
    /// A statement failed.
    #[error("pause writes to the metadata database {database}")]
    Failed {
        /// Which one.
        database: String,
        /// What it said.
        #[source]
        cause: Cause,
    },
}
