//! Reads of small things: what every pull and every check for a newer image begins with.
//!
//! Warm: a few images, asked for again and again. Cold: many images in many repositories, each
//! asked for once after the server was restarted, so that no cache of the server's can know it;
//! the kernel's page cache still does. Cold lines are Berth's alone: distribution finds every
//! manifest anew on each request, so its warm line is its cold one.

mod cold;
mod read;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::image::{Image, ImageFamily};
use super::{Figure, Load, REGISTRIES, Scenario, Work, prepare_each};
use crate::client::Answer;
use crate::content::digest_of;
use crate::load::{self, Done, Limit, Turn};
use crate::options::{Options, Stores};
use crate::reader::Reader;
use crate::servers::{Server, Side};
pub(super) use cold::Cold;
use read::Read;

/// Images of the warm lines.
const WARM_IMAGES: u64 = 64;

/// How many images share a repository.
const IMAGES_EACH: u64 = 8;

/// The warm lines.
pub(super) struct Warm {
    stores: Stores,
    clients: u32,
    turn: Duration,
}

impl Warm {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            stores: options.stores,
            clients: options.clients,
            turn: options.turn(),
        }
    }
}

impl Scenario for Warm {
    fn works(&self) -> Vec<Work> {
        // A client has its blob, or knows of it, when the store has answered.
        let redirects = |read: Read| self.stores == Stores::Shared && read.is_of_blobs();
        let work = |read: Read| Work {
            peer_note: redirects(read).then(|| "its redirect is followed".to_owned()),
            ..Work::new(read.key(), read.title(), Figure::Operations)
        };
        Read::ALL.into_iter().map(work).collect()
    }

    fn sides(&self) -> &'static [Side] {
        REGISTRIES
    }

    fn prepare(&self, server: &Server) -> Result<Box<dyn Load>> {
        let images = push_images(server, WARM_IMAGES)?;
        check_contents(server, &images)?;
        Ok(Box::new(WarmLoad {
            images,
            clients: self.clients,
            turn: self.turn,
        }))
    }
}

struct WarmLoad {
    images: Vec<Image>,
    clients: u32,
    turn: Duration,
}

impl Load for WarmLoad {
    fn turn(&mut self, work: usize, server: &mut Server) -> Result<Turn> {
        let read = Read::ALL[work];
        // Each image is asked for by each client before it counts.
        let visits = u64::from(self.clients) * WARM_IMAGES;
        visit(
            read,
            &self.images,
            server,
            self.clients,
            Limit::Operations(visits),
        )?;
        visit(
            read,
            &self.images,
            server,
            self.clients,
            Limit::Time(self.turn),
        )
    }
}

/// Asks for the images one after another, the clients sharing the row.
fn visit(
    read: Read,
    images: &[Image],
    server: &Server,
    clients: u32,
    limit: Limit,
) -> Result<Turn> {
    let visits: Vec<(Vec<u8>, usize)> = images
        .iter()
        .map(|image| (read.request(image), read.length(image)))
        .collect();
    let mut readers = (0..clients)
        .map(|_| Ok(Reader::new(server.connect()?)))
        .collect::<Result<Vec<Reader>>>()?;
    let next = AtomicUsize::new(0);
    load::drive(server, &mut readers, limit, |reader| {
        let (request, length) = &visits[next.fetch_add(1, Ordering::Relaxed) % visits.len()];
        reader.read(request, read.answer(), |response| {
            response.expect_status(200)?;
            ensure!(
                response.body.len() == *length,
                "the body is not as long as what was pushed"
            );
            Ok(())
        })?;
        Ok(Done::default())
    })
}

fn push_images(server: &Server, count: u64) -> Result<Vec<Image>> {
    let family = ImageFamily::new();
    let images = Mutex::new(Vec::new());
    prepare_each(server, count, |pusher, number| {
        let repository = format!("team-{}/app-{}", number % 10, number / IMAGES_EACH);
        let image = family.push(pusher, &repository, &format!("v1.{number}"))?;
        images
            .lock()
            .ok()
            .context("another client failed")?
            .push(image);
        Ok(())
    })?;
    images.into_inner().ok().context("a client failed")
}

/// Figures of wrong answers would be worthless: what was pushed comes back byte for byte.
fn check_contents(server: &Server, images: &[Image]) -> Result<()> {
    let mut reader = Reader::new(server.connect()?);
    for image in images {
        let manifest = Read::ManifestGetByTag.request(image);
        reader.read(&manifest, Answer::WithBody, |response| {
            ensure!(
                response.body == image.manifest,
                "a manifest came back changed"
            );
            Ok(())
        })?;
        let blob = Read::BlobGet.request(image);
        reader.read(&blob, Answer::WithBody, |response| {
            ensure!(
                digest_of(response.body) == image.layer_digest,
                "a blob came back changed"
            );
            Ok(())
        })?;
    }
    Ok(())
}
