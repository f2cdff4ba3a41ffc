//! Why a database could not be opened, in sentences an operator can act on.

use sqlx::migrate::MigrateError;
use thiserror::Error;

/// What PostgreSQL or the system said.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a database could not be opened. `database` is its name and place, without a password.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The URL says nothing.
    #[error(
        "the URL of the metadata database cannot be read: it is to be postgres://USER:PASSWORD@HOST:PORT/DATABASE"
    )]
    Url(#[source] Cause),
    /// Nobody answers there.
    #[error(
        "the metadata database {database} cannot be reached: check that it runs, and the host and port in its URL"
    )]
    Unreachable {
        /// Which one.
        database: String,
        /// What the system said.
        #[source]
        cause: Cause,
    },
    /// No encryption, or not with whom it was asked for.
    #[error(
        "the metadata database {database} cannot be reached by TLS as its URL asks for: check sslmode and sslrootcert there, and \
         the server's certificate"
    )]
    Tls {
        /// Which one.
        database: String,
        /// What the system said.
        #[source]
        cause: Cause,
    },
    /// User, password or the server's rules about them.
    #[error(
        "the metadata database {database} does not let this user in: check user and password in its URL, and pg_hba.conf on \
         the server"
    )]
    Denied {
        /// Which one.
        database: String,
        /// What the server said.
        #[source]
        cause: Cause,
    },
    /// The server runs, and has no such database.
    #[error("there is no database {database}: create it, owned by the user in its URL")]
    NoDatabase {
        /// Which one.
        database: String,
        /// What the server said.
        #[source]
        cause: Cause,
    },
    /// The server is too old.
    #[error(
        "the metadata database {database} runs on PostgreSQL {found}: upgrade it to {oldest} or later"
    )]
    TooOld {
        /// Which one.
        database: String,
        /// Its major version.
        found: i32,
        /// The oldest that will do.
        oldest: i32,
    },
    /// A server that only follows another.
    #[error(
        "the metadata database {database} takes no writes: name the primary, not a standby or a read-only database"
    )]
    ReadOnly {
        /// Which one.
        database: String,
    },
    /// Text that the database could not keep.
    #[error(
        "the metadata database {database} has the encoding {found}: create it anew with ENCODING 'UTF8'"
    )]
    Encoding {
        /// Which one.
        database: String,
        /// Its encoding.
        found: String,
    },
    /// No schema to put tables in.
    #[error(
        "the metadata database {database} has no schema for tables: create the first one in the user's search_path"
    )]
    NoSchema {
        /// Which one.
        database: String,
    },
    /// A connection pooler that mixes up statements.
    #[error(
        "a connection pooler before the metadata database {database} mixes up the statements of its clients: set its \
         pool_mode to session, or use PgBouncer 1.21 or later with max_prepared_statements above 0"
    )]
    Pooler {
        /// Which one.
        database: String,
    },
    /// A connection pooler in the way of a migration.
    #[error(
        "the schema of the metadata database {database} cannot be migrated through a connection pooler that hands connections on \
         after each transaction: give a URL for migrations that leads to the server itself"
    )]
    PoolerForMigrations {
        /// Which one.
        database: String,
    },
    /// A database of some other program.
    #[error(
        "{database} is a database of another program: nothing in it was changed; name an empty database"
    )]
    Foreign {
        /// Which one.
        database: String,
    },
    /// Written by a newer release.
    #[error(
        "the metadata database {database} has schema version {found}, and this release knows versions up to {known}: \
         start the newer release that wrote it, or restore a backup from before the upgrade"
    )]
    Newer {
        /// Which one.
        database: String,
        /// Its version.
        found: i64,
        /// The newest this release knows.
        known: i64,
    },
    /// Not migrated yet, and not to be migrated now.
    #[error(
        "the metadata database {database} has schema version {found}, and this release needs version {known}: run `berth migrate`"
    )]
    Older {
        /// Which one.
        database: String,
        /// Its version; 0 if nothing is there.
        found: i64,
        /// The version wanted.
        known: i64,
    },
    /// The user may not change the schema.
    #[error(
        "the schema of the metadata database {database} cannot be migrated by this user: make it the owner of the database, or \
         give a URL for migrations with a user who is"
    )]
    NotOwner {
        /// Which one.
        database: String,
        /// What the server said.
        #[source]
        cause: Cause,
    },
    /// A step to a newer schema failed, or an applied one is not what this release has under its number.
    #[error("the metadata database {database} could not be brought to schema version {known}")]
    Migration {
        /// Which one.
        database: String,
        /// The version wanted.
        known: i64,
        /// Why not.
        #[source]
        cause: MigrateError,
    },
    /// Migrated was another one.
    #[error(
        "the URL for migrations leads to another database than {database}: correct one of the two"
    )]
    OtherDatabase {
        /// The one that is to be used.
        database: String,
    },
    /// Any other fault of the server.
    #[error("the metadata database {database} could not be set up")]
    Failed {
        /// Which one.
        database: String,
        /// What it said.
        #[source]
        cause: Cause,
    },
    /// The metrics are registered already.
    #[error("the metrics of the metadata database could not be registered")]
    Metrics(#[from] prometheus::Error),
}
