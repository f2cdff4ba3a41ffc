//! One repository: everything in it, in the order in which it can be written and taken away.

use oci_types::RepositoryName;

use super::tally::count;
use super::{MoveError, Mover};

/// How many entries of a repository are gathered before something is done about them. What is beyond that is left to
/// the next pass, or comes in another round.
pub(super) const ROUND: usize = 50_000;

impl Mover {
    /// Makes the target's repository what the source's is.
    pub(super) async fn even_out(&self, name: &RepositoryName) -> Result<(), MoveError> {
        let blobs = self.copy_blobs(name).await?;
        let manifests = self.push_manifests(name).await?;
        self.set_tags(name).await?;
        self.remove_manifests(name, manifests).await?;
        self.remove_blobs(name, blobs).await?;
        count(&self.tally.repositories, 1);
        Ok(())
    }
}
