//! A client that pushes to a repository of its own and keeps books of what was answered.

use std::{sync::atomic::Ordering, time::Duration};

use berth_tests::{Blob, Document, Repository};
use http::Method;
use tokio::time::sleep;

use super::{Chance, Storm, ledger::Ledger, locked};

pub(super) struct Pusher<'a> {
    storm: &'a Storm,
    name: String,
    chance: Chance,
    ledger: Ledger,
}

impl<'a> Pusher<'a> {
    pub(super) fn new(storm: &'a Storm, number: u64, chance: Chance) -> Self {
        let name = format!("storm/pusher-{number}");
        Self {
            storm,
            ledger: Ledger::new(&name),
            name,
            chance,
        }
    }

    pub(super) async fn run(mut self) -> Ledger {
        while !self.storm.is_over() {
            match self.chance.below(10) {
                0..=2 => drop(self.push_in_chunks().await),
                3..=6 => drop(self.push_image().await),
                7..=8 => self.move_tag().await,
                _ => self.delete_tag().await,
            }
        }
        self.ledger
    }

    /// The repository on the server that runs now.
    fn repository(&self) -> Repository {
        self.storm.repository(&self.name)
    }

    fn tag(&mut self) -> String {
        format!("tag-{}", self.chance.below(6))
    }

    /// Pushes a blob in chunks of any length; after a kill it goes on where the server says.
    async fn push_in_chunks(&mut self) -> Option<()> {
        let blob = Blob::random(self.chance.length(2 << 20));
        self.ledger.begun_blobs.push(blob.clone());
        let open = self.repository().request(Method::POST, "blobs/uploads/");
        let mut location = self.storm.ask(open, &[202]).await?.location();
        let mut acknowledged = 0;
        while acknowledged < blob.bytes.len() {
            let length = self.chance.length(512 << 10);
            let end = (acknowledged + length).min(blob.bytes.len());
            let chunk = &blob.bytes[acknowledged..end];
            let patch = self
                .repository()
                .patch_range(&location, acknowledged, chunk);
            match self.storm.ask(patch, &[202, 429]).await {
                Some(answer) if answer.status() == 202 => {
                    location = answer.location();
                    acknowledged = end;
                }
                // Another request of ours still holds the session: it was sent before the kill.
                Some(_) => sleep(Duration::from_millis(100)).await,
                None => acknowledged = self.resume(&location, acknowledged, end).await?,
            }
        }
        let repository = self.repository();
        let finish = repository.finish_upload(&location, &blob.digest, &[]);
        self.storm.ask(finish, &[201]).await?;
        self.ledger.blobs.push(blob);
        Some(())
    }

    /// Where a session goes on. What was acknowledged must be there, and no more than was sent.
    async fn resume(&self, location: &str, acknowledged: usize, sent: usize) -> Option<usize> {
        // As many as a restart on a busy machine can take.
        for _ in 0..1_000 {
            let status = self.repository().client().get(location);
            let Ok(answer) = status.try_send().await else {
                sleep(Duration::from_millis(50)).await;
                continue;
            };
            let range = answer
                .header("range")
                .and_then(|range| range.strip_prefix("0-"));
            let from = match (answer.status(), range) {
                // Nothing yet: a range cannot say so otherwise.
                (204, Some("0")) => Some(acknowledged.min(1)),
                (204, Some(last)) => last.parse::<usize>().ok().map(|last| last + 1),
                _ => None,
            };
            let from = from.filter(|from| (acknowledged..=sent).contains(from));
            if from.is_some() {
                self.storm.resumed.fetch_add(1, Ordering::Relaxed);
            } else {
                let text = format!("of {acknowledged} to {sent} bytes remains {answer:?}");
                self.storm.fault(text);
            }
            return from;
        }
        self.storm.fault("the server did not come back".to_owned());
        None
    }

    /// Pushes a small image with blobs of its own under one of a few tags.
    async fn push_image(&mut self) -> Option<()> {
        let image = Document::image(self.chance.length(3));
        self.ledger.begun_images.push(image.clone());
        for blob in &image.blobs {
            self.ledger.begun_blobs.push(blob.clone());
            let open = self.repository().request(Method::POST, "blobs/uploads/");
            let location = self.storm.ask(open, &[202]).await?.location();
            let repository = self.repository();
            let finish = repository.finish_upload(&location, &blob.digest, &blob.bytes);
            self.storm.ask(finish, &[201]).await?;
            self.ledger.blobs.push(blob.clone());
        }
        let tag = self.tag();
        self.put(&tag, &image).await?;
        self.ledger.images.push(image.clone());
        locked(&self.storm.pushed).push((self.name.clone(), image));
        Some(())
    }

    async fn move_tag(&mut self) {
        let tag = self.tag();
        if let Some(image) = self.chance.of(&self.ledger.images).cloned() {
            self.put(&tag, &image).await;
        }
    }

    async fn put(&mut self, tag: &str, image: &Document) -> Option<()> {
        let digest = Some(image.digest.clone());
        self.ledger.tag_may_be(tag, digest.clone());
        let put = self.repository().put_manifest(tag, image);
        self.storm.ask(put, &[201]).await?;
        self.ledger.tag_is(tag, digest);
        Some(())
    }

    async fn delete_tag(&mut self) {
        let tag = self.tag();
        self.ledger.tag_may_be(&tag, None);
        let delete = self.repository().delete_manifest(&tag);
        if self.storm.ask(delete, &[202, 404]).await.is_some() {
            self.ledger.tag_is(&tag, None);
        }
    }
}
