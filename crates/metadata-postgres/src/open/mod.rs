//! Opening a database: reach, look, migrate, set up. Whatever is wrong is told in a sentence an
//! operator can act on, before anything in the database is changed.

mod check;
mod error;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use registry_core::ports::{Clock, Lifetimes};

use crate::PostgresMetadata;
use crate::address::Address;
use crate::connection::{NAME, Role, Settings, Writes};
use crate::database::Database;
use crate::locations::Locations;
use crate::lookups::CacheLookups;
use crate::metrics::{Gauges, Metrics, register_schema_version};
use crate::payloads::Payloads;
use crate::replica::Replica;
use crate::schema;
use crate::time::Time;

pub use self::error::OpenError;

const MIB: usize = 1024 * 1024;

/// A replica has so long for a look-up, which takes it a millisecond; then the primary is asked.
const REPLICA: Duration = Duration::from_millis(500);

/// What a database is opened with.
#[derive(Clone)]
pub struct OpenOptions {
    /// Where it is: `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    pub url: String,
    /// The same database for migrations, past a connection pooler or as a user who may change the
    /// schema; `None` is `url`.
    pub migrations_url: Option<String>,
    /// A server that follows the database, for look-ups by digest that promise nothing.
    pub replica_url: Option<String>,
    /// Whether an older schema is brought up to date; else it is refused.
    pub migrate: bool,
    /// How long things last.
    pub lifetimes: Lifetimes,
    /// What time it is, in tests; `None` goes by the clock of the database, which all processes
    /// share.
    pub clock: Option<Arc<dyn Clock>>,
    /// Where the metrics are registered.
    pub metrics: Registry,
    /// Most connections to the database, and as many to its replica.
    pub connections: u32,
    /// How long a free connection is waited for.
    pub acquire_timeout: Duration,
    /// How long a statement may take.
    pub statement_timeout: Duration,
    /// Whether it is written to although its settings forbid that, as those of a registry do that is being moved: for
    /// the mover alone.
    pub writes_always: bool,
    /// What the server calls its connections.
    pub name: &'static str,
    /// Most bytes of manifests that are kept in memory; 0 keeps none.
    pub cache_bytes: usize,
    /// How long it is remembered where a blob lies to which clients are sent; zero asks each time.
    pub location_lifetime: Duration,
}

impl OpenOptions {
    /// The defaults.
    pub fn new(url: impl Into<String>, metrics: Registry) -> Self {
        Self {
            url: url.into(),
            migrations_url: None,
            replica_url: None,
            migrate: true,
            lifetimes: Lifetimes::default(),
            clock: None,
            metrics,
            connections: 20,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            writes_always: false,
            name: NAME,
            cache_bytes: 64 * MIB,
            location_lifetime: Duration::from_secs(10),
        }
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            connections: self.connections,
            acquire_timeout: self.acquire_timeout,
            statement_timeout: self.statement_timeout,
            writes: if self.writes_always {
                Writes::Always
            } else {
                Writes::AsSet
            },
        }
    }
}

/// Without the URLs, which may hold passwords.
impl fmt::Debug for OpenOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("OpenOptions")
            .field("migrate", &self.migrate)
            .field("lifetimes", &self.lifetimes)
            .field("connections", &self.connections)
            .field("cache_bytes", &self.cache_bytes)
            .finish_non_exhaustive()
    }
}

/// Which schema a database has, and which one this release needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchemaState {
    /// Its version; `None` while nothing is there.
    pub found: Option<i64>,
    /// The newest this release knows.
    pub known: i64,
}

impl SchemaState {
    /// Whether there is nothing to migrate.
    pub fn is_current(&self) -> bool {
        self.found == Some(self.known)
    }
}

impl PostgresMetadata {
    /// Opens a database, and creates or upgrades its schema. Any number of processes may do so at
    /// once.
    pub async fn open(options: OpenOptions) -> Result<Self, OpenError> {
        let parse = |url: &str| parse(url).map(|address| address.named(options.name));
        let address = parse(&options.url)?;
        let replica = options.replica_url.as_deref().map(parse).transpose()?;
        let migrations = options.migrations_url.as_deref().map(parse).transpose()?;
        check::bring_up_to_date(&address, migrations.as_ref(), options.migrate).await?;

        let metrics = Arc::new(Metrics::new(&options.metrics)?);
        // Brought up to date, or not opened.
        register_schema_version(&options.metrics, schema::newest())?;
        let settings = options.settings();
        let primary = Database::new(
            address.options,
            Role::Primary,
            settings,
            Arc::clone(&metrics),
        );
        let replica = replica.map(|address| {
            let settings = Settings {
                statement_timeout: REPLICA,
                ..settings
            };
            Database::new(address.options, Role::Replica, settings, metrics)
        });
        let pools = [Some(&primary), replica.as_ref()];
        let pools = pools.into_iter().flatten().map(Database::pool).collect();
        Gauges::register(&options.metrics, pools)?;
        let replica = match replica {
            Some(replica) => Some(Box::pin(Replica::follow(primary.clone(), replica)).await),
            None => None,
        };
        let lookups = CacheLookups::register(&options.metrics)?;
        Ok(Self {
            primary,
            replica,
            payloads: Payloads::new(options.cache_bytes, lookups.of("payload")),
            locations: Locations::new(options.location_lifetime, lookups.of("location")),
            time: Time::new(options.clock),
            lifetimes: options.lifetimes,
        })
    }

    /// Which schema a database has. Changes nothing.
    pub async fn schema_state(url: &str) -> Result<SchemaState, OpenError> {
        check::state(&parse(url)?).await
    }

    /// Creates or upgrades the schema where `url` looks for it, by way of `migrations_url` if there is one.
    /// Returns what it was before.
    pub async fn migrate(
        url: &str,
        migrations_url: Option<&str>,
    ) -> Result<SchemaState, OpenError> {
        let migrations = migrations_url.map(parse).transpose()?;
        check::bring_up_to_date(&parse(url)?, migrations.as_ref(), true).await
    }
}

fn parse(url: &str) -> Result<Address, OpenError> {
    Address::parse(url).map_err(|cause| OpenError::Url(cause.into()))
}
