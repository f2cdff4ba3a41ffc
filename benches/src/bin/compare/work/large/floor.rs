//! The floor's large blobs.

use anyhow::{Context as _, Result, ensure};

use super::transfer::{Families, Transfer};
use super::{give_back, moved};
use crate::client::Connection;
use crate::content::{BlobFamily, digest_text};
use crate::floor;
use crate::load::{self, Done, Turn};
use crate::servers::Server;
use crate::work::Load;

/// The same bytes in the floor's own protocol.
pub(super) struct FloorLoad {
    pub(super) transfers: Vec<Transfer>,
    pub(super) families: Families,
}

impl Load for FloorLoad {
    fn turn(&mut self, work: usize, server: &mut Server) -> Result<Turn> {
        let transfer = self.transfers[work];
        let family = self.families.of(transfer)?;
        if matches!(transfer, Transfer::Pull) {
            push(&mut server.connect()?, family)?;
        }
        let mut client = [server.connect()?];
        let turn = load::drive(
            server,
            &mut client,
            transfer.times(),
            |connection| match transfer {
                Transfer::PushMedium
                | Transfer::PushLarge
                | Transfer::PushAtOnce
                | Transfer::PushHuge => {
                    server.forget_large_files()?;
                    push(connection, family)
                }
                Transfer::Pull => pull(connection),
            },
        )?;
        give_back(transfer, server)?;
        Ok(turn)
    }
}

fn push(connection: &mut Connection, family: &BlobFamily) -> Result<Done> {
    let blob = family.blob();
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
