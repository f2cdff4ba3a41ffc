//! Opening a database: lock, look, migrate, set up. Whatever is wrong is told in a sentence an
//! operator can act on, before anything in the file is changed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use prometheus::Registry;
use registry_core::ports::{Clock, Lifetimes};
use rusqlite::Connection;
use sqlx::migrate::MigrateError;
use sqlx::{Connection as _, SqliteConnection};
use thiserror::Error;
use tokio::task::spawn_blocking;

use crate::cache::Cache;
use crate::connection::{self, DatabaseLock, LockError, beside};
use crate::error::Fault;
use crate::metrics::{Gauges, Metrics, register_schema_version};
use crate::readers::Readers;
use crate::schema::{self, Origin};
use crate::writer::{Batches, Transaction, Writer};
use crate::{SqliteMetadata, uploads};

const MIB: usize = 1024 * 1024;

/// What a database is opened with.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// The database file; created if it is not there, in a directory that must be.
    pub path: PathBuf,
    /// How long things last.
    pub lifetimes: Lifetimes,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where the metrics are registered.
    pub metrics: Registry,
    /// Connections that read, at least one. Each has a thread.
    pub readers: u32,
    /// Most bytes the cache of look-ups may hold; 0 turns it off.
    pub cache_bytes: usize,
}

impl OpenOptions {
    /// The defaults.
    pub fn new(path: impl Into<PathBuf>, clock: Arc<dyn Clock>, metrics: Registry) -> Self {
        Self {
            path: path.into(),
            lifetimes: Lifetimes::default(),
            clock,
            metrics,
            readers: 4,
            cache_bytes: 64 * MIB,
        }
    }
}

/// What SQLite or the system said.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a database could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error(
        "the metadata database {path} is in use by another process: only one may open it at a time"
    )]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// The file or its directory cannot be opened or created.
    #[error(
        "the metadata database {path} cannot be opened: check that its directory exists and can be written"
    )]
    CannotOpen {
        /// The database.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: Cause,
    },
    /// The file is no SQLite database.
    #[error("{path} is not a SQLite database: move it away, or name another file")]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// A SQLite database of some other program.
    #[error(
        "{path} is a database of another program: nothing in it was changed; name another file"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Parts of the database do not fit together.
    #[error("the metadata database {path} is damaged: restore it from a backup")]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        cause: Cause,
    },
    /// Written by a newer release.
    #[error(
        "the metadata database {path} has schema version {found}, and this release knows versions up to {known}: \
         start the newer release that wrote it, or restore a backup from before the upgrade"
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest this release knows.
        known: i64,
    },
    /// The disk is full.
    #[error("no space is left for the metadata database {path}")]
    Full {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        cause: Cause,
    },
    /// A step to a newer schema failed, or an applied one is not what this release has under its number.
    #[error("the metadata database {path} could not be brought to schema version {known}")]
    Migration {
        /// The database.
        path: PathBuf,
        /// The version wanted.
        known: i64,
        /// Why not.
        #[source]
        cause: MigrateError,
    },
    /// Any other fault of SQLite.
    #[error("the metadata database {path} could not be set up")]
    Failed {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        cause: Cause,
    },
    /// The metrics are registered already.
    #[error("the metrics of the metadata database could not be registered")]
    Metrics(#[from] prometheus::Error),
}

impl SqliteMetadata {
    /// Opens a database, creates or upgrades its schema, and starts its writer. Leases of upload
    /// sessions that an earlier process held are void, because their holders are gone.
    pub async fn open(options: OpenOptions) -> Result<Self, OpenError> {
        let path = options.path.as_path();
        let lock = lock(path)?;
        bring_up_to_date(path).await?;
        let (file, count) = (options.path.clone(), options.readers.max(1));
        let opened = spawn_blocking(move || connections(&file, count)).await;
        let opened = opened.map_err(|error| explain(path, Fault::Other, error))?;
        let (writer, readers) = opened.map_err(|error| explain(path, Fault::of(&error), error))?;

        let metrics = Arc::new(Metrics::new(&options.metrics)?);
        let failed = |error| explain(path, Fault::Other, error);
        let readers = Readers::start(readers, Arc::clone(&metrics)).map_err(failed)?;
        // Brought up to date, or not opened.
        register_schema_version(&options.metrics, schema::newest())?;
        Gauges::register(&options.metrics, readers.usage(), beside(path, "-wal"))?;
        let cache = Arc::new(Cache::new(options.cache_bytes, &options.metrics)?);
        let batches = Batches {
            transaction: Transaction::new(writer, metrics),
            cache: Arc::clone(&cache),
            lock,
        };
        Ok(Self {
            writer: Writer::start(batches).map_err(failed)?,
            readers,
            cache,
            clock: options.clock,
            lifetimes: options.lifetimes,
        })
    }
}

/// The connection that writes, and those that read.
fn connections(path: &Path, readers: u32) -> rusqlite::Result<(Connection, Vec<Connection>)> {
    let writer = connection::writer(path)?;
    uploads::void_leases(&writer)?;
    let readers = (0..readers).map(|_| connection::reader(path));
    Ok((writer, readers.collect::<Result<_, _>>()?))
}

/// Makes sure that the file is ours and has the newest schema.
async fn bring_up_to_date(path: &Path) -> Result<(), OpenError> {
    let failed = |error| explain(path, Fault::of_migration(&error), error);
    let mut connection = connection::migrator(path).await.map_err(failed)?;
    let checked = check_origin(path, &mut connection).await;
    let migrated = match checked {
        Ok(()) => migrate(path, &mut connection).await,
        Err(error) => Err(error),
    };
    connection.close().await.map_err(failed)?;
    migrated
}

fn lock(path: &Path) -> Result<DatabaseLock, OpenError> {
    DatabaseLock::acquire(path).map_err(|error| match error {
        LockError::Held => OpenError::InUse {
            path: path.to_owned(),
        },
        LockError::Failed(cause) => OpenError::CannotOpen {
            path: path.to_owned(),
            cause: Box::new(cause),
        },
    })
}

async fn check_origin(path: &Path, connection: &mut SqliteConnection) -> Result<(), OpenError> {
    let known = schema::newest();
    let found = schema::inspect(connection).await;
    match found.map_err(|error| explain(path, Fault::of_migration(&error), error))? {
        Origin::Foreign => Err(OpenError::Foreign {
            path: path.to_owned(),
        }),
        Origin::Ours(found) if found > known => Err(OpenError::Newer {
            path: path.to_owned(),
            found,
            known,
        }),
        Origin::Ours(_) | Origin::Empty => Ok(()),
    }
}

async fn migrate(path: &Path, connection: &mut SqliteConnection) -> Result<(), OpenError> {
    schema::migrate(connection)
        .await
        .map_err(|cause| match cause {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                explain(path, Fault::of_migration(&error), error)
            }
            cause => OpenError::Migration {
                path: path.to_owned(),
                known: schema::newest(),
                cause,
            },
        })
}

fn explain(path: &Path, fault: Fault, cause: impl Into<Cause>) -> OpenError {
    let (path, cause) = (path.to_owned(), cause.into());
    match fault {
        Fault::NotADatabase => OpenError::NotADatabase { path },
        Fault::Corrupt => OpenError::Corrupt { path, cause },
        Fault::CannotOpen => OpenError::CannotOpen { path, cause },
        Fault::Full => OpenError::Full { path, cause },
        Fault::Unavailable | Fault::Other => OpenError::Failed { path, cause },
    }
}
