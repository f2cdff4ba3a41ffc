//! Appending to the object of an upload session.
//!
//! Bytes gather in memory until they fill a part, which is then on its way while the next one fills.
//! What is left when a request ends goes where it is cheapest to go on from, or to publish:
//!
//! | so far | no more is expected | more is expected |
//! |---|---|---|
//! | no part, all of it fits into one | one object, which is published as it is | remembered up to 64 KiB, else one object |
//! | parts | the last part | a part if it is large enough; else remembered up to 64 KiB, else a tail |
//!
//! A tail grows in steps: when bytes are added, its last object is read back and written again with
//! them, unless it has a MiB already. When tail and new bytes make a part they become one.
//!
//! What a crash leaves: an upload that no row names, found by the search for unfinished ones; parts
//! that no row names, replaced by whoever goes on, or not named when the object is put together;
//! objects under the fence of the holder, deleted when the session has ended.

mod settle;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use registry_core::ports::{BlobStoreError, BlobWriter, Flush, StorageKey, Stored, UploadObject};

use super::bucket::Bucket;
use super::budget::{PartRoom, UploadBudget};
use super::client::length;
use super::compact::Compaction;
use super::error::failed;
use super::lead::Lead;
use super::sizes::{LARGEST_OBJECT, MOST_PARTS, Plan};
use super::state::{PieceName, State};
use super::uploads::{Draft, PartUploads};

/// How many bytes may be written before a flush is worth while.
const CHECKPOINT: u64 = 64 * 1024 * 1024;

/// Appends to one object.
#[derive(Debug)]
pub(super) struct S3Writer {
    bucket: Arc<Bucket>,
    /// The session, and the fence of this holder.
    key: StorageKey,
    /// What is to be remembered, but for the upload in parts.
    state: State,
    uploads: Arc<PartUploads>,
    rooms: UploadBudget,
    plan: Plan,
    part: Filling,
    /// Whether the last part was so small that none may follow.
    closed: bool,
    /// Work to do before the first byte.
    compaction: Option<Compaction>,
    /// How many bytes are still to come, if that is known.
    expected: Option<u64>,
    /// Up to where a flush was asked for.
    flushed: u64,
    failed: bool,
}

/// The part that is filled at present. What is loose in the state comes before its bytes.
#[derive(Debug)]
struct Filling {
    number: u32,
    begins: u64,
    slices: Vec<Bytes>,
    length: u64,
    room: Option<PartRoom>,
}

impl S3Writer {
    pub(super) fn open(
        bucket: &Arc<Bucket>,
        object: &UploadObject,
        length: Option<u64>,
    ) -> Result<Self, BlobStoreError> {
        let mut state = State::of(object)?.taken_over(object.key.fence);
        let upload = state.upload.take();
        let whole = length.map(|length| object.committed.saturating_add(length));
        let plan = match &upload {
            Some(upload) if bucket.sizes.uniform() => bucket.sizes.fixed(upload.part_size),
            _ => bucket.sizes.plan(whole).at_least(state.loose()),
        };
        if upload.is_none() && !whole.is_none_or(|whole| plan.takes(whole)) {
            return Err(BlobStoreError::TooLarge);
        }
        let compaction = upload.clone().filter(|upload| upload.closed);
        let compaction = compaction.map(|upload| Compaction::new(upload, plan));
        let (number, begins) = match (&compaction, &upload) {
            (Some(compaction), _) => compaction.next(),
            (None, Some(upload)) => (upload.parts.count + 1, upload.parts.size),
            (None, None) => (1, 0),
        };
        Ok(Self {
            bucket: Arc::clone(bucket),
            key: object.key,
            uploads: Arc::new(PartUploads::new(bucket, object.key, upload.as_ref())),
            rooms: UploadBudget::new(bucket.budget.clone()),
            plan,
            part: Filling::new(number, begins),
            closed: compaction.is_some(),
            compaction,
            expected: length,
            flushed: object.committed,
            failed: false,
            state,
        })
    }

    /// How many bytes the part that is filled has.
    fn filled(&self) -> u64 {
        self.state.loose() + self.part.length
    }

    fn is_full(&self) -> bool {
        self.filled() >= self.plan.size(self.part.number)
    }

    async fn take(&mut self, batch: Vec<Bytes>) -> Result<(), BlobStoreError> {
        for mut bytes in batch {
            while !bytes.is_empty() {
                if self.is_full() {
                    self.reserve().await?;
                    self.send()?;
                }
                let free = self.make_room().await?;
                let some = usize::try_from(free).unwrap_or(usize::MAX).min(bytes.len());
                self.push(bytes.split_to(some));
            }
        }
        // The first part waits for a byte behind it: without one it is no part but all there is.
        if self.is_full() && self.uploads.begun() {
            self.send()?;
        }
        Ok(())
    }

    fn push(&mut self, bytes: Bytes) {
        let length = bytes.len() as u64;
        self.expected = self.expected.map(|left| left.saturating_sub(length));
        self.part.length += length;
        self.part.slices.push(bytes);
    }

