//! Referrers: list the manifests whose subject is a digest.

use crate::access::PullAccess;
use crate::error::RegistryError;
use crate::ports::{Referrer, ReferrerQuery};
use crate::registry::Registry;

impl Registry {
    /// In the order of their push. A repository or subject that is not there has none: the
    /// referrers API never answers 404 (distribution-spec, "Listing Referrers").
    pub async fn list_referrers(
        &self,
        access: &PullAccess,
        query: &ReferrerQuery,
    ) -> Result<Vec<Referrer>, RegistryError> {
        Ok(self
            .metadata
            .list_referrers(access.repository(), query)
            .await?)
    }
}
