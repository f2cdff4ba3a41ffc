//! The totals port: how much there is in the registry as a whole, for the metrics.

use async_trait::async_trait;

use super::MetadataError;

/// What the registry holds at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Repositories that hold a manifest: those the catalog lists.
    pub repositories: u64,
    /// Blobs whose bytes are kept. One that many repositories share counts once, and one that no
    /// repository shows any more counts until its bytes are given up.
    pub blobs: u64,
    /// The sum of their sizes; without manifests, which are no objects of the blob store.
    pub blob_bytes: u64,
    /// Upload sessions that may take more bytes, whether or not somebody holds them now.
    pub open_uploads: u64,
}

/// Totals of the registry.
#[async_trait]
pub trait RegistryTotals: Send + Sync + std::fmt::Debug {
    /// Counts everything, as of one moment. It may read whole tables, so it is for once every few
    /// minutes and not for requests.
    async fn measure_totals(&self) -> Result<Totals, MetadataError>;
}