    /// Makes sure that a byte can be taken; returns how many can.
    async fn make_room(&mut self) -> Result<u64, BlobStoreError> {
        self.reserve().await?;
        if let Some(compaction) = self.compaction.take() {
            self.compact(compaction).await?;
        }
        let reserved = self.part.room.as_ref().map_or(0, PartRoom::bytes);
        let size = self.plan.size(self.part.number).min(reserved);
        match size.saturating_sub(self.filled()) {
            0 => Err(failed("more bytes came than were announced")),
            free => Ok(free),
        }
    }

    /// Takes room for the whole part, or for all that will come if that is less.
    async fn reserve(&mut self) -> Result<(), BlobStoreError> {
        if self.part.room.is_some() {
            return Ok(());
        }
        self.uploads.check()?;
        let there = self.filled() + self.compaction.as_ref().map_or(0, Compaction::rest);
        let size = self.plan.size(self.part.number);
        let all = self.expected.map_or(u64::MAX, |expected| there + expected);
        self.part.room = Some(self.rooms.reserve(all.min(size).max(there)).await?);
        Ok(())
    }

    async fn compact(&mut self, compaction: Compaction) -> Result<(), BlobStoreError> {
        self.uploads = Arc::new(PartUploads::anew(&self.bucket, self.key));
        let rest = compaction
            .run(&self.bucket, self.key.session, &self.uploads)
            .await?;
        self.state.superseded = true;
        self.closed = false;
        self.part.length = length(&rest);
        self.part.slices = rest;
        Ok(())
    }

    /// Sends the part that is filled, and begins the next one.
    fn send(&mut self) -> Result<(), BlobStoreError> {
        let (number, size) = (self.part.number, self.filled());
        let ends = self.part.begins + size;
        if number > MOST_PARTS || ends > LARGEST_OBJECT {
            return Err(BlobStoreError::TooLarge);
        }
        let part = std::mem::replace(&mut self.part, Filling::new(number + 1, ends));
        let room = part.room.ok_or_else(|| failed("a part without room"))?;
        let lead = Lead::take(self.key.session, &mut self.state);
        self.uploads.send(number, lead, part.slices, room);
        self.closed = !self.plan.may_be_followed(number, size);
        Ok(())
    }

    fn draft(&self) -> Draft {
        Draft {
            state: self.state.clone(),
            part_size: self.plan.size(1),
            closed: self.closed,
        }
    }

    fn begin_flush(&mut self) -> Result<(), BlobStoreError> {
        self.check()?;
        if self.part.length > 0 {
            if !self.is_full() {
                return Err(failed("a flush was asked for within a part"));
            }
            self.send()?;
        }
        self.flushed = self.part.begins;
        Ok(())
    }

    fn check(&self) -> Result<(), BlobStoreError> {
        if self.failed {
            return Err(failed("an earlier write of this writer failed"));
        }
        Ok(())
    }
}

impl Filling {
    const fn new(number: u32, begins: u64) -> Self {
        Self {
            number,
            begins,
            slices: Vec::new(),
            length: 0,
            room: None,
        }
    }
}

#[async_trait]
impl BlobWriter for S3Writer {
    fn flush_at(&self) -> u64 {
        let mut number = self.part.number;
        let mut end = self.part.begins + self.plan.size(number);
        while end < self.flushed.saturating_add(CHECKPOINT) {
            number += 1;
            end += self.plan.size(number);
        }
        end
    }

    async fn write(&mut self, batch: Vec<Bytes>) -> Result<(), BlobStoreError> {
        self.check()?;
        // For good, should this future be dropped half-way.
        self.failed = true;
        self.take(batch).await?;
        self.failed = false;
        Ok(())
    }

    fn flush(&mut self) -> Flush {
        if let Err(error) = self.begin_flush() {
            self.failed = true;
            return Box::pin(std::future::ready(Err(error)));
        }
        let (uploads, end, mut draft) = (Arc::clone(&self.uploads), self.part.number, self.draft());
        // What this holder stores from here on is not recorded before it records something again.
        draft.state.superseded = true;
        Box::pin(async move { uploads.collect(end, draft).await })
    }

    async fn close(&mut self, more: bool) -> Result<Stored, BlobStoreError> {
        self.check()?;
        self.failed = true;
        self.settle(more).await?;
        let mut draft = self.draft();
        let whole = self.state.whole().filter(|_| !self.uploads.begun());
        // Then this holder stores an object when it publishes, and records nothing any more.
        draft.state.superseded |= !more && !self.uploads.begun() && whole.is_none();
        let stored = self.uploads.collect(self.part.number, draft).await?;
        Ok(Stored {
            in_place: whole.is_some_and(|piece| piece.name == PieceName::Object),
            ..stored
        })
    }

    async fn abandon(&mut self) {
        self.failed = true;
        self.uploads.give_up().await;
    }
}
