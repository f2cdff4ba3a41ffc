//! Where blobs lie to which clients are sent, for some seconds: a layer that is fetched in many ranges is looked up
//! once. What is deleted here is forgotten here. Another process, and a look-up that began before the deletion, may send
//! clients to the bytes for as long as they are remembered, which is less than the time for which a URL is good that was
//! given before.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hashlink::LruCache;
use oci_types::{Digest, RepositoryName};
use registry_core::ports::StoredBlob;

use crate::lookups::Lookups;

/// Locations that are remembered; with the longest names they take 6 MiB.
const LOCATIONS: usize = 16 * 1024;

#[derive(Debug)]
pub(crate) struct Locations {
    entries: Mutex<LruCache<(RepositoryName, Digest), Entry>>,
    lifetime: Duration,
    lookups: Lookups,
}

#[derive(Debug)]
struct Entry {
    blob: StoredBlob,
    found: Instant,
}

impl Locations {
    /// Remembers for `lifetime`, or nothing if that is zero.
    pub(crate) fn new(lifetime: Duration, lookups: Lookups) -> Self {
        Self {
            entries: Mutex::new(LruCache::new(LOCATIONS)),
            lifetime,
            lookups,
        }
    }

    /// What was found a short time ago, if it has more than `above` bytes.
    pub(crate) fn recent(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        above: u64,
    ) -> Option<StoredBlob> {
        if self.lifetime.is_zero() {
            return None;
        }
        let found = self
            .entries()
            .get(&(repository.clone(), *digest))
            .and_then(|entry| {
                let is_good = entry.found.elapsed() < self.lifetime && entry.blob.size > above;
                is_good.then(|| entry.blob.clone())
            });
        match found {
            Some(_) => self.lookups.hit(),
            None => self.lookups.miss(),
        }
        found
    }

    /// It was found just now.
    pub(crate) fn remember(&self, repository: &RepositoryName, blob: &StoredBlob) {
        if self.lifetime.is_zero() {
            return;
        }
        let entry = Entry {
            blob: blob.clone(),
            found: Instant::now(),
        };
        self.entries()
            .insert((repository.clone(), blob.digest), entry);
    }

    /// The repository may have lost it.
    pub(crate) fn forget(&self, repository: &RepositoryName, digest: &Digest) {
        self.entries().remove(&(repository.clone(), *digest));
    }

    fn entries(&self) -> MutexGuard<'_, LruCache<(RepositoryName, Digest), Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use oci_types::Algorithm;
    use registry_core::ports::StorageKey;

    use super::*;

    const LIFE: Duration = Duration::from_mins(1);

    fn name(name: &str) -> RepositoryName {
        name.parse().unwrap()
    }

    fn blob(content: &str, size: u64) -> StoredBlob {
        StoredBlob {
            digest: blob_hash::digest(Algorithm::Sha256, content.as_bytes()),
            size,
            storage_key: StorageKey::of(uuid::Uuid::nil()),
        }
    }

    #[test]
    fn a_location_is_known_in_its_repository_and_for_large_blobs() {
        let locations = Locations::new(LIFE, Lookups::for_test());
        let (here, there, blob) = (name("a/b"), name("a/c"), blob("x", 10));
        let recent = |repository, above| locations.recent(repository, &blob.digest, above);
        assert_eq!(recent(&here, 9), None);
        locations.remember(&here, &blob);
        assert_eq!(recent(&here, 9), Some(blob.clone()));
        assert_eq!(recent(&here, 10), None, "it is to be served from here");
        assert_eq!(recent(&there, 9), None, "another repository");
        assert_eq!(locations.lookups.counted(), (1, 3));
        locations.forget(&here, &blob.digest);
        assert_eq!(recent(&here, 9), None);
    }

    #[test]
    fn a_location_is_forgotten_in_time() {
        let (here, blob) = (name("a/b"), blob("x", 10));
        let short = Locations::new(Duration::from_millis(1), Lookups::for_test());
        short.remember(&here, &blob);
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(short.recent(&here, &blob.digest, 0), None);
        let none = Locations::new(Duration::ZERO, Lookups::for_test());
        none.remember(&here, &blob);
        assert_eq!(none.recent(&here, &blob.digest, 0), None);
        assert_eq!(none.lookups.counted(), (0, 0), "it is turned off");
        assert!(none.entries().is_empty());
    }
}
