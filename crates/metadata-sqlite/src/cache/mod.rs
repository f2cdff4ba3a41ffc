//! The exact in-process cache of look-ups: manifests by tag and digest, blobs by digest.
//!
//! Exact means: an answer from here is what the database would answer at that moment. It can be,
//! because all writes of a database go through the one writer of this process, which holds a lock
//! on it. Only what is there is kept, never that something is absent.
//!
//! # Why it is exact
//!
//! Keys lie behind gates. A gate counts the writes that have closed it (`epoch`) and knows whether
//! one has it closed now. A shard's lock guards its gates and its entries together.
//!
//! - The writer, before COMMIT, closes the gates of all keys the batch touches and drops their
//!   entries; after COMMIT, whatever came of it, it opens them and raises their epochs.
//! - A reader that misses takes a ticket *before* it asks the database: the epoch of its gate, or
//!   nothing if that is closed. It stores what it found only if the gate is open still and at
//!   the same epoch.
//!
//! So nothing is stored behind a gate that was closed at any time between ticket and storing.
//! A commit that changes a key happens while its gate is closed. Hence what a reader stores is
//! what the last commit left, and it is dropped before the next one: whenever the lock is held, an
//! entry equals the committed row. It follows that a read that begins after a write was answered
//! sees it (the old entry went before COMMIT, and no older ticket is good any more), and that nobody
//! sees a new state and then an old one: while a gate is closed all ask the database, which shows a
//! commit to everyone who begins to read after the first who saw it.
//!
//! # What lies behind which gate
//!
//! A tag's entry names a digest; the manifest lies under its digest once, with its payload, whichever
//! way it was read. Both are looked up under one lock, so the two together are the state of one
//! moment. Tags move often: a shard spreads them over many gates, so that pushing one hinders only
//! the storing of few others, and drops none. Manifests and blobs change only when one is deleted or
//! pushed again as another media type: one gate a shard is enough, and a look-up by tag, which does
//! not know its digest beforehand, can take its ticket. A push of a new manifest touches no gate but
//! that of its tags, because nothing was stored of what was not there.

mod key;
mod shard;

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use oci_types::{Digest, Reference, RepositoryName};
use prometheus::{IntCounter, IntCounterVec, Opts, Registry};
use registry_core::ports::{ManifestStat, StoredBlob, StoredManifest, Timestamp};

pub(crate) use self::key::Key;
use self::key::{Borrowed, Item};
pub(crate) use self::shard::Ticket;
use self::shard::{Entry, Shard, bucket};

/// By repository, so that a tag and its manifest lie in the same shard.
const SHARDS: usize = 16;

/// What a look-up found.
#[derive(Debug)]
pub(crate) enum Cached<T> {
    Hit(T),
    /// Not here; the ticket is for storing what the database says.
    Miss(Ticket),
}

#[derive(Debug)]
struct Counters {
    hits: IntCounter,
    misses: IntCounter,
}

#[derive(Debug)]
pub(crate) struct Cache {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    /// Most bytes all shards may hold together.
    capacity: usize,
    bytes: AtomicUsize,
    manifests: Counters,
    blobs: Counters,
}

