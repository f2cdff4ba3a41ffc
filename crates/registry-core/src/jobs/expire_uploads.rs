//! Ends upload sessions nobody touched for their lifetime and forgets finished ones.

use super::{BATCH, Step};
use crate::error::RegistryError;
use crate::registry::Registry;

pub(super) async fn step(registry: &Registry) -> Result<Step, RegistryError> {
    let ended = registry.metadata.expire_uploads(BATCH).await?;
    if ended > 0 {
        tracing::debug!(sessions = ended, "expire uploads");
    }
    Ok(if ended < u64::from(BATCH) {
        Step::Done
    } else {
        Step::More
    })
}
