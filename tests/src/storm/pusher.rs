//! A client that pushes to a repository of its own and keeps books of what was answered.

use http::Method;

use super::{
    Chance, Ledger, Storm, TAGS,
    image::{Image, Piece},
    session::{ATTEMPTS, Session},
};
use crate::{Blob, Repository, Response, client::RequestBuilder};

/// How many blobs there are that everybody pushes.
const COMMON: u64 = 4;

pub(super) struct Pusher<'a> {
    storm: &'a Storm,
    name: String,
    chance: Chance,
    ledger: Ledger,
}

impl<'a> Pusher<'a> {
    pub(super) fn new(storm: &'a Storm, number: u64, chance: Chance) -> Self {
        let name = format!("storm-{}/pusher-{number}", number % 3);
        Self {
            storm,
            ledger: Ledger::new(&name),
            name,
            chance,
        }
    }

    pub(super) async fn run(mut self) -> Ledger {
        while !self.storm.is_over() {
            match self.chance.below(12) {
                0..=1 => drop(self.push_in_chunks().await),
                2 => drop(self.push_in_one_stream().await),
                3..=7 => drop(self.push_image().await),
                8..=9 => self.move_tag().await,
                10 => self.delete_tag().await,
                _ => drop(self.delete_image().await),
            }
        }
        self.ledger
    }

    /// The repository on the server that runs now.
    fn repository(&self) -> Repository {
        self.storm.repository(&self.name)
    }

    fn tag(&mut self) -> String {
        format!("tag-{}", self.chance.below(TAGS))
    }

    /// Most blobs are small.
    fn blob(&mut self) -> Blob {
        let largest = self.storm.crowd.largest_blob;
        let longest = [largest, largest / 4, largest / 4, 100_000, 100_000, 1_000];
        let longest = *self.chance.of(&longest).expect("one of several");
        Blob::random(self.chance.length(2, longest))
    }

    /// Sends a request until it is answered; for requests that may be carried out twice.
    async fn insist(
        &self,
        request: impl Fn(&Repository) -> RequestBuilder,
        expected: &[u16],
    ) -> Option<Response> {
        for _ in 0..ATTEMPTS {
            let answer = self.storm.ask(request(&self.repository()), expected).await;
            if answer.is_some() {
                return answer;
            }
        }
        None
    }

    /// Pushes a blob in chunks of any length.
    async fn push_in_chunks(&mut self) -> Option<Piece> {
        let (blob, longest) = (self.blob(), self.storm.crowd.largest_blob / 2);
        self.ledger.blob_may_be(&Piece::of(&blob));
        let mut session = Session::open(self.storm, &self.name).await?;
        session
            .send_chunks(&blob, &mut self.chance, longest)
            .await?;
        session.finish(&blob, &[]).await?;
        Some(self.acknowledge(&blob))
    }

    /// Pushes a blob as docker does: in one stream that seems to be all. Now and then it was not.
    async fn push_in_one_stream(&mut self) -> Option<Piece> {
        let (blob, longest) = (self.blob(), self.storm.crowd.largest_blob / 2);
        self.ledger.blob_may_be(&Piece::of(&blob));
        let end = match blob.bytes.len() {
            all if all > 4 && self.chance.below(3) == 0 => all / 4 * 3,
            all => all,
        };
        let mut session = Session::open(self.storm, &self.name).await?;
        session.send_stream(&blob.bytes[..end]).await?;
        session
            .send_chunks(&blob, &mut self.chance, longest)
            .await?;
        session.finish(&blob, &[]).await?;
        Some(self.acknowledge(&blob))
    }

    /// Pushes a blob as containerd does, or with a single request.
    async fn push_at_once(&mut self, blob: &Blob) -> Option<Piece> {
        self.ledger.blob_may_be(&Piece::of(blob));
        if self.chance.below(3) == 0 {
            let target = format!("blobs/uploads/?digest={}", blob.digest);
            let post = |repository: &Repository| {
                let post = repository.request(Method::POST, &target);
                post.body(blob.bytes.clone())
            };
            self.insist(post, &[201]).await?;
        } else {
            let mut session = Session::open(self.storm, &self.name).await?;
            session.finish(blob, &blob.bytes).await?;
        }
        Some(self.acknowledge(blob))
    }

