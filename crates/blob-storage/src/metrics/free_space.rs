//! The gauge of free space, asked for when somebody scrapes.

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntGauge, Registry};

use crate::filesystem::FreeSpace;

#[derive(Debug)]
struct FreeSpaceGauge {
    space: FreeSpace,
    gauge: IntGauge,
}

/// Adds `registry_storage_free_bytes` to what is scraped.
pub(crate) fn register_free_space(registry: &Registry, space: FreeSpace) -> prometheus::Result<()> {
    let gauge = IntGauge::new(
        "registry_storage_free_bytes",
        "Bytes that may still be written to the blob store's file system.",
    )?;
    registry.register(Box::new(FreeSpaceGauge { space, gauge }))
}

impl Collector for FreeSpaceGauge {
    fn desc(&self) -> Vec<&Desc> {
        self.gauge.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        match self.space.bytes() {
            Ok(bytes) => self.gauge.set(i64::try_from(bytes).unwrap_or(i64::MAX)),
            // A figure that is not known is left out rather than made up.
            Err(_) => return Vec::new(),
        }
        self.gauge.collect()
    }
}
