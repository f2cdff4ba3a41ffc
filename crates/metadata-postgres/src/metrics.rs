//! What the engine counts: statements, what it had to do again, connections. Names are those of
//! the other engine where they mean the same. Handles are made once, when the database is opened.

use std::collections::HashMap;
use std::time::Duration;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};
use sqlx::PgPool;

use crate::statement;

/// Upper bounds in seconds: from a look-up in the server's memory to a disk that stalls.
const DURATIONS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0,
];

/// A statement slower than this is worth a line in the log.
const SLOW: Duration = Duration::from_millis(200);

/// Statements that belong to no noun.
pub(crate) const BEGIN: &str = "begin";
pub(crate) const COMMIT: &str = "commit";
pub(crate) const ROLLBACK: &str = "rollback";

/// Why something was done again.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Again {
    /// Other writes came in between.
    Conflict,
    /// The connection broke.
    Connection,
}

/// Statements, and what was done again.
#[derive(Debug)]
pub(crate) struct Metrics {
    statements: HashMap<&'static str, (IntCounter, Histogram)>,
    wait: Histogram,
    conflicts: IntCounter,
    connections: IntCounter,
}

impl Metrics {
    pub(crate) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let total = IntCounterVec::new(
            Opts::new(
                "registry_database_queries_total",
                "Statements run in the metadata database, by name.",
            ),
            &["name"],
        )?;
        let duration = HistogramVec::new(
            HistogramOpts::new(
                "registry_database_query_duration_seconds",
                "Time a statement in the metadata database takes, by name.",
            )
            .buckets(DURATIONS.to_vec()),
            &["name"],
        )?;
        let wait = Histogram::with_opts(
            HistogramOpts::new(
                "registry_database_connection_wait_seconds",
                "Time until a connection to the metadata database is free.",
            )
            .buckets(DURATIONS.to_vec()),
        )?;
        let again = IntCounterVec::new(
            Opts::new(
                "registry_database_retries_total",
                "What was done again because other writes came in between or a connection broke, by reason.",
            ),
            &["reason"],
        )?;
        registry.register(Box::new(total.clone()))?;
        registry.register(Box::new(duration.clone()))?;
        registry.register(Box::new(wait.clone()))?;
        registry.register(Box::new(again.clone()))?;
        let statements = statement::all()
            .map(|statement| statement.name)
            .chain([BEGIN, COMMIT, ROLLBACK])
            .map(|name| {
                (
                    name,
                    (
                        total.with_label_values(&[name]),
                        duration.with_label_values(&[name]),
                    ),
                )
            })
            .collect();
        Ok(Self {
            statements,
            wait,
            conflicts: again.with_label_values(&["conflict"]),
            connections: again.with_label_values(&["connection"]),
        })
    }

    /// Counts one statement.
    pub(crate) fn observe(&self, name: &'static str, duration: Duration) {
        if duration >= SLOW {
            tracing::warn!(
                statement = name,
                duration_ms = duration.as_millis(),
                "slow database statement"
            );
        }
        if let Some((total, seconds)) = self.statements.get(name) {
            total.inc();
            seconds.observe(duration.as_secs_f64());
        }
    }

    /// Counts the wait for one connection.
    pub(crate) fn waited(&self, duration: Duration) {
        self.wait.observe(duration.as_secs_f64());
    }

    pub(crate) fn again(&self, reason: Again) {
        match reason {
            Again::Conflict => self.conflicts.inc(),
            Again::Connection => self.connections.inc(),
        }
    }
}

/// Tells the version of the schema, which stays what it is as long as the database is open.
pub(crate) fn register_schema_version(registry: &Registry, version: i64) -> prometheus::Result<()> {
    let gauge = IntGauge::new(
        "registry_schema_version",
        "Version of the schema of the metadata database.",
    )?;
    gauge.set(version);
    registry.register(Box::new(gauge))
}

/// Gauges that are read when they are asked for.
pub(crate) struct Gauges {
    pools: Vec<PgPool>,
    connections: IntGaugeVec,
}

impl Gauges {
    pub(crate) fn register(registry: &Registry, pools: Vec<PgPool>) -> prometheus::Result<()> {
        let connections = IntGaugeVec::new(
            Opts::new(
                "registry_database_connections",
                "Connections to the metadata database, by state.",
            ),
            &["state"],
        )?;
        registry.register(Box::new(Self { pools, connections }))
    }
}

impl Collector for Gauges {
    fn desc(&self) -> Vec<&Desc> {
        self.connections.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let open: i64 = self.pools.iter().map(|pool| i64::from(pool.size())).sum();
        let idle = self.pools.iter().map(PgPool::num_idle).sum::<usize>();
        let idle = i64::try_from(idle).unwrap_or(i64::MAX).min(open);
        self.connections.with_label_values(&["idle"]).set(idle);
        self.connections
            .with_label_values(&["used"])
            .set(open - idle);
        self.connections.collect()
    }
}
