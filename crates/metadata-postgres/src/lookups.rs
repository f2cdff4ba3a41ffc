//! What the caches count, under the names of the other engine: how often memory had what is large or asked for often.
//! Whether a manifest is there is asked of the database each time; memory spares it the payload. Where a blob lies may
//! be told from memory alone.

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

/// The look-ups of every cache.
#[derive(Debug)]
pub(crate) struct CacheLookups {
    hits: IntCounterVec,
    misses: IntCounterVec,
}

/// Those of one.
#[derive(Debug)]
pub(crate) struct Lookups {
    hits: IntCounter,
    misses: IntCounter,
}

impl CacheLookups {
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str| {
            let counter = IntCounterVec::new(Opts::new(name, help), &["cache"])?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        Ok(Self {
            hits: counter(
                "registry_cache_hits_total",
                "Look-ups for which the database sent no payload, or was not asked for the location, by cache.",
            )?,
            misses: counter(
                "registry_cache_misses_total",
                "Look-ups for which the database sent the payload, or was asked for the location, by cache.",
            )?,
        })
    }

    /// Those of the cache of this name.
    pub(crate) fn of(&self, cache: &str) -> Lookups {
        Lookups {
            hits: self.hits.with_label_values(&[cache]),
            misses: self.misses.with_label_values(&[cache]),
        }
    }
}

impl Lookups {
    pub(crate) fn hit(&self) {
        self.hits.inc();
    }

    pub(crate) fn miss(&self) {
        self.misses.inc();
    }
}

#[cfg(test)]
impl Lookups {
    pub(crate) fn for_test() -> Self {
        CacheLookups::register(&Registry::new()).unwrap().of("test")
    }

    pub(crate) fn counted(&self) -> (u64, u64) {
        (self.hits.get(), self.misses.get())
    }
}
