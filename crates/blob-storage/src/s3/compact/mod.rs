//! Going on with an upload whose last part is too small to be followed.
//!
//! A request that nobody expected appends to an object that seemed complete. Its upload is completed
//! to the object it is for, and a new one begins with copies of that: S3 makes them, no byte comes
//! here but the end of the object where all parts must have one size.
//!
//! The parts come from S3's own list, which the row's hash over all of them vouches for: a part that
//! somebody replaced since is found out. What a crash leaves: the object, which whoever comes next
//! finds in place of the upload.

mod listed;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use registry_core::ports::{BlobStoreError, Part, StorageKey};
use uuid::Uuid;

use super::bucket::Bucket;
use super::client::Target;
use super::sizes::{Plan, SMALLEST_PART};
use super::state::Upload;
use super::uploads::PartUploads;

/// How much S3 is asked to copy at a time, where parts may have any size: it takes some seconds.
const COPY: u64 = 512 * 1024 * 1024;
/// As many copies leave parts for what follows.
const MOST_COPIES: u64 = 9_000;
/// How many copies are made at a time.
const COPIES: usize = 4;

/// What is to be done before the first byte.
#[derive(Debug)]
pub(super) struct Compaction {
    upload: Upload,
    copies: Vec<Range<u64>>,
}

impl Compaction {
    /// `plan` is that of the new upload.
    pub(super) fn new(upload: Upload, plan: Plan) -> Self {
        let copies = copies(upload.parts.size, plan);
        Self { upload, copies }
    }

    /// The number of the part behind the copies, and where it begins.
    pub(super) fn next(&self) -> (u32, u64) {
        let number = self.copies.len() + 1;
        (u32::try_from(number).unwrap_or(u32::MAX), self.copied())
    }

    /// How many bytes are read, because they make no part.
    pub(super) fn rest(&self) -> u64 {
        self.upload.parts.size - self.copied()
    }

    fn copied(&self) -> u64 {
        self.copies.last().map_or(0, |range| range.end)
    }

    /// Does it, and returns the bytes that are read.
    pub(super) async fn run(
        self,
        bucket: &Arc<Bucket>,
        session: Uuid,
        uploads: &PartUploads,
    ) -> Result<Vec<Bytes>, BlobStoreError> {
        let fence = self.upload.fence;
        let key = StorageKey { session, fence };
        self.complete(bucket, key).await?;
        let source = bucket.keys.object(key);
        if !self.copies.is_empty() {
            let target = uploads.target().await?;
            let copy = |(number, range): (u32, Range<u64>)| {
                copy(bucket, key, target, number, &source, range)
            };
            let ranges = (1..).zip(self.copies.iter().cloned());
            let mut parts = stream::iter(ranges).map(copy).buffer_unordered(COPIES);
            while let Some(part) = parts.try_next().await? {
                uploads.add(part);
            }
        }
        if self.rest() == 0 {
            return Ok(Vec::new());
        }
        let rest = self.copied()..self.upload.parts.size;
        let read = bucket.client.read(&source, Some(rest)).await;
        read.map_err(|error| error.or_lost(key))
    }

    /// Makes an object of the parts, unless somebody did already.
    async fn complete(&self, bucket: &Bucket, key: StorageKey) -> Result<(), BlobStoreError> {
        let target = self.upload.target(&bucket.keys, key.session);
        let completed = match bucket.client.parts(&target).await {
            Ok(listed) => match listed::these(&self.upload.parts, listed) {
                Some(parts) => bucket.client.complete(&target, &parts).await,
                None => return Err(BlobStoreError::Lost(key)),
            },
            Err(error) => Err(error),
        };
        match completed {
            Ok(()) => Ok(()),
            Err(error) if error.is_no_upload() => bucket.holds(key, self.upload.parts.size).await,
            Err(error) => Err(error.or_lost(key)),
        }
    }
}

async fn copy(
    bucket: &Bucket,
    key: StorageKey,
    target: &Target,
    number: u32,
    source: &str,
    range: Range<u64>,
) -> Result<Part, BlobStoreError> {
    let copied = bucket.client.copy_part(target, number, source, range).await;
    copied.map_err(|error| error.or_lost(key))
}

/// The ranges that are copied, each a part.
fn copies(size: u64, plan: Plan) -> Vec<Range<u64>> {
    let (count, each) = if let Some(each) = plan.uniform() {
        (size / each, each)
    } else if size < SMALLEST_PART {
        (0, size)
    } else {
        // All about as long as each other, so that none is too short.
        let count = size.div_ceil(COPY.max(size.div_ceil(MOST_COPIES)));
        (count, size.div_ceil(count))
    };
    (0..count)
        .map(|number| number * each..((number + 1) * each).min(size))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::sizes::{LARGEST_OBJECT, MOST_PARTS, Sizes};
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn assert_sound(size: u64, ranges: &[Range<u64>]) {
        let mut end = 0;
        for range in ranges {
            assert_eq!(range.start, end);
            assert!(
                range.end - range.start >= SMALLEST_PART,
                "{size}: {range:?}"
            );
            end = range.end;
        }
        assert!(end <= size && ranges.len() < MOST_PARTS as usize);
    }

    #[test]
    fn where_parts_may_differ_all_of_it_is_copied() {
        let plan = Sizes::new(None, false, 64 * MIB).plan(None);
        for (size, count) in [
            (8 * MIB, 1),
            (8 * MIB + 1, 1),
            (512 * MIB, 1),
            (512 * MIB + 1, 2),
            (100 * 1024 * MIB + 7, 201),
            (LARGEST_OBJECT - 1, 9_000),
        ] {
            let ranges = copies(size, plan);
            assert_eq!(ranges.last().unwrap().end, size);
            assert_eq!(ranges.len(), count);
            assert_sound(size, &ranges);
        }
    }

    #[test]
    fn where_parts_have_one_size_the_end_is_read() {
        let plan = Sizes::new(None, true, 64 * MIB).fixed(16 * MIB);
        for (size, copied) in [(3, 0), (16 * MIB, 16 * MIB), (40 * MIB + 1, 32 * MIB)] {
            let ranges = copies(size, plan);
            assert_eq!(ranges.last().map_or(0, |range| range.end), copied);
            assert!(
                ranges
                    .iter()
                    .all(|range| range.end - range.start == 16 * MIB)
            );
            assert_sound(size, &ranges);
        }
    }
}
