//! One large blob at a time, in and out, and the floor beside it where a registry writes files.

mod floor;
mod transfer;

use std::time::Instant;

use anyhow::{Result, ensure};

use super::{Load, REGISTRIES, Scenario, Work};
use crate::client::Answer;
use crate::content::{BlobFamily, digest_of};
use crate::load::{self, Done, Turn};
use crate::options::{Options, Stores};
use crate::reader::Reader;
use crate::registry::{Pusher, request};
use crate::servers::{Server, Side};
use floor::FloorLoad;
use transfer::{Families, Transfer};

const REPOSITORY: &str = "team/large";

/// A line for each way.
pub(super) struct Large {
    transfers: Vec<Transfer>,
    sides: &'static [Side],
}

impl Large {
    pub(super) fn new(options: &Options) -> Self {
        let (transfers, sides): (&[_], &'static [_]) = match options.stores {
            Stores::Local => (
                &[
                    Transfer::PushMedium,
                    Transfer::PushLarge,
                    Transfer::PushAtOnce,
                    Transfer::Pull,
                ],
                &Side::ALL,
            ),
            // A pull is a redirect there, and the floor has no counterpart.
            Stores::Shared => (&[Transfer::PushMedium, Transfer::PushLarge], REGISTRIES),
        };
        // Last: no blob can be read after it.
        let huge = options.huge.then_some(Transfer::PushHuge);
        Self {
            transfers: transfers.iter().copied().chain(huge).collect(),
            sides,
        }
    }
}

impl Scenario for Large {
    fn works(&self) -> Vec<Work> {
        self.transfers.iter().copied().map(Transfer::work).collect()
    }

    fn sides(&self) -> &'static [Side] {
        self.sides
    }

    fn prepare(&self, server: &Server) -> Result<Box<dyn Load>> {
        let transfers = self.transfers.clone();
        let families = Families::new(&transfers);
        if server.side == Side::Floor {
            return Ok(Box::new(FloorLoad {
                transfers,
                families,
            }));
        }
        let mut pusher = Pusher::new(server.connect()?);
        let digest = pusher.push_blob(REPOSITORY, families.of(Transfer::Pull)?)?;
        let pull = request("GET", &format!("/v2/{REPOSITORY}/blobs/{digest}"));
        Reader::new(server.connect()?).read(&pull, Answer::WithBody, |response| {
            ensure!(
                digest_of(response.body) == digest,
                "a large blob came back changed"
            );
            Ok(())
        })?;
        Ok(Box::new(LargeLoad {
            transfers,
            families,
            pull,
        }))
    }
}

struct LargeLoad {
    transfers: Vec<Transfer>,
    families: Families,
    pull: Vec<u8>,
}

impl Load for LargeLoad {
    fn turn(&mut self, work: usize, server: &mut Server) -> Result<Turn> {
        let transfer = self.transfers[work];
        let family = self.families.of(transfer)?;
        let mut client = [Pusher::new(server.connect()?)];
        if matches!(transfer, Transfer::Pull) {
            // Into the kernel's memory, which the pushes before gave back.
            client[0].connection().send(&self.pull)?;
            client[0].connection().receive_and_discard(200)?;
        }
        let turn = load::drive(
            server,
            &mut client,
            transfer.times(),
            |pusher| match transfer {
                Transfer::PushMedium | Transfer::PushLarge | Transfer::PushHuge => {
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
        )?;
        give_back(transfer, server)?;
        Ok(turn)
    }
}

/// Few disks have room for what huge pushes of several turns leave.
fn give_back(transfer: Transfer, server: &Server) -> Result<()> {
    match transfer {
        Transfer::PushHuge => server.empty_large_files(),
        Transfer::PushMedium | Transfer::PushLarge | Transfer::PushAtOnce | Transfer::Pull => {
            Ok(())
        }
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
