//! What the engine counts: statements, batches of the writer, connections, the size of the log.
//! Handles are made once, when the database is opened.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

use crate::readers::Usage;
use crate::statement;

/// Upper bounds in seconds: from a look-up in memory to a disk that stalls.
const DURATIONS: &[f64] = &[
    0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5,
    2.5,
];
const BATCH_SIZES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

/// A statement slower than this is worth a line in the log.
const SLOW: Duration = Duration::from_millis(200);

/// Statements of the writer that belong to no noun.
pub(crate) const COMMIT: &str = "commit";
pub(crate) const COMMIT_UNSYNCED: &str = "commit_unsynced";
pub(crate) const ROLLBACK: &str = "rollback";
pub(crate) const CHECKPOINT: &str = "checkpoint";

/// Statements and batches.
#[derive(Debug)]
pub(crate) struct Metrics {
    statements: HashMap<&'static str, (IntCounter, Histogram)>,
    batch_jobs: Histogram,
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
        let batch_jobs = Histogram::with_opts(
            HistogramOpts::new(
                "registry_database_batch_jobs",
                "Writes that shared one transaction.",
            )
            .buckets(BATCH_SIZES.to_vec()),
        )?;
        registry.register(Box::new(total.clone()))?;
        registry.register(Box::new(duration.clone()))?;
        registry.register(Box::new(batch_jobs.clone()))?;
        let statements = statement::all()
            .map(|statement| statement.name)
            .chain([COMMIT, COMMIT_UNSYNCED, ROLLBACK, CHECKPOINT])
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
            batch_jobs,
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

    /// Counts one transaction of the writer.
    #[expect(clippy::cast_precision_loss, reason = "a batch has few jobs")]
    pub(crate) fn observe_batch(&self, jobs: usize) {
        self.batch_jobs.observe(jobs as f64);
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
    usage: Arc<Usage>,
    log: PathBuf,
    connections: IntGaugeVec,
    log_bytes: IntGauge,
}

impl Gauges {
    pub(crate) fn register(
        registry: &Registry,
        usage: Arc<Usage>,
        log: PathBuf,
    ) -> prometheus::Result<()> {
        let connections = IntGaugeVec::new(
            Opts::new(
                "registry_database_connections",
                "Connections that read the metadata database, by state.",
            ),
            &["state"],
        )?;
        let log_bytes = IntGauge::new(
            "registry_database_wal_bytes",
            "Size of the write-ahead log of the metadata database.",
        )?;
        registry.register(Box::new(Self {
            usage,
            log,
            connections,
            log_bytes,
        }))
    }
}

impl Collector for Gauges {
    fn desc(&self) -> Vec<&Desc> {
        let mut descriptions = self.connections.desc();
        descriptions.extend(self.log_bytes.desc());
        descriptions
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let (open, used) = (count(self.usage.open), count(self.usage.used()));
        self.connections
            .with_label_values(&["idle"])
            .set(open - used);
        self.connections.with_label_values(&["used"]).set(used);
        let bytes = std::fs::metadata(&self.log).map_or(0, |metadata| metadata.len());
        self.log_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        let mut families = self.connections.collect();
        families.extend(self.log_bytes.collect());
        families
    }
}
