//! Manifests: put, read, delete. Bytes are kept as they came; they are parsed once,
//! when they are put, for what they refer to.

use std::collections::HashMap;

use blob_hash::digest;
use bytes::Bytes;
use oci_types::{Algorithm, Descriptor, Digest, Manifest, ManifestKind, MediaType, Reference, Tag};
use tokio::task::spawn_blocking;

use crate::access::{DeleteAccess, PullAccess, PushAccess};
use crate::error::RegistryError;
use crate::ports::{
    BlobKind, BlobReference, Lookup, ManifestCommit, ManifestDeletion, ManifestStat, NewManifest,
    StoredManifest, TagDeletion,
};
use crate::precondition::Precondition;
use crate::registry::Registry;

/// A manifest as a client pushes it.
#[derive(Debug, Clone)]
pub struct ManifestPut {
    /// What the client calls it.
    pub reference: Reference,
    /// More tags for it; only for a push by digest.
    pub tags: Vec<Tag>,
    /// `Content-Type`, without parameters.
    pub media_type: MediaType,
    /// The body.
    pub payload: Bytes,
    /// `If-Match` and `If-None-Match`.
    pub precondition: Precondition,
}

/// What a push answers with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestReceipt {
    /// Digest of the stored bytes.
    pub digest: Digest,
    /// The subject that was recorded, if the manifest names one.
    pub subject: Option<Digest>,
    /// The tags that name it now, of those in the request.
    pub tags: Vec<Tag>,
}

impl Registry {
    /// Digest, media type and size of a manifest.
    pub async fn stat_manifest(
        &self,
        access: &PullAccess,
        reference: &Reference,
    ) -> Result<ManifestStat, RegistryError> {
        found(
            access,
            self.metadata
                .stat_manifest(access.repository(), reference)
                .await?,
        )
    }

    /// A manifest, byte for byte.
    pub async fn read_manifest(
        &self,
        access: &PullAccess,
        reference: &Reference,
    ) -> Result<StoredManifest, RegistryError> {
        found(
            access,
            self.metadata
                .read_manifest(access.repository(), reference)
                .await?,
        )
    }

    /// Stores a manifest and points tags at it.
    pub async fn put_manifest(
        &self,
        access: &PushAccess,
        put: ManifestPut,
    ) -> Result<ManifestReceipt, RegistryError> {
        self.check_manifest_size(&put.payload)?;
        let (put, examined) = examine(put).await?;
        let Examined {
            digest,
            manifest,
            references,
        } = examined;
        let guard = put.precondition.guard(&put.reference);
        let tags = tags_of(put.reference, put.tags);
        let subject = manifest.subject.as_ref().map(|subject| subject.digest);
        let commit = NewManifest {
            repository: access.repository().clone(),
            digest,
            media_type: put.media_type,
            payload: put.payload,
            references,
            artifact_type: manifest.artifact_type,
            annotations: manifest.annotations,
            subject,
            tags: tags.clone(),
            missing_references: self.settings.missing_references,
            pushed_at: None,
        };
        match self
            .metadata
            .commit_manifest(access.change(), guard, commit)
            .await?
        {
            ManifestCommit::Committed => Ok(ManifestReceipt {
                digest,
                subject,
                tags,
            }),
            ManifestCommit::MissingBlobs(digests) => {
                Err(RegistryError::ManifestBlobsUnknown(digests))
            }
            ManifestCommit::SizeMismatch { digest, stored } => {
                Err(RegistryError::DescriptorSizeMismatch { digest, stored })
            }
            ManifestCommit::Refused(refusal) => Err(refusal.into()),
        }
    }

    /// Deletes a tag, or a manifest with every tag that names it.
    pub async fn delete_manifest(
        &self,
        access: &DeleteAccess,
        reference: &Reference,
        precondition: Precondition,
    ) -> Result<(), RegistryError> {
        let guard = precondition.guard(reference);
        match reference {
            Reference::Tag(tag) => {
                let deletion = self
                    .metadata
                    .delete_tag(access.change(), guard, access.repository(), tag)
                    .await?;
                match deletion {
                    TagDeletion::Deleted => Ok(()),
                    TagDeletion::Absent => Err(RegistryError::ManifestUnknown),
                    TagDeletion::NoRepository => {
                        Err(RegistryError::NameUnknown(access.repository().clone()))
                    }
                    TagDeletion::Refused(refusal) => Err(refusal.into()),
                }
            }
            Reference::Digest(digest) => {
                let deletion = self
                    .metadata
                    .delete_manifest(access.change(), guard, access.repository(), digest)
                    .await?;
                match deletion {
                    ManifestDeletion::Deleted => Ok(()),
                    ManifestDeletion::Contained { parent } => {
                        Err(RegistryError::ManifestContained { parent })
                    }
                    ManifestDeletion::Absent => Err(RegistryError::ManifestUnknown),
                    ManifestDeletion::NoRepository => {
                        Err(RegistryError::NameUnknown(access.repository().clone()))
                    }
                    ManifestDeletion::Refused(refusal) => Err(refusal.into()),
                }
            }
        }
    }

