//! What one pusher was promised, and what it only asked for: the first must be there after the storm, the second may be,
//! whole or not at all.

use std::collections::{BTreeMap, BTreeSet};

use super::image::{Image, Piece};
use crate::{Client, Repository, Response, content::sha256};

/// What a tag may name: a digest or nothing.
type TagState = Option<String>;

/// Whether something must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    /// Its push was acknowledged.
    Promised,
    /// A push or a deletion was begun, and it is not known what came of it.
    Possible,
    /// Its deletion was acknowledged.
    Gone,
}

/// The books of one repository, which nobody else writes to.
#[derive(Debug)]
pub struct Ledger {
    repository: String,
    // By their digests.
    blobs: BTreeMap<String, (usize, Presence)>,
    images: BTreeMap<String, (Image, Presence)>,
    // One state when the last write was answered, more while it is not known which of them happened.
    tags: BTreeMap<String, BTreeSet<TagState>>,
    acknowledged: usize,
}

impl Ledger {
    pub(super) fn new(repository: &str) -> Self {
        Self {
            repository: repository.to_owned(),
            blobs: BTreeMap::new(),
            images: BTreeMap::new(),
            tags: BTreeMap::new(),
            acknowledged: 0,
        }
    }

    /// How many pushes were acknowledged: blobs, images and tags.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged
    }

    /// Images that are there.
    pub(super) fn images(&self) -> Vec<Image> {
        let promised = self.images.values();
        let promised = promised.filter(|(_, presence)| *presence == Presence::Promised);
        promised.map(|(image, _)| image.clone()).collect()
    }

    pub(super) fn blob_may_be(&mut self, blob: &Piece) {
        let new = || (blob.length, Presence::Possible);
        let entry = self.blobs.entry(blob.digest.clone()).or_insert_with(new);
        if entry.1 == Presence::Gone {
            entry.1 = Presence::Possible;
        }
    }

    pub(super) fn blob_is(&mut self, blob: &Piece) {
        self.acknowledged += 1;
        let promised = (blob.length, Presence::Promised);
        self.blobs.insert(blob.digest.clone(), promised);
    }

    pub(super) fn blob_may_go(&mut self, blob: &Piece) {
        let possible = (blob.length, Presence::Possible);
        self.blobs.insert(blob.digest.clone(), possible);
    }

    pub(super) fn blob_is_gone(&mut self, blob: &Piece) {
        let gone = (blob.length, Presence::Gone);
        self.blobs.insert(blob.digest.clone(), gone);
    }

    /// A push of this image under a tag is on its way.
    pub(super) fn image_may_be(&mut self, tag: &str, image: &Image) {
        let new = || (image.clone(), Presence::Possible);
        self.images
            .entry(image.digest().to_owned())
            .or_insert_with(new);
        self.tag_may_be(tag, Some(image.digest().to_owned()));
    }

    /// It was acknowledged.
    pub(super) fn image_is(&mut self, tag: &str, image: &Image) {
        self.acknowledged += 1;
        let promised = (image.clone(), Presence::Promised);
        self.images.insert(image.digest().to_owned(), promised);
        self.tag_is(tag, Some(image.digest().to_owned()));
    }

    /// A deletion of this image, which takes its tags with it, is on its way.
    pub(super) fn image_may_go(&mut self, image: &Image) {
        let possible = (image.clone(), Presence::Possible);
        self.images.insert(image.digest().to_owned(), possible);
        let named = Some(image.digest().to_owned());
        for states in self.tags.values_mut() {
            if states.contains(&named) {
                states.insert(None);
            }
        }
    }

    /// It was acknowledged.
    pub(super) fn image_is_gone(&mut self, image: &Image) {
        let gone = (image.clone(), Presence::Gone);
        self.images.insert(image.digest().to_owned(), gone);
        let named = Some(image.digest().to_owned());
        for states in self.tags.values_mut() {
            states.remove(&named);
        }
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
        self.tags.insert(tag.to_owned(), BTreeSet::from([state]));
    }

    /// Everything that is not as it was promised, or that is there by halves.
    pub(super) async fn losses(&self, client: &Client) -> Vec<String> {
        let repository = Repository::new(client.clone(), &self.repository);
        let mut losses = Vec::new();
        for (digest, (length, presence)) in &self.blobs {
            losses.extend(blob_loss(&repository, digest, *length, *presence).await);
        }
        for (image, presence) in self.images.values() {
            losses.extend(image_losses(&repository, image, *presence).await);
        }
        losses.extend(self.tag_losses(&repository).await);
        let name = &self.repository;
        losses
            .iter()
            .map(|loss| format!("{name}: {loss}"))
            .collect()
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
            if let Some(digest) = state {
                visible.insert(tag.clone());
                losses.extend(self.tagged_losses(repository, &digest).await);
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

    /// What a tag names is there with everything that it needs, whether or not it was acknowledged.
    async fn tagged_losses(&self, repository: &Repository, digest: &str) -> Vec<String> {
        match self.images.get(digest) {
            Some((image, _)) => image_losses(repository, image, Presence::Promised).await,
            None => vec![format!("nobody pushed {digest}")],
        }
    }
}

fn is_as_promised(answer: &Response, presence: Presence, matches: bool) -> bool {
    match answer.status() {
        200 => matches && presence != Presence::Gone,
        404 => presence != Presence::Promised,
        _ => false,
    }
}

async fn blob_loss(
    repository: &Repository,
    digest: &str,
    length: usize,
    presence: Presence,
) -> Option<String> {
    let answer = repository.get_blob(digest).send_following().await;
    let matches = answer.body().len() == length && sha256(answer.body()) == digest;
    let as_promised = is_as_promised(&answer, presence, matches);
    (!as_promised).then(|| format!("blob {digest} is {presence:?}: {answer:?}"))
}

async fn image_losses(repository: &Repository, image: &Image, presence: Presence) -> Vec<String> {
    let digest = image.digest();
    let answer = repository.get_manifest(digest).send().await;
    if !is_as_promised(&answer, presence, answer.body() == &image.manifest.bytes) {
        return vec![format!("manifest {digest} is {presence:?}: {answer:?}")];
    }
    let mut losses = Vec::new();
    // A manifest that is visible has all that it names.
    if answer.status() == 200 {
        for Piece { digest, length } in image.blobs() {
            losses.extend(blob_loss(repository, digest, *length, Presence::Promised).await);
        }
    }
    losses
}
