//! Payloads of manifests in memory, by their digest. They never change, so a copy is as good as the
//! row; whether a manifest is there, and what a tag names, is asked of the database each time.
//!
//! Beside them stands what tags named when they were last read. That is a guess, for which the
//! database is asked to leave out one payload: if the tag moved on meanwhile, the other comes.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use hashlink::{LinkedHashMap, LruCache};
use oci_types::{Digest, Reference, RepositoryName, Tag};
use registry_core::ports::ManifestStat;

use crate::error::ForeignValue;
use crate::lookups::Lookups;

/// Tags that are remembered. Each takes about a hundred bytes, which nobody counts.
const TAGS: usize = 16 * 1024;
/// What an entry takes beside its payload, roughly.
const OVERHEAD: usize = 256;

/// A payload that need not be sent.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) digest: Digest,
    payload: Bytes,
}

#[derive(Debug)]
pub(crate) struct Payloads {
    entries: Mutex<Entries>,
    hasher: RandomState,
    /// Most bytes they may take together.
    capacity: usize,
    lookups: Lookups,
}

#[derive(Debug)]
struct Entries {
    payloads: LinkedHashMap<Digest, Bytes>,
    bytes: usize,
    /// By the hash of repository and tag: a collision costs a payload that is sent in vain.
    tags: LruCache<u64, Digest>,
}

impl Payloads {
    /// Holds at most `capacity` bytes; with 0 it holds nothing.
    pub(crate) fn new(capacity: usize, lookups: Lookups) -> Self {
        Self {
            entries: Mutex::new(Entries {
                payloads: LinkedHashMap::new(),
                bytes: 0,
                tags: LruCache::new(TAGS),
            }),
            hasher: RandomState::new(),
            capacity,
            lookups,
        }
    }

    /// What a reference names, or named last, if its payload is here.
    pub(crate) fn held(&self, repository: &RepositoryName, reference: &Reference) -> Option<Held> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let digest = match reference {
            Reference::Digest(digest) => *digest,
            Reference::Tag(tag) => *entries.tags.get(&self.key(repository, tag))?,
        };
        let payload = entries.payloads.to_back(&digest)?.clone();
        Some(Held { digest, payload })
    }

    /// The database left the payload out.
    pub(crate) fn spared(&self, held: Option<Held>) -> Result<Bytes, ForeignValue> {
        self.lookups.hit();
        held.map(|held| held.payload).ok_or_else(|| ForeignValue {
            column: 3,
            cause: "a manifest has no payload".into(),
        })
    }

    /// The database sent the payload.
    pub(crate) fn sent(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
        stat: &ManifestStat,
        payload: Bytes,
    ) -> Bytes {
        self.lookups.miss();
        let size = payload.len() + OVERHEAD;
        if size > self.capacity {
            return payload;
        }
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Reference::Tag(tag) = reference {
            entries.tags.insert(self.key(repository, tag), stat.digest);
        }
        entries.insert(stat.digest, payload.clone());
        entries.shrink(self.capacity);
        payload
    }

    fn key(&self, repository: &RepositoryName, tag: &Tag) -> u64 {
        self.hasher.hash_one((repository.as_str(), tag.as_str()))
    }
}

impl Entries {
    fn insert(&mut self, digest: Digest, payload: Bytes) {
        self.bytes += payload.len() + OVERHEAD;
        if let Some(before) = self.payloads.insert(digest, payload) {
            self.bytes -= before.len() + OVERHEAD;
        }
    }

    /// Drops those that were used longest ago.
    fn shrink(&mut self, capacity: usize) {
        while self.bytes > capacity
            && let Some((_, payload)) = self.payloads.pop_front()
        {
            self.bytes -= payload.len() + OVERHEAD;
        }
    }
}

#[cfg(test)]
mod tests {
    use oci_types::Algorithm;

    use super::*;

    fn stat(content: &str) -> ManifestStat {
        ManifestStat {
            digest: blob_hash::digest(Algorithm::Sha256, content.as_bytes()),
            media_type: "application/json".parse().unwrap(),
            size: content.len() as u64,
        }
    }

    fn send(payloads: &Payloads, reference: &Reference, content: &str) {
        let payload = Bytes::copy_from_slice(content.as_bytes());
        payloads.sent(&"a/b".parse().unwrap(), reference, &stat(content), payload);
    }

    fn held(payloads: &Payloads, reference: &Reference) -> Option<Bytes> {
        let held = payloads.held(&"a/b".parse().unwrap(), reference)?;
        Some(held.payload)
    }

    #[test]
    fn what_a_tag_named_last_is_held() {
        let payloads = Payloads::new(1 << 20, Lookups::for_test());
        let tag = Reference::Tag("v1".parse().unwrap());
        assert!(held(&payloads, &tag).is_none());
        send(&payloads, &tag, "one");
        send(&payloads, &tag, "two");
        assert_eq!(held(&payloads, &tag).unwrap(), "two");
        let digest = Reference::Digest(stat("one").digest);
        assert_eq!(held(&payloads, &digest).unwrap(), "one");
        let elsewhere = payloads.held(&"a/c".parse().unwrap(), &tag);
        assert!(elsewhere.is_none());
    }

    #[test]
    fn the_oldest_go_first() {
        let payloads = Payloads::new(2 * (OVERHEAD + 3), Lookups::for_test());
        let digest = |content| Reference::Digest(stat(content).digest);
        for content in ["one", "two"] {
            send(&payloads, &digest(content), content);
        }
        assert!(held(&payloads, &digest("one")).is_some(), "used again");
        send(&payloads, &digest("six"), "six");
        assert!(held(&payloads, &digest("two")).is_none());
        assert!(held(&payloads, &digest("one")).is_some());
        assert!(held(&payloads, &digest("six")).is_some());
        let bytes = payloads.entries.lock().unwrap().bytes;
        assert_eq!(bytes, 2 * (OVERHEAD + 3));
    }

    #[test]
    fn without_capacity_nothing_is_held() {
        let payloads = Payloads::new(0, Lookups::for_test());
        let digest = Reference::Digest(stat("").digest);
        send(&payloads, &digest, "");
        assert!(held(&payloads, &digest).is_none());
    }
}