    fn check_manifest_size(&self, payload: &Bytes) -> Result<(), RegistryError> {
        let limit = self.settings.max_manifest_bytes;
        if payload.len() as u64 > limit {
            Err(RegistryError::ManifestTooLarge { limit })
        } else {
            Ok(())
        }
    }
}

fn found<T>(access: &PullAccess, lookup: Lookup<T>) -> Result<T, RegistryError> {
    match lookup {
        Lookup::Found(manifest) => Ok(manifest),
        Lookup::Absent => Err(RegistryError::ManifestUnknown),
        Lookup::NoRepository => Err(RegistryError::NameUnknown(access.repository().clone())),
    }
}

/// What a push says of itself, checked.
pub(crate) struct Examined {
    pub(crate) digest: Digest,
    pub(crate) manifest: Manifest,
    pub(crate) references: Vec<BlobReference>,
}

impl Examined {
    fn new(put: &ManifestPut) -> Result<Self, RegistryError> {
        let digest = payload_digest(put)?;
        let manifest = Manifest::parse(&put.media_type, &put.payload)?;
        check_embedded_data(&manifest)?;
        Ok(Self {
            digest,
            references: references_of(&manifest)?,
            manifest,
        })
    }
}

/// Hashes and parses a push. A long one, which takes milliseconds, holds up no other request
/// meanwhile; for a short one a change of threads would cost more than the work.
pub(crate) async fn examine(put: ManifestPut) -> Result<(ManifestPut, Examined), RegistryError> {
    const INLINE: usize = 64 * 1024;
    let short = put.payload.len() <= INLINE;
    let work = move || Examined::new(&put).map(|examined| (put, examined));
    if short {
        work()
    } else {
        spawn_blocking(work).await?
    }
}

/// The digest the manifest is stored under: the client's, checked, or else SHA-256.
fn payload_digest(put: &ManifestPut) -> Result<Digest, RegistryError> {
    let Reference::Digest(expected) = put.reference else {
        return Ok(digest(Algorithm::Sha256, &put.payload));
    };
    let actual = digest(expected.algorithm(), &put.payload);
    if actual == expected {
        Ok(actual)
    } else {
        Err(RegistryError::DigestMismatch { expected, actual })
    }
}

/// A descriptor may embed its content (image-spec, descriptor.md, `data`); what is embedded must be what it names.
fn check_embedded_data(manifest: &Manifest) -> Result<(), RegistryError> {
    let differs = |descriptor: &&Descriptor| {
        let content = descriptor.data.as_deref();
        content.is_some_and(|content| {
            digest(descriptor.digest.algorithm(), content) != descriptor.digest
        })
    };
    let wrong = manifest
        .descriptors()
        .chain(&manifest.subject)
        .find(differs);
    wrong.map_or(Ok(()), |descriptor| {
        Err(RegistryError::EmbeddedDataMismatch(descriptor.digest))
    })
}

fn tags_of(reference: Reference, more: Vec<Tag>) -> Vec<Tag> {
    let mut tags = more;
    if let Reference::Tag(tag) = reference {
        tags.push(tag);
    }
    tags.sort_unstable();
    tags.dedup();
    tags
}

/// Every digest the manifest names, once. Named twice it counts as the stricter kind, and must claim one size.
fn references_of(manifest: &Manifest) -> Result<Vec<BlobReference>, RegistryError> {
    let layer = |descriptor: &Descriptor| {
        if descriptor.media_type.is_non_distributable() {
            BlobKind::NonDistributable
        } else {
            BlobKind::Layer
        }
    };
    let config = manifest
        .config
        .iter()
        .map(|descriptor| (descriptor, BlobKind::Config));
    let layers = manifest
        .layers
        .iter()
        .map(|descriptor| (descriptor, layer(descriptor)));
    let children = manifest
        .manifests
        .iter()
        .map(|descriptor| (descriptor, BlobKind::Child));

    let mut references: Vec<BlobReference> = Vec::new();
    let mut positions: HashMap<Digest, usize> = HashMap::new();
    for (descriptor, kind) in config.chain(layers).chain(children) {
        let (digest, size) = (descriptor.digest, descriptor.size);
        if let Some(&position) = positions.get(&digest) {
            let known = &mut references[position];
            if known.size != size {
                return Err(RegistryError::DescriptorSizeMismatch {
                    digest,
                    stored: known.size,
                });
            }
            known.kind = known.kind.min(kind);
        } else {
            positions.insert(digest, references.len());
            references.push(BlobReference { digest, size, kind });
        }
    }
    debug_assert!(manifest.kind != ManifestKind::Other || references.is_empty());
    Ok(references)
}
