//! The metadata engine that the configuration names. Everything behind it knows the ports only.

use std::sync::Arc;

use metadata_postgres::PostgresMetadata;
use metadata_sqlite::SqliteMetadata;
use prometheus::Registry;
use registry_core::ports::{Lifetimes, Metadata};

use super::Admission;
use crate::clock::SystemClock;
use crate::config::{Configuration, Effective, MetadataUrl, Migrate, PostgresUrl};

/// One of the engines.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    /// A file of this process.
    Sqlite(Arc<SqliteMetadata>),
    /// A database that many pods share.
    Postgres(Arc<PostgresMetadata>),
}

impl Database {
    /// Opens it, and brings it up to date if that is wanted.
    pub(crate) async fn open(
        effective: &Effective,
        admission: Admission,
        metrics: &Registry,
    ) -> anyhow::Result<Self> {
        let configuration = effective.configuration();
        Ok(match effective.metadata_url() {
            MetadataUrl::Sqlite(path) => {
                let options = metadata_sqlite::OpenOptions {
                    path,
                    lifetimes: lifetimes(configuration),
                    clock: Arc::new(SystemClock),
                    metrics: metrics.clone(),
                    readers: configuration.metadata.reader_connections.get(),
                    cache_bytes: cache_bytes(configuration),
                };
                Self::Sqlite(Arc::new(SqliteMetadata::open(options).await?))
            }
            MetadataUrl::Postgres(url) => {
                let defaults = postgres(&url, configuration, metrics);
                let options = metadata_postgres::OpenOptions {
                    // Whoever moves it away also writes in the last step, when nobody else does.
                    writes_always: admission == Admission::MoveFrom,
                    name: match admission {
                        Admission::Serve => defaults.name,
                        Admission::MoveFrom | Admission::MoveInto => metadata_postgres::MOVER,
                    },
                    ..defaults
                };
                Self::Postgres(Arc::new(PostgresMetadata::open(options).await?))
            }
        })
    }

    /// The engine as the use cases see it.
    pub(crate) fn metadata(&self) -> Arc<dyn Metadata> {
        match self {
            Self::Sqlite(metadata) => metadata.clone(),
            Self::Postgres(metadata) => metadata.clone(),
        }
    }

    /// Closes it once everything under way has ended.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(metadata) => metadata.close().await,
            Self::Postgres(metadata) => metadata.close().await,
        }
    }
}

/// What a shared database is opened with.
pub(crate) fn postgres(
    url: &PostgresUrl,
    configuration: &Configuration,
    metrics: &Registry,
) -> metadata_postgres::OpenOptions {
    let settings = &configuration.metadata;
    let text = |url: &PostgresUrl| url.as_str().to_owned();
    metadata_postgres::OpenOptions {
        migrations_url: settings.migrations_url.as_ref().map(text),
        replica_url: settings.replica_url.as_ref().map(text),
        migrate: settings.migrate == Migrate::Start,
        lifetimes: lifetimes(configuration),
        connections: settings.connections.get(),
        acquire_timeout: settings.connection_timeout.duration(),
        statement_timeout: settings.statement_timeout.duration(),
        cache_bytes: cache_bytes(configuration),
        location_lifetime: settings.location_lifetime.duration(),
        ..metadata_postgres::OpenOptions::new(text(url), metrics.clone())
    }
}

fn cache_bytes(configuration: &Configuration) -> usize {
    usize::try_from(configuration.metadata.cache_size.bytes()).unwrap_or(usize::MAX)
}

fn lifetimes(configuration: &Configuration) -> Lifetimes {
    let uploads = &configuration.uploads;
    Lifetimes {
        upload_lease: uploads.lease.duration(),
        upload_idle: uploads.idle_timeout.duration(),
        upload_done: uploads.finished_lifetime.duration(),
        blob_link: uploads.unreferenced_lifetime.duration(),
        blob_link_promise: uploads.unreferenced_promise.duration(),
        tombstone_delay: uploads.deletion_delay.duration(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_the_configuration_are_those_of_the_engines() {
        let configuration = Configuration::default();
        assert_eq!(lifetimes(&configuration), Lifetimes::default());
        let sqlite = metadata_sqlite::OpenOptions::new("x", Arc::new(SystemClock), Registry::new());
        let readers = configuration.metadata.reader_connections.get();
        assert_eq!(sqlite.readers, readers);
        assert_eq!(sqlite.cache_bytes, cache_bytes(&configuration));
        let defaults = metadata_postgres::OpenOptions::new("x", Registry::new());
        let url = "postgres://db/berth".parse().unwrap();
        let options = postgres(&url, &configuration, &Registry::new());
        assert_eq!(options.url, "postgres://db/berth");
        assert_eq!(
            (options.connections, options.cache_bytes, options.migrate),
            (defaults.connections, defaults.cache_bytes, defaults.migrate)
        );
        assert_eq!(
            (options.acquire_timeout, options.statement_timeout),
            (defaults.acquire_timeout, defaults.statement_timeout)
        );
        assert_eq!(options.location_lifetime, defaults.location_lifetime);
    }
}
