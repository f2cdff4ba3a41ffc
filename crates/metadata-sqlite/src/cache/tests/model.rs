//! Any order of readers and a writer, against what the database would answer.

use std::collections::BTreeMap;

use bytes::Bytes;
use oci_types::{MediaType, Reference};
use proptest::prelude::*;
use registry_core::ports::{ManifestStat, StoredManifest};

use super::{cache, digest, key, repository, tag};
use crate::cache::{Cache, Cached, Key, Ticket};

const TAGS: usize = 3;
const MANIFESTS: usize = 3;
const READERS: usize = 3;

/// What is committed: the manifests with their media types, and what the tags name.
#[derive(Debug, Clone, Default, PartialEq)]
struct State {
    manifests: BTreeMap<usize, usize>,
    tags: BTreeMap<usize, usize>,
}

#[derive(Debug, Clone, Copy)]
enum Wanted {
    Tag(usize),
    Manifest(usize),
}

#[derive(Debug, Clone, Copy)]
enum Write {
    /// Pushes a manifest as a media type and points a tag at it.
    Push {
        tag: usize,
        manifest: usize,
        media_type: usize,
    },
    DeleteTag(usize),
    DeleteManifest(usize),
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// A reader looks, and where it misses it asks the database.
    Look(usize, Wanted),
    /// It stores what it found there, at last.
    Store(usize),
    /// The writer goes on: it closes what the write touches, commits, opens again.
    Write(Write),
    Commit,
    Open,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let wanted = prop_oneof![
        (0..TAGS).prop_map(Wanted::Tag),
        (0..MANIFESTS).prop_map(Wanted::Manifest)
    ];
    let write = prop_oneof![
        3 => (0..TAGS, 0..MANIFESTS, 0..2_usize)
            .prop_map(|(tag, manifest, media_type)| Write::Push { tag, manifest, media_type }),
        1 => (0..TAGS).prop_map(Write::DeleteTag),
        1 => (0..MANIFESTS).prop_map(Write::DeleteManifest),
    ];
    let step = prop_oneof![
        4 => (0..READERS, wanted).prop_map(|(reader, wanted)| Step::Look(reader, wanted)),
        3 => (0..READERS).prop_map(Step::Store),
        2 => write.prop_map(Step::Write),
        2 => Just(Step::Commit),
        2 => Just(Step::Open),
    ];
    prop::collection::vec(step, 1..200)
}

impl State {
    fn answer(&self, wanted: Wanted) -> Option<StoredManifest> {
        let manifest = match wanted {
            Wanted::Tag(tag) => *self.tags.get(&tag)?,
            Wanted::Manifest(manifest) => manifest,
        };
        let media_type = *self.manifests.get(&manifest)?;
        Some(stored(manifest, media_type))
    }

    /// What a write leaves, and the keys it touches: as the jobs of the writer do it.
    fn after(&self, write: Write) -> (Self, Vec<Key>) {
        let mut next = self.clone();
        let mut touched = Vec::new();
        match write {
            Write::Push {
                tag,
                manifest,
                media_type,
            } => {
                let before = next.manifests.insert(manifest, media_type);
                if before.is_some_and(|before| before != media_type) {
                    touched.push(key(&reference(Wanted::Manifest(manifest))));
                }
                next.tags.insert(tag, manifest);
                touched.push(key(&reference(Wanted::Tag(tag))));
            }
            Write::DeleteTag(tag) => {
                next.tags.remove(&tag);
                touched.push(key(&reference(Wanted::Tag(tag))));
            }
            Write::DeleteManifest(manifest) => {
                next.manifests.remove(&manifest);
                touched.push(key(&reference(Wanted::Manifest(manifest))));
                for (tag, _) in self.tags.iter().filter(|(_, names)| **names == manifest) {
                    next.tags.remove(tag);
                    touched.push(key(&reference(Wanted::Tag(*tag))));
                }
            }
        }
        (next, touched)
    }
}

fn content(manifest: usize) -> String {
    format!("manifest {manifest}")
}

