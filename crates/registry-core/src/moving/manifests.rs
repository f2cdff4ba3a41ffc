//! Manifests, in the order of their push, which is that of the list of referrers. They are described anew from their
//! payload, as when they were pushed.

use oci_types::{Digest, Reference, RepositoryName, Tag};

use super::comparison::{Comparison, Difference};
use super::lists::Manifests;
use super::repository::ROUND;
use super::tally::count;
use super::{MoveError, Mover, source, target};
use crate::change::Guard;
use crate::error::RegistryError;
use crate::manifests::{Examined, ManifestPut, examine};
use crate::ports::{
    HeldManifest, Lookup, ManifestCommit, MissingReferences, NewManifest, StoredManifest, Timestamp,
};
use crate::precondition::Precondition;

/// A manifest to be pushed, and the tags that are to name it.
pub(super) struct Wanted {
    pub(super) digest: Digest,
    pub(super) tags: Vec<Tag>,
    pub(super) pushed_at: Option<Timestamp>,
}

impl Mover {
    /// Pushes what the target lacks or has as another type; returns what it has too much.
    pub(super) async fn push_manifests(
        &self,
        name: &RepositoryName,
    ) -> Result<Vec<HeldManifest>, MoveError> {
        let list = Manifests(name);
        let mut manifests = Comparison::new(&list, &*self.source.metadata, &*self.target.metadata);
        let (mut wanted, mut extra) = (Vec::new(), Vec::new());
        while let Some(difference) = manifests.next().await? {
            match difference {
                Difference::Missing(manifest) => wanted.push(manifest),
                Difference::Both { source, target } if source.media_type != target.media_type => {
                    wanted.push(source);
                }
                Difference::Extra(manifest) if extra.len() < ROUND => extra.push(manifest),
                Difference::Extra(_) | Difference::Both { .. } => {}
            }
            if wanted.len() >= ROUND {
                self.push_in_order(name, std::mem::take(&mut wanted))
                    .await?;
            }
        }
        self.push_in_order(name, wanted).await?;
        Ok(extra)
    }

    async fn push_in_order(
        &self,
        name: &RepositoryName,
        mut wanted: Vec<HeldManifest>,
    ) -> Result<(), MoveError> {
        wanted.sort_unstable_by_key(|manifest| manifest.order);
        for manifest in wanted {
            let wanted = Wanted {
                digest: manifest.digest,
                tags: Vec::new(),
                pushed_at: Some(manifest.pushed_at),
            };
            if self.push_manifest(name, wanted).await? {
                count(&self.tally.manifests, 1);
            }
        }
        Ok(())
    }

    /// `false` if it is not there any more, or damaged.
    pub(super) async fn push_manifest(
        &self,
        name: &RepositoryName,
        wanted: Wanted,
    ) -> Result<bool, MoveError> {
        self.go_on()?;
        let digest = wanted.digest;
        let metadata = &self.source.metadata;
        let read = metadata
            .read_manifest(name, &Reference::Digest(digest))
            .await;
        let Lookup::Found(stored) = read.map_err(source)? else {
            return Ok(false);
        };
        let Some(manifest) = self.describe(name, stored, wanted).await? else {
            return Ok(false);
        };
        self.commit(manifest).await?;
        Ok(true)
    }

    /// What its payload says of it; `None` if that is damaged.
    async fn describe(
        &self,
        name: &RepositoryName,
        stored: StoredManifest,
        wanted: Wanted,
    ) -> Result<Option<NewManifest>, MoveError> {
        let put = ManifestPut {
            reference: Reference::Digest(wanted.digest),
            tags: Vec::new(),
            media_type: stored.stat.media_type,
            payload: stored.payload,
            precondition: Precondition::default(),
        };
        let (put, examined) = match examine(put).await {
            Ok(examined) => examined,
            Err(RegistryError::Task(error)) => return Err(MoveError::Task(error)),
            Err(error) => {
                self.damages.add(name, wanted.digest, error.to_string());
                return Ok(None);
            }
        };
        let Examined {
            digest,
            manifest,
            references,
        } = examined;
        Ok(Some(NewManifest {
            repository: name.clone(),
            digest,
            media_type: put.media_type,
            payload: put.payload,
            artifact_type: manifest.artifact_type,
            annotations: manifest.annotations,
            subject: manifest.subject.map(|subject| subject.digest),
            references,
            tags: wanted.tags,
            missing_references: MissingReferences::Accept,
            pushed_at: wanted.pushed_at,
        }))
    }

    /// Commits it with all that the source has of it, a descriptor included that claims another size than the blob
    /// has: the source took it before the blob came.
    async fn commit(&self, mut manifest: NewManifest) -> Result<(), MoveError> {
        let access = self.caller.push_access(&manifest.repository);
        let access = access.map_err(target)?;
        for _ in 0..=manifest.references.len() {
            let commit = self.target.metadata.commit_manifest(
                access.change(),
                Guard::open(),
                manifest.clone(),
            );
            match commit.await.map_err(target)? {
                ManifestCommit::Committed => return Ok(()),
                ManifestCommit::SizeMismatch { digest, stored } => {
                    let references = manifest.references.iter_mut();
                    for reference in references.filter(|reference| reference.digest == digest) {
                        reference.size = stored;
                    }
                }
                ManifestCommit::MissingBlobs(digests) => {
                    return Err(target(RegistryError::ManifestBlobsUnknown(digests)));
                }
                ManifestCommit::Refused(refusal) => return Err(target(refusal)),
            }
        }
        Err(target(RegistryError::ManifestUnknown))
    }
}
