//! What one pusher was promised, and what it only asked for: the first must be there after the storm, the second may be,
//! whole or not at all.

use std::collections::{BTreeMap, BTreeSet};

use berth_tests::{Blob, Client, Document, Repository};

/// What a tag may name: a digest or nothing.
type TagState = Option<String>;

/// The books of one repository, which nobody else writes to.
pub(super) struct Ledger {
    repository: String,
    pub(super) blobs: Vec<Blob>,
    pub(super) images: Vec<Document>,
    // Pushes that were begun, whether or not they were answered.
    pub(super) begun_blobs: Vec<Blob>,
    pub(super) begun_images: Vec<Document>,
    // One state when the last write was answered, more while it is not known which of them happened.
    tags: BTreeMap<String, BTreeSet<TagState>>,
    writes: usize,
}

impl Ledger {
    pub(super) fn new(repository: &str) -> Self {
        Self {
            repository: repository.to_owned(),
            blobs: Vec::new(),
            images: Vec::new(),
            begun_blobs: Vec::new(),
            begun_images: Vec::new(),
            tags: BTreeMap::new(),
            writes: 0,
        }
    }

    /// How many pushes were acknowledged: blobs, images and tags.
    pub(super) fn acknowledged(&self) -> usize {
        self.blobs.len() + self.writes
    }

    /// A write that is on its way may or may not happen.
    pub(super) fn tag_may_be(&mut self, tag: &str, state: TagState) {
        let states = self.tags.entry(tag.to_owned());
        states
            .or_insert_with(|| BTreeSet::from([None]))
            .insert(state);
    }

    /// A write was acknowledged.
    pub(super) fn tag_is(&mut self, tag: &str, state: TagState) {
        self.writes += usize::from(state.is_some());
        self.tags.insert(tag.to_owned(), BTreeSet::from([state]));
    }

    /// Everything that is not as it was promised, or that is there by halves.
    pub(super) async fn losses(&self, client: &Client) -> Vec<String> {
        let repository = Repository::new(client.clone(), &self.repository);
        let mut losses = Vec::new();
        for blob in &self.blobs {
            losses.extend(blob_loss(&repository, blob, Presence::Promised).await);
        }
        for blob in &self.begun_blobs {
            losses.extend(blob_loss(&repository, blob, Presence::Possible).await);
        }
        for image in &self.images {
            losses.extend(image_losses(&repository, image, Presence::Promised).await);
        }
        for image in &self.begun_images {
            losses.extend(image_losses(&repository, image, Presence::Possible).await);
        }
        losses.extend(self.tag_losses(&repository).await);
        losses
    }

    async fn tag_losses(&self, repository: &Repository) -> Vec<String> {
        let (mut losses, mut visible) = (Vec::new(), BTreeSet::new());
        for (tag, states) in &self.tags {
            let answer = repository.get_manifest(tag).send().await;
            let state = match answer.status() {
                200 => answer.header("docker-content-digest").map(str::to_owned),
                404 => None,
                _ => {
                    losses.push(format!("tag {tag}: {answer:?}"));
                    continue;
                }
            };
            if !states.contains(&state) {
                losses.push(format!("tag {tag} is {state:?} and not of {states:?}"));
            }
            if state.is_some() {
                visible.insert(tag.clone());
            }
        }
        let answer = repository.tags("").await;
        // A repository nobody managed to push to is not known.
        let listed: BTreeSet<String> = match answer.status() {
            200 => serde_json::from_value(answer.json()["tags"].clone()).expect("a list of tags"),
            _ => BTreeSet::new(),
        };
        if listed != visible {
            losses.push(format!("listed are {listed:?}, there are {visible:?}"));
        }
        losses
    }
}

/// Whether something must be there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Promised,
    Possible,
}

async fn blob_loss(repository: &Repository, blob: &Blob, presence: Presence) -> Option<String> {
    let answer = repository.get_blob(&blob.digest).send().await;
    match answer.status() {
        200 if answer.body() == &blob.bytes => None,
        404 if presence == Presence::Possible => None,
        status => Some(format!("blob {}: {status}", blob.digest)),
    }
}

async fn image_losses(
    repository: &Repository,
    image: &Document,
    presence: Presence,
) -> Vec<String> {
    let answer = repository.get_manifest(&image.digest).send().await;
    match answer.status() {
        200 if answer.body() == &image.bytes => {}
        404 if presence == Presence::Possible => return Vec::new(),
        status => return vec![format!("manifest {}: {status}", image.digest)],
    }
    // A manifest that is visible has all that it names.
    let mut losses = Vec::new();
    for blob in &image.blobs {
        losses.extend(blob_loss(repository, blob, Presence::Promised).await);
    }
    losses
}
