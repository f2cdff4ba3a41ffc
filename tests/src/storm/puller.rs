//! A client that pulls what others push while they push it.

use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use super::{Chance, Storm};
use crate::{Repository, content::sha256};

pub(super) struct Puller<'a> {
    storm: &'a Storm,
    chance: Chance,
}

impl<'a> Puller<'a> {
    pub(super) fn new(storm: &'a Storm, chance: Chance) -> Self {
        Self { storm, chance }
    }

    /// Pulls until the storm is over.
    pub(super) async fn run(mut self) {
        while !self.storm.is_over() {
            if self.pull().await.is_some() {
                self.storm.count(|tally| &mut tally.pulls);
            } else {
                sleep(Duration::from_millis(10)).await;
            }
        }
    }

    /// Pulls one image that was acknowledged, by its digest, and what one tag beside it names.
    async fn pull(&mut self) -> Option<()> {
        let (name, image) = self.storm.some_image(&mut self.chance)?;
        let repository = self.storm.repository(&name);
        let pull = repository.get_manifest(image.digest());
        let pulled = self.storm.ask(pull, &[200, 404]).await?;
        if pulled.status() == 404 {
            // Its owner takes it off the list before it deletes it.
            if self.storm.lists(&image) {
                self.storm
                    .fault(format!("{name}@{} is gone", image.digest()));
            }
            return None;
        }
        if pulled.body() != &image.manifest.bytes {
            self.storm
                .fault(format!("{name}@{} differs", image.digest()));
        }
        let tag = format!("tag-{}", self.chance.below(super::TAGS));
        let tagged = repository.get_manifest(&tag);
        let tagged = self.storm.ask(tagged, &[200, 404]).await?;
        if tagged.status() == 200 {
            let digest = tagged.header("docker-content-digest").unwrap_or_default();
            self.pull_blobs(&repository, digest, &tagged.json()).await?;
        }
        Some(())
    }

    /// A manifest that is visible has all that it names, whether or not its push was answered yet.
    async fn pull_blobs(
        &self,
        repository: &Repository,
        manifest: &str,
        content: &Value,
    ) -> Option<()> {
        let layers = content["layers"].as_array().into_iter().flatten();
        for descriptor in layers.chain([&content["config"]]) {
            let digest = descriptor["digest"].as_str().unwrap_or_default();
            let blob = repository.get_blob(digest);
            let blob = self.storm.ask_following(blob, &[200, 404]).await?;
            if blob.status() == 404 {
                return self.expect_deleted(repository, manifest, digest).await;
            }
            if sha256(blob.body()) != digest {
                self.storm.fault(format!("{digest} differs"));
            }
        }
        Some(())
    }

    /// A blob may go only after all that name it, and no image is pushed again.
    async fn expect_deleted(
        &self,
        repository: &Repository,
        manifest: &str,
        blob: &str,
    ) -> Option<()> {
        let head = repository.head_manifest(manifest);
        if self.storm.ask(head, &[200, 404]).await?.status() == 200 {
            self.storm
                .fault(format!("{manifest} is there without {blob}"));
        }
        None
    }
}
