//! What the source has no more: manifests, an index before what it contains, and blobs after the manifests.
//!
//! Something that stays may hold what has to go, because the source took it again after the other was gone: it is taken
//! away as well, and comes back with the next pass.

use oci_types::{Digest, RepositoryName};

use super::tally::count;
use super::{MoveError, Mover, target};
use crate::change::Guard;
use crate::ports::{BlobDeletion, HeldManifest, ManifestDeletion};

impl Mover {
    pub(super) async fn remove_manifests(
        &self,
        name: &RepositoryName,
        mut extra: Vec<HeldManifest>,
    ) -> Result<(), MoveError> {
        // An index mostly came after what it contains.
        extra.sort_unstable_by_key(|manifest| std::cmp::Reverse(manifest.order));
        for manifest in extra {
            self.remove_manifest(name, manifest.digest).await?;
        }
        Ok(())
    }

    pub(super) async fn remove_blobs(
        &self,
        name: &RepositoryName,
        extra: Vec<Digest>,
    ) -> Result<(), MoveError> {
        let access = self.caller.delete_access(name).map_err(target)?;
        for digest in extra {
            self.go_on()?;
            loop {
                let metadata = &self.target.metadata;
                let deletion = metadata.delete_blob(access.change(), name, &digest);
                match deletion.await.map_err(target)? {
                    BlobDeletion::Deleted => count(&self.tally.removed, 1),
                    BlobDeletion::Referenced { manifest } => {
                        self.remove_manifest(name, manifest).await?;
                        continue;
                    }
                    BlobDeletion::Absent | BlobDeletion::NoRepository => {}
                }
                break;
            }
        }
        Ok(())
    }

    /// Takes a manifest away, after every index that contains it.
    async fn remove_manifest(
        &self,
        name: &RepositoryName,
        digest: Digest,
    ) -> Result<(), MoveError> {
        let access = self.caller.delete_access(name).map_err(target)?;
        let mut doomed = vec![digest];
        while let Some(digest) = doomed.last() {
            self.go_on()?;
            let metadata = &self.target.metadata;
            let deletion = metadata.delete_manifest(access.change(), Guard::open(), name, digest);
            match deletion.await.map_err(target)? {
                ManifestDeletion::Contained { parent } => {
                    doomed.push(parent);
                    continue;
                }
                ManifestDeletion::Deleted => count(&self.tally.removed, 1),
                ManifestDeletion::Absent | ManifestDeletion::NoRepository => {}
                ManifestDeletion::Refused(refusal) => return Err(target(refusal)),
            }
            doomed.pop();
        }
        Ok(())
    }
}
