//! Blobs: find, open, delete. How they come in stands in `uploads`.

use std::ops::Range;

use oci_types::Digest;

use crate::access::{DeleteAccess, PullAccess};
use crate::error::RegistryError;
use crate::ports::{BlobDeletion, Location, Lookup, StoredBlob};
use crate::registry::Registry;

impl Registry {
    /// Size and place of a blob the repository holds.
    pub async fn find_blob(
        &self,
        access: &PullAccess,
        digest: &Digest,
    ) -> Result<StoredBlob, RegistryError> {
        match self.metadata.find_blob(access.repository(), digest).await? {
            Lookup::Found(blob) => Ok(blob),
            Lookup::Absent => Err(RegistryError::BlobUnknown),
            Lookup::NoRepository => Err(RegistryError::NameUnknown(access.repository().clone())),
        }
    }

    /// How to get `range` of a blob that was found.
    pub async fn open_blob(
        &self,
        blob: &StoredBlob,
        range: Range<u64>,
    ) -> Result<Location, RegistryError> {
        Ok(self.blobs.open(blob.storage_key, blob.size, range).await?)
    }

    /// Takes a blob out of a repository, unless a manifest there names it.
    pub async fn delete_blob(
        &self,
        access: &DeleteAccess,
        digest: &Digest,
    ) -> Result<(), RegistryError> {
        match self
            .metadata
            .delete_blob(access.change(), access.repository(), digest)
            .await?
        {
            BlobDeletion::Deleted => Ok(()),
            BlobDeletion::Referenced { manifest } => {
                Err(RegistryError::BlobReferenced { manifest })
            }
            BlobDeletion::Absent => Err(RegistryError::BlobUnknown),
            BlobDeletion::NoRepository => {
                Err(RegistryError::NameUnknown(access.repository().clone()))
            }
        }
    }
}
