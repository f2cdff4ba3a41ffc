//! Blobs: find, open, delete. How they come in stands in `uploads`.

use std::fmt;
use std::ops::Range;

use oci_types::Digest;

use crate::access::{DeleteAccess, PullAccess};
use crate::error::RegistryError;
use crate::ports::{BlobDeletion, Location, Lookup, StoredBlob};
use crate::redirects::Redirects;
use crate::registry::Registry;

/// How a client gets a blob.
pub enum BlobDelivery {
    /// From this URL, without the registry, whatever the range. A capability: not for a log.
    Redirect(String),
    /// The bytes that were asked for, from here.
    Bytes(Location),
}

impl fmt::Debug for BlobDelivery {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redirect(_) => formatter.write_str("Redirect"),
            Self::Bytes(location) => location.fmt(formatter),
        }
    }
}

impl Registry {
    /// Size and place of a blob the repository holds.
    pub async fn find_blob(
        &self,
        access: &PullAccess,
        digest: &Digest,
    ) -> Result<StoredBlob, RegistryError> {
        let found = self.metadata.find_blob(access.repository(), digest).await?;
        Self::known(access, found)
    }

    /// The same for a client that will be sent to the bytes, if their size and the operator allow
    /// it: it may learn for some seconds where a blob lay that was deleted.
    pub async fn locate_blob(
        &self,
        access: &PullAccess,
        digest: &Digest,
    ) -> Result<StoredBlob, RegistryError> {
        let repository = access.repository();
        let redirects = self.redirects.as_ref();
        let Some(redirects) = redirects.filter(|redirects| redirects.reach(repository)) else {
            return self.find_blob(access, digest).await;
        };
        let above = redirects.inline_bytes;
        let found = self.metadata.locate_blob(repository, digest, above).await?;
        Self::known(access, found)
    }

    fn known(access: &PullAccess, found: Lookup<StoredBlob>) -> Result<StoredBlob, RegistryError> {
        match found {
            Lookup::Found(blob) => Ok(blob),
            Lookup::Absent => Err(RegistryError::BlobUnknown),
            Lookup::NoRepository => Err(RegistryError::NameUnknown(access.repository().clone())),
        }
    }

    /// The host that clients may be sent to for blobs, if any.
    pub fn redirect_host(&self) -> Option<&str> {
        self.redirects
            .as_ref()
            .and_then(|_| self.blobs.redirect_host())
    }

    /// How a client gets `range` of a blob that was found: from the blob store itself, if it can
    /// follow there (`redirect`) and the operator allows it, or through the registry.
    pub async fn deliver_blob(
        &self,
        access: &PullAccess,
        blob: &StoredBlob,
        range: Range<u64>,
        redirect: bool,
    ) -> Result<BlobDelivery, RegistryError> {
        let allowed = |redirects: &Redirects| redirects.apply_to(access.repository(), blob.size);
        if redirect
            && self.redirects.as_ref().is_some_and(allowed)
            && let Some(url) = self.blobs.redirect(blob.storage_key).await?
        {
            return Ok(BlobDelivery::Redirect(url));
        }
        let opened = self.blobs.open(blob.storage_key, blob.size, range).await?;
        Ok(BlobDelivery::Bytes(opened))
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
