//! What an upload session holds in front of the bytes that come in: pieces that lie as objects and
//! bytes that were remembered, until they become part of something larger.

use bytes::Bytes;
use registry_core::ports::{BlobStoreError, StorageKey};
use uuid::Uuid;

use super::bucket::Bucket;
use super::client::length;
use super::state::{Piece, State};

/// Pieces, and bytes behind them.
#[derive(Debug, Default)]
pub(super) struct Lead {
    session: Uuid,
    pieces: Vec<Piece>,
    inline: Bytes,
}

impl Lead {
    /// All that is in no part yet. From here on the pieces are no part of the object any more.
    pub(super) fn take(session: Uuid, state: &mut State) -> Self {
        state.superseded |= !state.pieces.is_empty();
        Self {
            session,
            pieces: std::mem::take(&mut state.pieces),
            inline: std::mem::take(&mut state.inline),
        }
    }

    /// Only the last piece, if it has fewer bytes than `step`, and what is behind it.
    pub(super) fn take_end(session: Uuid, state: &mut State, step: u64) -> Self {
        let short = |piece: &Piece| piece.size < step;
        let last = state.pieces.pop_if(|piece| short(piece));
        state.superseded |= last.is_some();
        Self {
            session,
            pieces: last.into_iter().collect(),
            inline: std::mem::take(&mut state.inline),
        }
    }

    /// Reads it, and puts it in front of what came in.
    pub(super) async fn before(
        self,
        bucket: &Bucket,
        came_in: Vec<Bytes>,
    ) -> Result<Vec<Bytes>, BlobStoreError> {
        let mut slices = Vec::new();
        for piece in self.pieces {
            read(bucket, self.session, piece, &mut slices).await?;
        }
        slices.push(self.inline);
        slices.extend(came_in);
        Ok(slices)
    }
}

async fn read(
    bucket: &Bucket,
    session: Uuid,
    piece: Piece,
    slices: &mut Vec<Bytes>,
) -> Result<(), BlobStoreError> {
    let fence = piece.fence;
    let key = StorageKey { session, fence };
    let name = bucket.keys.piece(session, piece);
    let read = bucket.client.read(&name, None).await;
    let read = read.map_err(|error| error.or_lost(key))?;
    if length(&read) != piece.size {
        return Err(BlobStoreError::Lost(key));
    }
    slices.extend(read);
    Ok(())
}