impl Cache {
    /// A cache of at most `capacity` bytes; with 0 it holds nothing.
    pub(crate) fn new(capacity: usize, registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str| {
            let counter = IntCounterVec::new(Opts::new(name, help), &["cache"])?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let hits = counter(
            "registry_cache_hits_total",
            "Look-ups answered from memory, by cache.",
        )?;
        let misses = counter(
            "registry_cache_misses_total",
            "Look-ups that asked the database, by cache.",
        )?;
        let counters = |cache: &str| Counters {
            hits: hits.with_label_values(&[cache]),
            misses: misses.with_label_values(&[cache]),
        };
        let hasher = RandomState::new();
        Ok(Self {
            shards: (0..SHARDS)
                .map(|_| Mutex::new(Shard::new(hasher.clone())))
                .collect(),
            hasher,
            capacity,
            bytes: AtomicUsize::new(0),
            manifests: counters("manifest"),
            blobs: counters("blob"),
        })
    }

    /// The manifest with its payload.
    pub(crate) fn manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Cached<StoredManifest> {
        self.look_up(&self.manifests, key_of(repository, reference), |shard| {
            let (stat, payload) = shard.manifest(repository, reference)?;
            payload.map(|payload| StoredManifest {
                stat: stat.clone(),
                payload: payload.clone(),
            })
        })
    }

    /// The manifest without.
    pub(crate) fn manifest_stat(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Cached<ManifestStat> {
        self.look_up(&self.manifests, key_of(repository, reference), |shard| {
            shard
                .manifest(repository, reference)
                .map(|(stat, _)| stat.clone())
        })
    }

    /// Stores what the database said of a manifest.
    pub(crate) fn store_manifest(
        &self,
        ticket: Ticket,
        repository: &RepositoryName,
        reference: &Reference,
        stat: &ManifestStat,
        payload: Option<&Bytes>,
    ) {
        self.store(repository, |shard| {
            let item = Item::Manifest(&stat.digest);
            shard.store(
                ticket,
                Borrowed { repository, item },
                Entry::Manifest(stat.clone(), payload.cloned()),
            );
            if let Reference::Tag(tag) = reference {
                let item = Item::Tag(tag);
                shard.store(
                    ticket,
                    Borrowed { repository, item },
                    Entry::Tag(stat.digest),
                );
            }
        });
    }

    /// The blob, if its link lives until then.
    pub(crate) fn blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        until: Timestamp,
    ) -> Cached<StoredBlob> {
        let key = Borrowed {
            repository,
            item: Item::Blob(digest),
        };
        self.look_up(&self.blobs, key, |shard| {
            shard.blob(repository, digest, until).cloned()
        })
    }

    /// Stores what the database said of a blob and of the end of its link.
    pub(crate) fn store_blob(
        &self,
        ticket: Ticket,
        repository: &RepositoryName,
        blob: &StoredBlob,
        expires_at: Option<Timestamp>,
    ) {
        self.store(repository, |shard| {
            let key = Borrowed {
                repository,
                item: Item::Blob(&blob.digest),
            };
            shard.store(ticket, key, Entry::Blob(blob.clone(), expires_at));
        });
    }

    /// Drops what lies under these keys and stores nothing there until the guard is dropped. To
    /// be held over the COMMIT that changes them.
    pub(crate) fn close<'a>(&'a self, keys: &'a [Key]) -> Closed<'a> {
        for key in keys {
            let key = key.borrowed();
            self.shard(key.repository, |shard| shard.close(key));
        }
        Closed { cache: self, keys }
    }

    fn look_up<T>(
        &self,
        counters: &Counters,
        key: Borrowed<'_>,
        find: impl FnOnce(&mut Shard) -> Option<T>,
    ) -> Cached<T> {
        let found = self.shard(key.repository, |shard| match find(shard) {
            Some(found) => Cached::Hit(found),
            None => Cached::Miss(shard.ticket(key)),
        });
        match &found {
            Cached::Hit(_) => counters.hits.inc(),
            Cached::Miss(_) => counters.misses.inc(),
        }
        found
    }

    fn store(&self, repository: &RepositoryName, store: impl FnOnce(&mut Shard)) {
        if self.capacity == 0 {
            return;
        }
        self.shard(repository, store);
        if self.bytes.load(Ordering::Relaxed) > self.capacity {
            self.shrink();
        }
    }

    /// Drops what was used longest ago, from shards that hold more than their share: if all
    /// together hold too much, at least one does.
    fn shrink(&self) {
        let share = self.capacity / SHARDS;
        for shard in &self.shards {
            self.locked(shard, |shard| {
                let others = self
                    .bytes
                    .load(Ordering::Relaxed)
                    .saturating_sub(shard.bytes());
                while shard.bytes() > share
                    && others + shard.bytes() > self.capacity
                    && shard.evict()
                {}
            });
        }
    }

    fn shard<T>(&self, repository: &RepositoryName, work: impl FnOnce(&mut Shard) -> T) -> T {
        let index = bucket(self.hasher.hash_one(repository), SHARDS);
        self.locked(&self.shards[index], work)
    }

    fn locked<T>(&self, shard: &Mutex<Shard>, work: impl FnOnce(&mut Shard) -> T) -> T {
        // A panic under the lock could only come from running out of memory.
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let before = shard.bytes();
        let result = work(&mut shard);
        let after = shard.bytes();
        self.bytes
            .fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
        result
    }
}

#[cfg(test)]
impl Cache {
    fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// Keys that are about to change.
#[derive(Debug)]
pub(crate) struct Closed<'a> {
    cache: &'a Cache,
    keys: &'a [Key],
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        for key in self.keys {
            let key = key.borrowed();
            self.cache.shard(key.repository, |shard| shard.open(key));
        }
    }
}

fn key_of<'a>(repository: &'a RepositoryName, reference: &'a Reference) -> Borrowed<'a> {
    let item = match reference {
        Reference::Tag(tag) => Item::Tag(tag),
        Reference::Digest(digest) => Item::Manifest(digest),
    };
    Borrowed { repository, item }
}

#[cfg(test)]
mod tests;