fn reference(wanted: Wanted) -> Reference {
    match wanted {
        Wanted::Tag(number) => tag(&format!("t{number}")),
        Wanted::Manifest(number) => Reference::Digest(digest(&content(number))),
    }
}

fn stored(manifest: usize, media_type: usize) -> StoredManifest {
    let payload = Bytes::from(content(manifest));
    let media_type: MediaType = format!("application/v{media_type}").parse().unwrap();
    let stat = ManifestStat {
        digest: digest(&content(manifest)),
        media_type,
        size: payload.len() as u64,
    };
    StoredManifest { stat, payload }
}

/// A reader between its ticket and its storing.
struct Reading {
    ticket: Ticket,
    wanted: Wanted,
    found: Option<StoredManifest>,
}

/// A write between closing and opening.
struct Writing<'a> {
    next: Option<State>,
    _closed: crate::cache::Closed<'a>,
}

fn run(steps: Vec<Step>) {
    let cache = cache(1 << 20);
    // Guards borrow the keys they close.
    let keys: Vec<Vec<Key>> = touched_by(&steps);
    let mut committed = State::default();
    let mut readers: [Option<Reading>; READERS] = [const { None }; READERS];
    let mut writing: Option<Writing<'_>> = None;
    let mut writes = 0;
    for step in steps {
        match step {
            Step::Look(reader, wanted) => readers[reader] = look(&cache, &committed, wanted),
            Step::Store(reader) => store(&cache, readers[reader].take()),
            Step::Write(write) if writing.is_none() => {
                let (next, touched) = committed.after(write);
                assert_eq!(touched, keys[writes]);
                let closed = cache.close(&keys[writes]);
                writes += 1;
                writing = Some(Writing {
                    next: Some(next),
                    _closed: closed,
                });
            }
            Step::Commit => {
                if let Some(next) = writing.as_mut().and_then(|writing| writing.next.take()) {
                    committed = next;
                }
            }
            // Also without a commit: it may fail.
            Step::Open => writing = None,
            Step::Write(_) => {}
        }
        for wanted in (0..TAGS)
            .map(Wanted::Tag)
            .chain((0..MANIFESTS).map(Wanted::Manifest))
        {
            look(&cache, &committed, wanted);
        }
    }
}

/// What each write of a run touches, in their order.
fn touched_by(steps: &[Step]) -> Vec<Vec<Key>> {
    let mut committed = State::default();
    let mut next = None;
    let mut writing = false;
    let mut keys = Vec::new();
    for step in steps {
        match step {
            Step::Write(write) if !writing => {
                let (after, touched) = committed.after(*write);
                (next, writing) = (Some(after), true);
                keys.push(touched);
            }
            Step::Commit => committed = next.take().unwrap_or(committed),
            Step::Open => (next, writing) = (None, false),
            Step::Write(_) | Step::Look(..) | Step::Store(_) => {}
        }
    }
    keys
}

/// A hit must be what the database would answer now.
fn look(cache: &Cache, committed: &State, wanted: Wanted) -> Option<Reading> {
    let found = committed.answer(wanted);
    match cache.manifest(&repository(), &reference(wanted)) {
        Cached::Hit(hit) => {
            let truth = found.expect("the database has nothing");
            assert_eq!(hit, truth, "{wanted:?}");
            assert_eq!(hit.stat.media_type.as_str(), truth.stat.media_type.as_str());
            None
        }
        Cached::Miss(ticket) => Some(Reading {
            ticket,
            wanted,
            found,
        }),
    }
}

fn store(cache: &Cache, reading: Option<Reading>) {
    if let Some(Reading {
        ticket,
        wanted,
        found: Some(found),
    }) = reading
    {
        let reference = reference(wanted);
        cache.store_manifest(
            ticket,
            &repository(),
            &reference,
            &found.stat,
            Some(&found.payload),
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_hit_is_what_the_database_would_answer(steps in steps()) {
        run(steps);
    }
}
