//! Where the bytes go that are in memory when a request ends; the table in the module above.

use registry_core::ports::BlobStoreError;

use super::super::client::length;
use super::super::lead::Lead;
use super::super::state::{INLINE, Piece, PieceName};
use super::S3Writer;

/// From this size on a piece of a tail is not written again.
const STEP: u64 = 1024 * 1024;

impl S3Writer {
    /// Brings to rest what is in memory.
    pub(super) async fn settle(&mut self, more: bool) -> Result<(), BlobStoreError> {
        if self.part.length == 0 {
            return Ok(());
        }
        let begun = self.uploads.begun();
        let large = self.filled() >= self.plan.acceptable(self.part.number);
        match more {
            false if !begun => self.store_whole().await,
            false => self.send(),
            true if large && (begun || self.is_full()) => self.send(),
            true => self.park().await,
        }
    }

    /// Stores everything as one object.
    async fn store_whole(&mut self) -> Result<(), BlobStoreError> {
        let lead = Lead::take(self.key.session, &mut self.state);
        self.store(lead, PieceName::Object).await
    }

    /// Puts the end where the next request finds it.
    async fn park(&mut self) -> Result<(), BlobStoreError> {
        let inline = std::mem::take(&mut self.state.inline);
        if inline.len() as u64 + self.part.length <= INLINE {
            let slices = std::mem::take(&mut self.part.slices);
            self.state.inline = [&[inline][..], &slices].concat().concat().into();
            self.part.room = None;
            return Ok(());
        }
        self.state.inline = inline;
        let lead = Lead::take_end(self.key.session, &mut self.state, STEP);
        let alone = self.state.pieces.is_empty() && !self.uploads.begun();
        let name = if alone {
            PieceName::Parked
        } else {
            PieceName::Tail
        };
        self.store(lead, name).await
    }

    async fn store(&mut self, lead: Lead, name: PieceName) -> Result<(), BlobStoreError> {
        let slices = lead.before(&self.bucket, std::mem::take(&mut self.part.slices));
        let slices = slices.await?;
        let size = length(&slices);
        let fence = self.key.fence;
        let piece = Piece { name, fence, size };
        let object = self.bucket.keys.piece(self.key.session, piece);
        self.bucket.client.put(&object, slices, None).await?;
        self.part.room = None;
        self.state.pieces.push(piece);
        Ok(())
    }
}
