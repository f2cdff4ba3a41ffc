//! One shard: entries in the order of their use, and the gates before them. All under one lock,
//! which is held for a few look-ups at a time and never while anything waits.

use std::hash::{BuildHasher as _, RandomState};

use bytes::Bytes;
use hashlink::LinkedHashMap;
use hashlink::linked_hash_map::RawEntryMut;
use oci_types::{Digest, Reference, RepositoryName};
use registry_core::ports::{ManifestStat, StoredBlob, Timestamp};

use super::key::{Borrowed, Item, Key};

/// Gates the tags of a shard are spread over.
const TAG_GATES: usize = 64;
/// What an entry takes beside its payload and its names, roughly.
const OVERHEAD: usize = 320;

#[derive(Debug)]
pub(super) enum Entry {
    /// What a tag names.
    Tag(Digest),
    /// A manifest; without its payload if nobody read that yet.
    Manifest(ManifestStat, Option<Bytes>),
    /// A blob, and when its link ends.
    Blob(StoredBlob, Option<Timestamp>),
}

/// Counts the writes that touched what lies behind it.
#[derive(Debug, Clone, Copy, Default)]
struct Gate {
    epoch: u64,
    closed: usize,
}

impl Gate {
    fn pass(self) -> Option<u64> {
        (self.closed == 0).then_some(self.epoch)
    }
}

/// What a reader needs to store what it is about to read. A part is absent where a write was under
/// way.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ticket {
    tag: Option<u64>,
    content: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Shard {
    entries: LinkedHashMap<Key, Entry, RandomState>,
    hasher: RandomState,
    bytes: usize,
    tags: [Gate; TAG_GATES],
    content: Gate,
}

impl Shard {
    pub(super) fn new(hasher: RandomState) -> Self {
        Self {
            entries: LinkedHashMap::with_hasher(hasher.clone()),
            hasher,
            bytes: 0,
            tags: [Gate::default(); TAG_GATES],
            content: Gate::default(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The manifest, and its payload if that was read.
    pub(super) fn manifest(
        &mut self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Option<(&ManifestStat, Option<&Bytes>)> {
        let digest = match reference {
            Reference::Digest(digest) => *digest,
            Reference::Tag(tag) => match self.get(Borrowed {
                repository,
                item: Item::Tag(tag),
            })? {
                Entry::Tag(digest) => *digest,
                Entry::Manifest(..) | Entry::Blob(..) => return None,
            },
        };
        match self.get(Borrowed {
            repository,
            item: Item::Manifest(&digest),
        })? {
            Entry::Manifest(stat, payload) => Some((stat, payload.as_ref())),
            Entry::Tag(_) | Entry::Blob(..) => None,
        }
    }

    /// The blob, if its link lives until then.
    pub(super) fn blob(
        &mut self,
        repository: &RepositoryName,
        digest: &Digest,
        until: Timestamp,
    ) -> Option<&StoredBlob> {
        match self.get(Borrowed {
            repository,
            item: Item::Blob(digest),
        })? {
            Entry::Blob(blob, expires_at) => {
                expires_at.is_none_or(|end| end >= until).then_some(blob)
            }
            Entry::Tag(_) | Entry::Manifest(..) => None,
        }
    }

    pub(super) fn ticket(&self, key: Borrowed<'_>) -> Ticket {
        let tag = match key.item {
            Item::Tag(_) => self.tags[self.tag_gate(key)].pass(),
            Item::Manifest(_) | Item::Blob(_) => None,
        };
        Ticket {
            tag,
            content: self.content.pass(),
        }
    }

    /// Stores an entry, if nothing touched its gate since the ticket was given.
    pub(super) fn store(&mut self, ticket: Ticket, key: Borrowed<'_>, entry: Entry) {
        let (then, now) = match key.item {
            Item::Tag(_) => (ticket.tag, self.tags[self.tag_gate(key)].pass()),
            Item::Manifest(_) | Item::Blob(_) => (ticket.content, self.content.pass()),
        };
        // Both absent means that a write is under way, and was.
        if then.is_some() && then == now {
            self.insert(key, entry);
        }
    }

    /// Drops an entry and lets none come back until the gate is opened.
    pub(super) fn close(&mut self, key: Borrowed<'_>) {
        self.gate(key).closed += 1;
        self.remove(key);
    }

    pub(super) fn open(&mut self, key: Borrowed<'_>) {
        let gate = self.gate(key);
        gate.epoch += 1;
        gate.closed -= 1;
    }

    /// Drops what was used longest ago; `false` when nothing is left.
    pub(super) fn evict(&mut self) -> bool {
        let Some((key, entry)) = self.entries.pop_front() else {
            return false;
        };
        self.bytes -= weight(key.borrowed(), &entry);
        true
    }

    fn get(&mut self, key: Borrowed<'_>) -> Option<&mut Entry> {
        let hash = self.hasher.hash_one(key);
        match self
            .entries
            .raw_entry_mut()
            .from_hash(hash, |other| other.borrowed() == key)
        {
            RawEntryMut::Occupied(mut found) => {
                found.to_back();
                Some(found.into_mut())
            }
            RawEntryMut::Vacant(_) => None,
        }
    }

    fn insert(&mut self, key: Borrowed<'_>, mut entry: Entry) {
        let old = self.remove(key);
        // HEAD reads no payload; one that a GET read stays.
        if let (Some(Entry::Manifest(_, Some(read))), Entry::Manifest(_, payload @ None)) =
            (old, &mut entry)
        {
            *payload = Some(read);
        }
        self.bytes += weight(key, &entry);
        self.entries.insert(key.to_key(), entry);
    }

    fn remove(&mut self, key: Borrowed<'_>) -> Option<Entry> {
        let hash = self.hasher.hash_one(key);
        match self
            .entries
            .raw_entry_mut()
            .from_hash(hash, |other| other.borrowed() == key)
        {
            RawEntryMut::Occupied(found) => {
                let entry = found.remove();
                self.bytes -= weight(key, &entry);
                Some(entry)
            }
            RawEntryMut::Vacant(_) => None,
        }
    }

    fn gate(&mut self, key: Borrowed<'_>) -> &mut Gate {
        match key.item {
            Item::Tag(_) => {
                let gate = self.tag_gate(key);
                &mut self.tags[gate]
            }
            Item::Manifest(_) | Item::Blob(_) => &mut self.content,
        }
    }

    fn tag_gate(&self, key: Borrowed<'_>) -> usize {
        bucket(self.hasher.hash_one(key), TAG_GATES)
    }
}

/// One of `count` buckets for a hash, out of its upper half: maps use the lower.
pub(super) fn bucket(hash: u64, count: usize) -> usize {
    usize::try_from(hash >> 40).unwrap_or(0) % count
}

fn weight(key: Borrowed<'_>, entry: &Entry) -> usize {
    let tag = match key.item {
        Item::Tag(tag) => tag.as_str().len(),
        Item::Manifest(_) | Item::Blob(_) => 0,
    };
    let payload = match entry {
        Entry::Manifest(_, Some(payload)) => payload.len(),
        Entry::Manifest(_, None) | Entry::Tag(_) | Entry::Blob(..) => 0,
    };
    OVERHEAD + key.repository.as_str().len() + tag + payload
}
