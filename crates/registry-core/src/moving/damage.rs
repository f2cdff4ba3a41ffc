//! What the source should hold and does not: bytes that are gone, or are not what their digest says.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use oci_types::{Digest, RepositoryName};

use crate::ports::{HeldBlob, StorageKey};

/// Something that cannot be copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Where it was met first.
    pub repository: RepositoryName,
    /// Which blob or manifest.
    pub digest: Digest,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}@{}: {}",
            self.repository, self.digest, self.reason
        )
    }
}

/// What the pass under way met, and which objects of the store need not be read again: a blob that was pushed anew has
/// another.
#[derive(Debug, Default)]
pub(super) struct Damages {
    met: Mutex<BTreeMap<Digest, Damage>>,
    unreadable: Mutex<HashMap<StorageKey, String>>,
}

impl Damages {
    /// For the next pass: what was damaged may have been deleted and pushed again.
    pub(super) fn forget(&self) {
        held(&self.met).clear();
    }

    pub(super) fn add(&self, repository: &RepositoryName, digest: Digest, reason: String) {
        let damage = Damage {
            repository: repository.clone(),
            digest,
            reason,
        };
        tracing::error!(%damage, "the source is damaged");
        held(&self.met).entry(digest).or_insert(damage);
    }

    pub(super) fn add_blob(&self, repository: &RepositoryName, blob: &HeldBlob, reason: String) {
        held(&self.unreadable).insert(blob.storage_key, reason.clone());
        self.add(repository, blob.digest, reason);
    }

    /// Whether the bytes of a blob were found to be damaged, which is content wherever it is shown.
    pub(super) fn knows(&self, repository: &RepositoryName, blob: &HeldBlob) -> bool {
        let Some(reason) = held(&self.unreadable).get(&blob.storage_key).cloned() else {
            return false;
        };
        let damage = Damage {
            repository: repository.clone(),
            digest: blob.digest,
            reason,
        };
        held(&self.met).entry(blob.digest).or_insert(damage);
        true
    }

    pub(super) fn all(&self) -> Vec<Damage> {
        held(&self.met).values().cloned().collect()
    }
}

fn held<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