    /// Pushes one of a few blobs that others push as well.
    async fn push_common(&mut self) -> Option<Piece> {
        let number = self.chance.below(COMMON);
        let line = format!("common blob {number}\n");
        let blob = Blob::new(line.repeat(1 << (4 * number)));
        self.push_at_once(&blob).await
    }

    /// Mounts a blob of an image of somebody else.
    async fn mount(&mut self) -> Option<Piece> {
        let (source, image) = self.storm.some_image(&mut self.chance)?;
        let blob = self.chance.of(&image.own)?.clone();
        if source == self.name {
            return None;
        }
        self.ledger.blob_may_be(&blob);
        let target = format!("blobs/uploads/?mount={}&from={source}", blob.digest);
        let mount = |repository: &Repository| repository.request(Method::POST, &target);
        let answer = self.insist(mount, &[201, 202]).await?;
        if answer.status() == 202 {
            // Its owner has deleted it meanwhile: there is nothing to push, and nobody uses the session.
            return None;
        }
        self.storm.count(|tally| &mut tally.mounts);
        self.ledger.blob_is(&blob);
        Some(blob)
    }

    fn acknowledge(&mut self, blob: &Blob) -> Piece {
        let piece = Piece::of(blob);
        self.ledger.blob_is(&piece);
        piece
    }

    /// Pushes a small image with blobs of its own, and maybe one that came in another way, under one of a few tags.
    async fn push_image(&mut self) -> Option<()> {
        let shared = match self.chance.below(6) {
            0 => Some(self.push_in_chunks().await?),
            1 => Some(self.push_in_one_stream().await?),
            2 => Some(self.push_common().await?),
            3 => self.mount().await,
            _ => None,
        };
        let layers = self.chance.length(1, 3);
        let (image, blobs) = Image::new(layers, shared);
        for blob in &blobs {
            self.push_at_once(blob).await?;
        }
        let tag = self.tag();
        self.put(&tag, &image).await?;
        self.storm.list(&self.name, &image);
        Some(())
    }

    async fn move_tag(&mut self) {
        let tag = self.tag();
        if let Some(image) = self.chance.of(&self.ledger.images()).cloned() {
            self.put(&tag, &image).await;
        }
    }

    async fn put(&mut self, tag: &str, image: &Image) -> Option<()> {
        self.ledger.image_may_be(tag, image);
        let put = |repository: &Repository| repository.put_manifest(tag, &image.manifest);
        self.insist(put, &[201]).await?;
        self.ledger.image_is(tag, image);
        Some(())
    }

    async fn delete_tag(&mut self) {
        let tag = self.tag();
        self.ledger.tag_may_be(&tag, None);
        let delete = |repository: &Repository| repository.delete_manifest(&tag);
        if self.insist(delete, &[202, 404]).await.is_some() {
            self.ledger.tag_is(&tag, None);
        }
    }

    /// Deletes an image, and then the blobs that it alone named.
    async fn delete_image(&mut self) -> Option<()> {
        let images = self.ledger.images();
        let image = self.chance.of(&images)?;
        self.storm.take_off_the_list(image);
        self.ledger.image_may_go(image);
        let delete = |repository: &Repository| repository.delete_manifest(image.digest());
        self.insist(delete, &[202, 404]).await?;
        self.ledger.image_is_gone(image);
        self.storm.count(|tally| &mut tally.deletions);
        for blob in &image.own {
            self.ledger.blob_may_go(blob);
            let delete = |repository: &Repository| repository.delete_blob(&blob.digest);
            self.insist(delete, &[202, 404]).await?;
            self.ledger.blob_is_gone(blob);
        }
        Some(())
    }
}
