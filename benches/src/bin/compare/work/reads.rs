//! Reads of small things: what every pull and every check for a newer image begins with.
//!
//! Warm: a few images, asked for again and again. Cold: many images in many repositories, each
//! asked for once after the server was restarted, so that no cache of the server's can know it;
//! the kernel's page cache still does. Cold lines are Berth's alone: distribution finds every
//! manifest anew on each request, so its warm line is its cold one.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::image::{Image, ImageFamily, LAYER_LENGTH};
use super::{Figure, Load, REGISTRIES, Scenario, Work, prepare_each};
use crate::client::{Answer, Connection};
use crate::load::{self, Done, Limit, Turn};
use crate::options::Options;
use crate::registry::request;
use crate::servers::{Server, Side};

/// Images of the warm lines.
const WARM_IMAGES: u64 = 64;

/// How many images share a repository.
const IMAGES_EACH: u64 = 8;

#[derive(Debug, Clone, Copy)]
enum Read {
    ManifestGetByTag,
    ManifestGetByDigest,
    ManifestHeadByTag,
    BlobHead,
    BlobGet,
}

impl Read {
    const ALL: [Self; 5] = [
        Self::ManifestGetByTag,
        Self::ManifestGetByDigest,
        Self::ManifestHeadByTag,
        Self::BlobHead,
        Self::BlobGet,
    ];

    fn key(self) -> &'static str {
        match self {
            Self::ManifestGetByTag => "manifest-get-tag",
            Self::ManifestGetByDigest => "manifest-get-digest",
            Self::ManifestHeadByTag => "manifest-head-tag",
            Self::BlobHead => "blob-head",
            Self::BlobGet => "blob-get",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::ManifestGetByTag => "manifest GET by tag",
            Self::ManifestGetByDigest => "manifest GET by digest",
            Self::ManifestHeadByTag => "manifest HEAD by tag",
            Self::BlobHead => "blob HEAD",
            Self::BlobGet => "blob GET 10 KiB",
        }
    }

    fn answer(self) -> Answer {
        match self {
            Self::ManifestGetByTag | Self::ManifestGetByDigest | Self::BlobGet => Answer::WithBody,
            Self::ManifestHeadByTag | Self::BlobHead => Answer::HeadOnly,
        }
    }

    fn request(self, image: &Image) -> Vec<u8> {
        let Image {
            repository,
            tag,
            manifest_digest,
            layer_digest,
            ..
        } = image;
        match self {
            Self::ManifestGetByTag => request("GET", &format!("/v2/{repository}/manifests/{tag}")),
            Self::ManifestGetByDigest => request(
                "GET",
                &format!("/v2/{repository}/manifests/{manifest_digest}"),
            ),
            Self::ManifestHeadByTag => {
                request("HEAD", &format!("/v2/{repository}/manifests/{tag}"))
            }
            Self::BlobHead => request("HEAD", &format!("/v2/{repository}/blobs/{layer_digest}")),
            Self::BlobGet => request("GET", &format!("/v2/{repository}/blobs/{layer_digest}")),
        }
    }

    /// How long the answer's body is.
    fn length(self, image: &Image) -> usize {
        match self {
            Self::ManifestGetByTag | Self::ManifestGetByDigest => image.manifest.len(),
            Self::BlobGet => LAYER_LENGTH,
            Self::ManifestHeadByTag | Self::BlobHead => 0,
        }
    }
}

/// The warm lines.
pub(super) struct Warm {
    clients: u32,
    turn: Duration,
}

impl Warm {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            clients: options.clients,
            turn: options.turn(),
        }
    }
}

impl Scenario for Warm {
    fn works(&self) -> Vec<Work> {
        let work = |read: Read| Work::new(read.key(), read.title(), Figure::Operations);
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

/// The cold lines.
pub(super) struct Cold {
    clients: u32,
    images: u32,
}

impl Cold {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            clients: options.clients,
            images: options.cold_images,
        }
    }
}

impl Scenario for Cold {
    fn works(&self) -> Vec<Work> {
        let work = |read: Read| {
            let (key, title) = (
                format!("{}-cold", read.key()),
                format!("{}, cold", read.title()),
            );
            Work::new(key, title, Figure::Operations)
        };
        Read::ALL.into_iter().map(work).collect()
    }

    fn sides(&self) -> &'static [Side] {
        &[Side::Berth]
    }

    fn prepare(&self, server: &Server) -> Result<Box<dyn Load>> {
        let images = push_images(server, u64::from(self.images))?;
        Ok(Box::new(ColdLoad {
            images,
            clients: self.clients,
        }))
    }
}

struct ColdLoad {
    images: Vec<Image>,
    clients: u32,
}

impl Load for ColdLoad {
    fn turn(&mut self, work: usize, server: &mut Server) -> Result<Turn> {
        server.restart()?;
        let visits = Limit::Operations(u64::try_from(self.images.len())?);
        visit(Read::ALL[work], &self.images, server, self.clients, visits)
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
    let mut connections = (0..clients)
        .map(|_| server.connect())
        .collect::<Result<Vec<Connection>>>()?;
    let next = AtomicUsize::new(0);
    load::drive(server, &mut connections, limit, |connection| {
        let (request, length) = &visits[next.fetch_add(1, Ordering::Relaxed) % visits.len()];
        let response = connection.exchange(request, read.answer())?;
        response.expect_status(200)?;
        ensure!(
            response.body.len() == *length,
            "the body is not as long as what was pushed"
        );
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
    let mut connection = server.connect()?;
    for image in images {
        let response =
            connection.exchange(&Read::ManifestGetByTag.request(image), Answer::WithBody)?;
        ensure!(
            response.body == image.manifest,
            "a manifest came back changed"
        );
        let response = connection.exchange(&Read::BlobGet.request(image), Answer::WithBody)?;
        ensure!(
            crate::content::digest_of(response.body) == image.layer_digest,
            "a blob came back changed"
        );
    }
    Ok(())
}
