//! What the cache finds things by. Look-ups borrow their key, so that a hit copies none.

use std::hash::{Hash, Hasher};

use oci_types::{Digest, RepositoryName, Tag};

/// Something of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Item<T, D> {
    Tag(T),
    Manifest(D),
    Blob(D),
}

/// The key of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    repository: RepositoryName,
    item: Item<Tag, Digest>,
}

impl Key {
    pub(crate) fn tag(repository: &RepositoryName, tag: &Tag) -> Self {
        Self {
            repository: repository.clone(),
            item: Item::Tag(tag.clone()),
        }
    }

    pub(crate) fn manifest(repository: &RepositoryName, digest: &Digest) -> Self {
        Self {
            repository: repository.clone(),
            item: Item::Manifest(*digest),
        }
    }

    pub(crate) fn blob(repository: &RepositoryName, digest: &Digest) -> Self {
        Self {
            repository: repository.clone(),
            item: Item::Blob(*digest),
        }
    }

    pub(super) fn borrowed(&self) -> Borrowed<'_> {
        let item = match &self.item {
            Item::Tag(tag) => Item::Tag(tag),
            Item::Manifest(digest) => Item::Manifest(digest),
            Item::Blob(digest) => Item::Blob(digest),
        };
        Borrowed {
            repository: &self.repository,
            item,
        }
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.borrowed().hash(state);
    }
}

/// A key as a look-up has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Borrowed<'a> {
    pub(super) repository: &'a RepositoryName,
    pub(super) item: Item<&'a Tag, &'a Digest>,
}

impl Borrowed<'_> {
    pub(super) fn to_key(self) -> Key {
        match self.item {
            Item::Tag(tag) => Key::tag(self.repository, tag),
            Item::Manifest(digest) => Key::manifest(self.repository, digest),
            Item::Blob(digest) => Key::blob(self.repository, digest),
        }
    }
}
