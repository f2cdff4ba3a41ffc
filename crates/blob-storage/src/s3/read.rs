//! Reading published objects.

use std::io;
use std::ops::Range;

use aws_sdk_s3::primitives::ByteStream as S3Stream;
use futures_util::stream;
use registry_core::ports::{BlobStoreError, ByteStream, Location, StorageKey};

use super::bucket::Bucket;
use super::error::failed;

/// How to get `range` of an object that has `size` bytes.
pub(super) async fn open(
    bucket: &Bucket,
    key: StorageKey,
    size: u64,
    range: Range<u64>,
) -> Result<Location, BlobStoreError> {
    if range.start > range.end || range.end > size {
        return Err(failed("more was asked for than the object has"));
    }
    if range.is_empty() {
        bucket.holds(key, size).await?;
        return Ok(Location::Stream(Box::pin(stream::empty())));
    }
    let length = range.end - range.start;
    let asked = (length < size).then_some(range);
    let body = match bucket.client.get(&bucket.keys.object(key), asked).await {
        Ok(body) => body,
        // The object ends before the range begins.
        Err(error) if error.status() == Some(416) => return Err(BlobStoreError::Lost(key)),
        Err(error) => return Err(error.or_lost(key)),
    };
    if body.size != size || body.length != length {
        return Err(BlobStoreError::Lost(key));
    }
    Ok(Location::Stream(bytes(body.bytes)))
}

/// The bytes, and at most one error behind them.
fn bytes(body: S3Stream) -> ByteStream {
    Box::pin(stream::unfold(Some(body), |body| async {
        let mut body = body?;
        match body.next().await? {
            Ok(slice) => Some((Ok(slice), Some(body))),
            Err(error) => Some((Err(io::Error::other(error)), None)),
        }
    }))
}
