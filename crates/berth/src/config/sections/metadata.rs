//! Where names, tags and manifests are kept.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::values::{ByteSize, MetadataUrl, PostgresUrl, Span};

/// Where names, tags and manifests are kept: in one file on this machine (SQLite), or in a database that any number of
/// pods share (PostgreSQL).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct Metadata {
    /// The metadata engine: `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "MetadataUrl", extend("x-default" = "sqlite:<data_dir>/metadata.db"))]
    pub(crate) url: Option<MetadataUrl>,
    /// Memory for manifests and blob records that are read often; `0B` turns the cache off. Answers are the same with
    /// and without it.
    pub(crate) cache_size: ByteSize,
    /// SQLite: connections for reading. Writes have one of their own.
    pub(crate) reader_connections: NonZeroU32,
    /// PostgreSQL: how long a pod remembers where a blob lies to which it sends clients; `0s` asks the database each
    /// time. For as long may another pod send clients to a blob that was deleted.
    pub(crate) location_lifetime: Span,
    /// PostgreSQL: connections of this pod, at most. All pods together must stay below the server's `max_connections`.
    pub(crate) connections: NonZeroU32,
    /// PostgreSQL: how long a request waits for a connection before it is answered with 503.
    pub(crate) connection_timeout: Span,
    /// PostgreSQL: how long a statement may take before the server ends it.
    pub(crate) statement_timeout: Span,
    /// PostgreSQL: a streaming replica for manifests by digest and for where blobs lie to which clients are sent. What
    /// it does not have yet is asked of the primary, and everything while it is more than 10 s behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "PostgresUrl", extend("x-default" = "none: every look-up asks the primary"))]
    pub(crate) replica_url: Option<PostgresUrl>,
    /// PostgreSQL: the same database by a URL for migrations, past a connection pooler or with a user who may change
    /// the schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "PostgresUrl", extend("x-default" = "`metadata.url`"))]
    pub(crate) migrations_url: Option<PostgresUrl>,
    /// PostgreSQL: when an older schema is brought to this release's. SQLite always does so at the start.
    pub(crate) migrate: Migrate,
}

/// When the schema is migrated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum Migrate {
    /// when the registry starts; any number of pods may start at once
    Start,
    /// by `berth migrate` only; a registry that finds an older schema does not start
    Command,
}

impl Default for Metadata {
    fn default() -> Self {
        Self {
            url: None,
            cache_size: ByteSize::mib(64),
            reader_connections: NonZeroU32::MIN.saturating_add(3),
            location_lifetime: Span::seconds(10),
            connections: NonZeroU32::MIN.saturating_add(19),
            connection_timeout: Span::seconds(5),
            statement_timeout: Span::seconds(30),
            replica_url: None,
            migrations_url: None,
            migrate: Migrate::Start,
        }
    }
}
