//! Opening a database: lock, look, migrate, set up. Whatever is wrong is told in a sentence an
//! operator can act on, before anything in the file is changed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use prometheus::Registry;
use registry_core::ports::{Clock, Lifetimes};
use sqlx::SqliteConnection;
use sqlx::migrate::MigrateError;
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cache::Cache;
use crate::connection::{self, DatabaseLock, LockError, beside};
use crate::error::Fault;
use crate::metrics::{Gauges, Metrics};
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
        cause: Box<dyn std::error::Error + Send + Sync>,
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
        cause: sqlx::Error,
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
        cause: sqlx::Error,
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
        cause: sqlx::Error,
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
        let mut connection = connection::writer(path)
            .await
            .map_err(|error| explain(path, error))?;
        check_origin(path, &mut connection).await?;
        connection::set_up_writer(&mut connection)
            .await
            .map_err(|error| explain(path, error))?;
        migrate(path, &mut connection).await?;
        uploads::void_leases(&mut connection)
            .await
            .map_err(|error| explain(path, error))?;
        let pool = connection::readers(path, options.readers.max(1))
            .await
            .map_err(|error| explain(path, error))?;

        let metrics = Arc::new(Metrics::new(&options.metrics)?);
        Gauges::register(&options.metrics, pool.clone(), beside(path, "-wal"))?;
        let cache = Arc::new(Cache::new(options.cache_bytes, &options.metrics)?);
        let (tasks, closing) = (TaskTracker::new(), CancellationToken::new());
        let batches = Batches {
            transaction: Transaction::new(connection, Arc::clone(&metrics)),
            cache: Arc::clone(&cache),
            lock,
        };
        let writer = Writer::start(batches, &tasks, closing.clone());
        let readers = Readers::new(pool, metrics);
        let (clock, lifetimes) = (options.clock, options.lifetimes);
        Ok(Self {
            readers,
            writer,
            cache,
            clock,
            lifetimes,
            tasks,
            closing,
        })
    }
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
    match schema::inspect(connection)
        .await
        .map_err(|error| explain(path, error))?
    {
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
                explain(path, error)
            }
            cause => OpenError::Migration {
                path: path.to_owned(),
                known: schema::newest(),
                cause,
            },
        })
}

fn explain(path: &Path, cause: sqlx::Error) -> OpenError {
    let path = path.to_owned();
    match Fault::of(&cause) {
        Fault::NotADatabase => OpenError::NotADatabase { path },
        Fault::Corrupt => OpenError::Corrupt { path, cause },
        Fault::CannotOpen => OpenError::CannotOpen {
            path,
            cause: Box::new(cause),
        },
        Fault::Full => OpenError::Full { path, cause },
        Fault::Unavailable | Fault::Other => OpenError::Failed { path, cause },
    }
}
