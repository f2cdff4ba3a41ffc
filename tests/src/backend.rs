//! The pairs of metadata and blob backends that the suites run over. A case is written once and runs on each pair; a
//! new pair is a variant here and an arm in the builder, and no suite changes.

use crate::{Repository, TestRegistry, registry::Builder};

/// A pair of metadata and blob storage that a registry can run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// `SQLite` and a directory: what `berth serve` uses when nothing is configured.
    Embedded,
}

impl Backend {
    /// Every pair.
    pub const ALL: [Self; 1] = [Self::Embedded];
}

/// Runs a case on every pair, one after the other, each on a fresh registry that the case configures and starts.
pub async fn for_each_backend(case: impl AsyncFn(Builder)) {
    for backend in Backend::ALL {
        case(Builder::new(backend)).await;
    }
}

/// Runs a case on a fresh registry of every pair, with all defaults.
pub async fn for_each_registry(case: impl AsyncFn(TestRegistry)) {
    for backend in Backend::ALL {
        let registry = Builder::new(backend).start().await;
        case(registry).await;
    }
}

/// Runs a case in an empty repository, named `team/app`, of a fresh registry of every pair.
pub async fn in_each_repository(case: impl AsyncFn(Repository)) {
    for backend in Backend::ALL {
        let registry = Builder::new(backend).start().await;
        case(registry.repository("team/app")).await;
    }
}
