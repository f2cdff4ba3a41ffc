//! What the source should hold and does not: bytes that are gone, or are not what their digest says.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use oci_types::{Digest, RepositoryName};

/// Something that cannot be copied.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
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

/// All of it, so that nothing is tried twice.
#[derive(Debug, Default)]
pub(super) struct Damages(Mutex<BTreeSet<Damage>>);

impl Damages {
    pub(super) fn add(&self, repository: &RepositoryName, digest: Digest, reason: String) {
        let damage = Damage {
            repository: repository.clone(),
            digest,
            reason,
        };
        tracing::error!(%damage, "the source is damaged");
        let mut damages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        damages.insert(damage);
    }

    /// Content is damaged wherever it is shown.
    pub(super) fn knows(&self, digest: &Digest) -> bool {
        let damages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        damages.iter().any(|damage| damage.digest == *digest)
    }

    pub(super) fn all(&self) -> Vec<Damage> {
        let damages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        damages.iter().cloned().collect()
    }
}
