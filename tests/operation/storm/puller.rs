//! A client that pulls what others push while they push it.

use std::time::Duration;

use berth_tests::{Repository, content::sha256};
use serde_json::Value;
use tokio::time::sleep;

use super::{Chance, Storm, locked};

pub(super) struct Puller<'a> {
    storm: &'a Storm,
    chance: Chance,
    pulled: usize,
}

impl<'a> Puller<'a> {
    pub(super) fn new(storm: &'a Storm, chance: Chance) -> Self {
        Self {
            storm,
            chance,
            pulled: 0,
        }
    }

    /// Pulls until the storm is over, and returns how much was pulled whole.
    pub(super) async fn run(mut self) -> usize {
        while !self.storm.is_over() {
            if self.pull().await.is_some() {
                self.pulled += 1;
            } else {
                sleep(Duration::from_millis(10)).await;
            }
        }
        self.pulled
    }

    /// Pulls one image that was acknowledged, by its digest, and what one tag beside it names.
    async fn pull(&mut self) -> Option<()> {
        let pushed = self.chance.of(&locked(&self.storm.pushed)).cloned();
        let (name, image) = pushed?;
        let repository = self.storm.repository(&name);
        let pull = repository.get_manifest(&image.digest);
        if self.storm.ask(pull, &[200]).await?.body() != &image.bytes {
            self.storm.fault(format!("{name}@{} differs", image.digest));
        }
        let tag = format!("tag-{}", self.chance.below(6));
        let tagged = self
            .storm
            .ask(repository.get_manifest(&tag), &[200, 404])
            .await?;
        if tagged.status() == 200 {
            self.pull_blobs(&repository, &tagged.json()).await?;
        }
        Some(())
    }

    /// A manifest that is visible has all that it names, whether or not its push was answered yet.
    async fn pull_blobs(&self, repository: &Repository, manifest: &Value) -> Option<()> {
        let layers = manifest["layers"].as_array().into_iter().flatten();
        for descriptor in layers.chain([&manifest["config"]]) {
            let digest = descriptor["digest"].as_str().unwrap_or_default();
            let blob = self.storm.ask(repository.get_blob(digest), &[200]).await?;
            if sha256(blob.body()) != digest {
                self.storm.fault(format!("{digest} differs"));
            }
        }
        Some(())
    }
}
