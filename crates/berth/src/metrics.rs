//! The metrics of the process as a whole; the parts register their own.

use anyhow::Context;
use prometheus::process_collector::ProcessCollector;
use prometheus::{IntGauge, Opts, Registry};

use crate::allocator::HeapMetrics;
use crate::version::{COMMIT, RUSTC, VERSION};

/// A registry of metrics with those of the process in it.
pub(crate) fn registry() -> anyhow::Result<Registry> {
    let registry = Registry::new();
    register(&registry).context("register metrics")?;
    Ok(registry)
}

fn register(registry: &Registry) -> prometheus::Result<()> {
    let options = Opts::new(
        "registry_build_info",
        "What the running binary was built from; always 1.",
    )
    .const_label("version", VERSION)
    .const_label("commit", COMMIT)
    .const_label("rustc", RUSTC);
    let build = IntGauge::with_opts(options)?;
    build.set(1);
    registry.register(Box::new(build))?;
    registry.register(Box::new(ProcessCollector::for_self()))?;
    HeapMetrics::register(registry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_seen() {
        let families = registry().unwrap().gather();
        let value = |name: &str| {
            let family = families
                .iter()
                .find(|family| family.name() == name)
                .unwrap_or_else(|| panic!("no {name}"));
            let metric = &family.get_metric()[0];
            metric
                .get_gauge()
                .get_value()
                .max(metric.get_counter().get_value())
        };
        assert!((value("registry_build_info") - 1.0).abs() < f64::EPSILON);
        assert!(value("process_resident_memory_bytes") > 0.0);
        assert!(value("process_open_fds") > 0.0);
        assert!(value("berth_heap_allocated_bytes") > 0.0);
        assert!(value("berth_heap_resident_bytes") >= value("berth_heap_allocated_bytes"));
    }
}
