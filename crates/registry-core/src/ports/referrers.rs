//! The referrers port: manifests whose `subject` is a given digest.

use std::collections::BTreeMap;

use async_trait::async_trait;
use oci_types::{Digest, MediaType, RepositoryName};

use super::MetadataError;

/// One entry of a referrers list, the fields of its descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrer {
    /// Position in the list, for paging; opaque outside the engine.
    pub cursor: i64,
    /// Media type of the manifest.
    pub media_type: MediaType,
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// `artifactType`, else the config's media type; absent for an index without one.
    pub artifact_type: Option<MediaType>,
    /// All annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
}

/// How many bytes of annotations one answer gathers. A page is at most as large as the manifests clients
/// accept, so that reading more would be in vain.
pub const REFERRER_BYTES: u64 = 4 * 1024 * 1024;

/// Which referrers are wanted.
#[derive(Debug, Clone)]
pub struct ReferrerQuery {
    /// Digest of the subject; it need not exist.
    pub subject: Digest,
    /// Only those of this artifact type.
    pub artifact_type: Option<MediaType>,
    /// Only those behind this cursor.
    pub after: Option<i64>,
    /// At most so many.
    pub limit: u32,
}

/// Referrers of manifests.
#[async_trait]
pub trait ReferrerIndex: Send + Sync + std::fmt::Debug {
    /// In the order of their push. An unknown repository has none. One query over an index range.
    /// Ends early, at most two entries after their annotations together exceed
    /// [`REFERRER_BYTES`], so that memory does not depend on what was pushed.
    async fn list_referrers(
        &self,
        repository: &RepositoryName,
        query: &ReferrerQuery,
    ) -> Result<Vec<Referrer>, MetadataError>;
}
