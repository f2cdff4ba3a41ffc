//! One large blob at a time, in and out, and the floor beside it.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use super::{Figure, Load, Scenario, Work};
use crate::client::{Answer, Connection};
use crate::content::{Blob, BlobFamily, digest_of, digest_text};
use crate::floor;
use crate::load::{self, Done, Limit, Turn};
use crate::registry::{Pusher, request};
use crate::servers::{Server, Side};

const LARGE: usize = 200 * 1024 * 1024;

/// A tenth of it shows whether the last step of a push depends on the length.
const MEDIUM: usize = LARGE / 10;

const REPOSITORY: &str = "team/large";

/// Transfers of one turn: as many on a fast server as on a slow one, so that the disk gets the
/// same from both.
const TRANSFERS: u64 = 3;

#[derive(Debug, Clone, Copy)]
enum Transfer {
    /// POST, PATCH of a stream of unknown length, PUT: docker, podman and skopeo.
    PushMedium,
    /// The same, ten times as long.
    PushLarge,
    /// POST, PUT of everything: containerd and BuildKit.
    PushAtOnce,
    Pull,
}

impl Transfer {
    const ALL: [Self; 4] = [
        Self::PushMedium,
        Self::PushLarge,
        Self::PushAtOnce,
        Self::Pull,
    ];

    fn work(self) -> Work {
        let (key, title, last_step) = match self {
            Self::PushMedium => (
                "push-medium",
                "push 20 MiB (POST, PATCH, PUT)",
                Some("its finalize PUT"),
            ),
            Self::PushLarge => (
                "push-large",
                "push 200 MiB (POST, PATCH, PUT)",
                Some("its finalize PUT"),
            ),
            Self::PushAtOnce => ("push-large-put", "push 200 MiB (POST, PUT)", None),
            Self::Pull => ("pull-large", "pull 200 MiB", None),
        };
        Work {
            last_step,
            ..Work::new(key, title, Figure::Volume)
        }
    }
}

/// What is pushed, by size.
struct Families {
    medium: BlobFamily,
    large: BlobFamily,
}

impl Families {
    fn of(&self, transfer: Transfer) -> &BlobFamily {
        match transfer {
            Transfer::PushMedium => &self.medium,
            Transfer::PushLarge | Transfer::PushAtOnce | Transfer::Pull => &self.large,
        }
    }
}

/// Four lines.
pub(super) struct Large;

impl Scenario for Large {
    fn works(&self) -> Vec<Work> {
        Transfer::ALL.map(Transfer::work).into()
    }

    fn sides(&self) -> &'static [Side] {
        &Side::ALL
    }

    fn prepare(&self, server: &Server) -> Result<Box<dyn Load>> {
        let families = Families {
            medium: BlobFamily::new(MEDIUM),
            large: BlobFamily::new(LARGE),
        };
        if server.side == Side::Floor {
            return Ok(Box::new(FloorLoad { families }));
        }
        let mut pusher = Pusher::new(server.connect()?);
        let digest = pusher.push_blob(REPOSITORY, &families.large)?;
        let pull = request("GET", &format!("/v2/{REPOSITORY}/blobs/{digest}"));
        let response = pusher.connection().exchange(&pull, Answer::WithBody)?;
        ensure!(
            digest_of(response.body) == digest,
            "a large blob came back changed"
        );
        Ok(Box::new(LargeLoad { families, pull }))
    }
}

struct LargeLoad {
    families: Families,
    pull: Vec<u8>,
}

impl Load for LargeLoad {
    fn turn(&mut self, work: usize, server: &mut Server) -> Result<Turn> {
        let transfer = Transfer::ALL[work];
        let family = self.families.of(transfer);
        let mut client = [Pusher::new(server.connect()?)];
        if matches!(transfer, Transfer::Pull) {
            // Into the kernel's memory, which the pushes before gave back.
            client[0].connection().send(&self.pull)?;
            client[0].connection().receive_and_discard(200)?;
        }
        load::drive(
            server,
            &mut client,
            Limit::Operations(TRANSFERS),
            |pusher| match transfer {
                Transfer::PushMedium | Transfer::PushLarge => {
                    server.forget_large_files()?;
                    push_streamed(pusher, REPOSITORY, family)
                }
                Transfer::PushAtOnce => {
                    server.forget_large_files()?;
                    pusher.push_blob(REPOSITORY, family)?;
                    moved(family.length())
                }
                Transfer::Pull => {
                    pusher.connection().send(&self.pull)?;
                    let bytes = pusher.connection().receive_and_discard(200)?;
                    Ok(Done {
                        bytes,
                        last_step: None,
                    })
                }
            },
        )
    }
}

/// A push as docker does it, with a look at how long the last step alone takes.
pub(super) fn push_streamed(
    pusher: &mut Pusher,
    repository: &str,
    family: &BlobFamily,
) -> Result<Done> {
    let blob = family.blob();
    let upload = pusher.begin_upload(repository)?;
    let upload = pusher.patch_blob(&upload, family, &blob)?;
    let begun = Instant::now();
    pusher.finish_upload(&upload, &blob)?;
    Ok(Done {
        last_step: Some(begun.elapsed()),
        ..moved(family.length())?
    })
}

fn moved(length: usize) -> Result<Done> {
    Ok(Done {
        bytes: u64::try_from(length)?,
        last_step: None,
    })
}

/// The same bytes in the floor's own protocol.
struct FloorLoad {
    families: Families,
}

impl Load for FloorLoad {
    fn turn(&mut self, work: usize, server: &mut Server) -> Result<Turn> {
        let transfer = Transfer::ALL[work];
        let family = self.families.of(transfer);
        if matches!(transfer, Transfer::Pull) {
            push(&mut server.connect()?, family)?;
        }
        let mut client = [server.connect()?];
        load::drive(
            server,
            &mut client,
            Limit::Operations(TRANSFERS),
            |connection| match transfer {
                Transfer::PushMedium | Transfer::PushLarge | Transfer::PushAtOnce => {
                    server.forget_large_files()?;
                    push(connection, family)
                }
                Transfer::Pull => pull(connection),
            },
        )
    }
}

fn push(connection: &mut Connection, family: &BlobFamily) -> Result<Done> {
    let blob: Blob = family.blob();
    connection.send(&[floor::PUSH])?;
    connection.send(&u64::try_from(family.length())?.to_le_bytes())?;
    for piece in family.pieces(&blob) {
        connection.send(piece)?;
    }
    let mut hash = [0; 32];
    connection.read_exact(&mut hash)?;
    ensure!(
        digest_text(&hash) == blob.digest,
        "the floor hashed other bytes"
    );
    moved(family.length())
}

fn pull(connection: &mut Connection) -> Result<Done> {
    connection.send(&[floor::PULL])?;
    let mut length = [0; 8];
    connection.read_exact(&mut length)?;
    let bytes = u64::from_le_bytes(length);
    connection
        .discard(&mut { bytes })
        .context("pull from the floor")?;
    Ok(Done {
        bytes,
        last_step: None,
    })
}
