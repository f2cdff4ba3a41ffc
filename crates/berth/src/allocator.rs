//! Memory: jemalloc, told to give back what uploads no longer need.
//!
//! The defaults of jemalloc suit a process that allocates all day. Ours has bursts, 32 uploads and then nothing, and
//! shall be small in between: freed pages go back to the system after a tenth of a second, by a thread of jemalloc's
//! own so that no request pays for it.

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntGauge, Registry};
use tikv_jemalloc_ctl::{Access, AsName, background_thread, epoch, stats};
use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// How long freed pages are kept for the next allocation, in milliseconds: in arenas that are made from now on, and in
/// the first, which is there already. What jemalloc calls muzzy is a second stage, which is left out.
const DECAYS: [(&[u8], isize); 4] = [
    (b"arenas.dirty_decay_ms\0", 100),
    (b"arenas.muzzy_decay_ms\0", 0),
    (b"arena.0.dirty_decay_ms\0", 100),
    (b"arena.0.muzzy_decay_ms\0", 0),
];

/// Tunes the allocator, to be called before any thread is started: threads bring arenas with them. It works without,
/// only less thriftily.
pub(crate) fn tune() -> tikv_jemalloc_ctl::Result<()> {
    background_thread::write(true)?;
    DECAYS
        .into_iter()
        .try_for_each(|(name, milliseconds)| name.name().write(milliseconds))
}

/// Gauges of the heap.
#[derive(Debug)]
pub(crate) struct HeapMetrics {
    allocated: IntGauge,
    resident: IntGauge,
    retained: IntGauge,
}

impl HeapMetrics {
    /// Adds the gauges to `registry`.
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<()> {
        let gauge = |name: &str, help: &str| IntGauge::new(name, help);
        registry.register(Box::new(Self {
            allocated: gauge("berth_heap_allocated_bytes", "Bytes in use by the program.")?,
            resident: gauge(
                "berth_heap_resident_bytes",
                "Bytes of physical memory held by the allocator.",
            )?,
            retained: gauge(
                "berth_heap_retained_bytes",
                "Bytes of address space kept for later.",
            )?,
        }))
    }
}

impl Collector for HeapMetrics {
    fn desc(&self) -> Vec<&Desc> {
        [&self.allocated, &self.resident, &self.retained]
            .into_iter()
            .flat_map(Collector::desc)
            .collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        // The statistics are those of the last epoch; without a new one they would stand still.
        if epoch::advance().is_ok() {
            let read = [
                (&self.allocated, stats::allocated::read()),
                (&self.resident, stats::resident::read()),
                (&self.retained, stats::retained::read()),
            ];
            for (gauge, value) in read {
                gauge.set(
                    value
                        .ok()
                        .and_then(|bytes| i64::try_from(bytes).ok())
                        .unwrap_or_default(),
                );
            }
        }
        [&self.allocated, &self.resident, &self.retained]
            .into_iter()
            .flat_map(Collector::collect)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_arena_and_new_ones_give_back_soon() {
        tune().unwrap();
        for (name, milliseconds) in DECAYS {
            assert_eq!(name.name().read(), Ok(milliseconds));
        }
    }
}
